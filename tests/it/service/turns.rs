//! Turns at the queue when one owner has more waiting in it than is looked at: whoever has one message does not wait for them.

use jiff::{SignedDuration, Timestamp};
use messaging::domain::gate::{Gate, Holding};
use messaging::domain::ids::OwnerId;
use messaging::service::{Service, Settings};

use crate::support::database::on_both_databases;
use crate::support::scripted::{Scripted, all};
use crate::support::settings::{self, ForTests as _};
use crate::support::store::Rig;

on_both_databases![Rig::on =>
    ten_thousand_campaigns_on_a_held_account_do_not_delay_anothers_message,
    ten_thousand_campaigns_on_a_limited_account_do_not_delay_anothers_message,
    ten_thousand_accounts_of_one_owner_do_not_delay_anothers_message,
];

/// More than are looked at in one pass.
const MANY: u32 = 12_000;

/// Columns that are copied from a message as it is.
const SAME: &str = "destination, text, sender, segments, encoding, delivery_guarantee, created_at, expires_at, dispatch, \
    delivery_rank, status, evidence_hash, attempts, ambiguous, crashes, possible_duplicate, epoch, due_at, updated_at, version";

/// The numbers from 1 to `n`, as `n(i)`.
fn numbers(n: u32) -> String {
    format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {n})")
}

/// Copies a queued message of the owner's `n` times, each with this lane and this account, as expressions of `n.i`.
async fn waiting(rig: &Rig, owner: OwnerId, n: u32, lane: &str, account: &str) {
    let one = rig.queued(owner).await;
    let new = if rig.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
    let campaign = if lane == "0" { "NULL" } else { lane };
    rig.execute(&format!(
        "INSERT INTO messages (id, owner_id, campaign_id, lane, traffic_account_id, {SAME}) {} \
         SELECT {new}, owner_id, {campaign}, {lane}, {account}, {SAME} FROM n, messages WHERE owner_id = {owner}",
        numbers(n)
    ))
    .await;
    let gone =
        format!("DELETE FROM messages WHERE owner_id = {owner} AND traffic_account_id = '{}'", one.traffic_account_id);
    rig.execute(&gone).await;
}

/// As many running campaigns, each with one message that waits on this account. Their ids begin after `from`.
async fn campaigns(rig: &Rig, owner: OwnerId, from: u32, n: u32, account: &str) {
    let campaign = rig.campaign(owner).await;
    let same = "owner_id, name, text, delivery_guarantee, validity_seconds, created_at, updated_at";
    rig.execute(&format!(
        "INSERT INTO campaigns (id, state, sender, started_at, {same}) {} \
         SELECT {from} + n.i, 3, 's', created_at, {same} FROM n, campaigns WHERE id = {campaign}",
        numbers(n)
    ))
    .await;
    waiting(rig, owner, n, &format!("{from} + n.i"), &format!("'{account}'")).await;
}

async fn sent_of(rig: &Rig, owner: OwnerId) -> i64 {
    rig.count(&format!("messages WHERE owner_id = {owner} AND sent_at IS NOT NULL")).await
}

/// A service that has read the gates, and one pass of it over the queue.
async fn pass(rig: &Rig) -> Service {
    let service = settings::service(&rig.store, &rig.clock, Scripted::new(all), Settings::for_tests());
    service.sender().refresh_gates().await.unwrap();
    service.sender().send_due().await.unwrap();
    service.drain().await;
    service
}

async fn ten_thousand_campaigns_on_a_held_account_do_not_delay_anothers_message(rig: Rig) {
    let (alice, bob) = (rig.owner().await, rig.owner().await);
    campaigns(&rig, alice, 100, MANY, "held").await;
    campaigns(&rig, bob, 1_000_000, 1, "free").await;
    let block = |gate: &mut Gate, now: Timestamp| {
        gate.holding = Holding::Blocked;
        gate.until = Some(now + SignedDuration::from_mins(1));
    };
    rig.store.change_gate("held", block).await.unwrap();
    pass(&rig).await;
    assert_eq!((sent_of(&rig, alice).await, sent_of(&rig, bob).await), (0, 1));
}

async fn ten_thousand_campaigns_on_a_limited_account_do_not_delay_anothers_message(rig: Rig) {
    let (alice, bob) = (rig.owner().await, rig.owner().await);
    campaigns(&rig, alice, 100, MANY, "limited").await;
    campaigns(&rig, bob, 1_000_000, 1, "free").await;
    let limit = |gate: &mut Gate, _: Timestamp| (gate.rate, gate.burst) = (Some(10), Some(5));
    rig.store.change_gate("limited", limit).await.unwrap();
    pass(&rig).await;
    assert_eq!(sent_of(&rig, bob).await, 1);
    assert!((1..=5).contains(&sent_of(&rig, alice).await), "what the limit allows");
}

async fn ten_thousand_accounts_of_one_owner_do_not_delay_anothers_message(rig: Rig) {
    let (alice, bob) = (rig.owner().await, rig.owner().await);
    waiting(&rig, alice, MANY, "0", "'a-' || CAST(n.i AS text)").await;
    waiting(&rig, bob, 1, "0", "'free'").await;
    pass(&rig).await;
    assert_eq!(sent_of(&rig, bob).await, 1);
    assert!(sent_of(&rig, alice).await >= 16, "the rest is hers");
}
