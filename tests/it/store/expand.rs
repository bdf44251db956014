//! The expander: every recipient becomes one message, whoever else is at it and wherever the process ends.

use messaging::domain::campaign::{Action, CampaignState, Refused};
use messaging::domain::ids::{CampaignId, OwnerId};
use messaging::domain::message::{Dispatch, Status};
use messaging::domain::recipient::Recipient;
use messaging::domain::sender::SenderId;
use messaging::domain::status::Event;
use messaging::domain::template::Template;
use messaging::store::{Added, Error, Job, Move, Pace, Pick, RecipientBatch, Store};

use crate::support::database::on_both_databases;
use crate::support::store::{ME, Rig, claim, eventually};

on_both_databases![Rig::on =>
    two_stores_at_once_make_every_message_exactly_once,
    an_end_between_two_batches_loses_nothing_and_doubles_nothing,
    no_more_is_made_while_much_is_queued,
    a_start_and_additions_never_cross,
    counters_and_waiting_recipients_are_read_at_one_moment,
    recipients_go_when_their_campaign_is_over_and_not_before,
    a_paused_campaigns_messages_are_not_claimed_and_their_leases_end_all_the_same,
    a_recipient_that_vanished_is_not_waited_for,
    a_recipient_whose_message_is_refused_has_a_record_and_holds_up_no_other,
    a_database_that_refuses_even_the_record_has_its_recipients_wait,
];

fn pace(page: i64, ceiling: i64) -> Pace {
    Pace { page, ceiling, traffic_account_id: "account-1".to_owned(), default_sender: SenderId::parse("Shop").ok() }
}

fn recipients(range: std::ops::Range<i64>) -> Vec<Recipient> {
    let template = Template::parse("Hello").unwrap();
    range.map(|i| Recipient::parse(&template, &format!("+3069{:08}", 12_340_000 + i), []).unwrap()).collect()
}

async fn add(store: &Store, owner: OwnerId, campaign: CampaignId, range: std::ops::Range<i64>) -> Added {
    let batch = RecipientBatch { owner, campaign, recipients: recipients(range), invalid: 0 };
    store.add_recipients(batch).await.unwrap().unwrap()
}

async fn act(store: &Store, owner: OwnerId, campaign: CampaignId, action: Action) -> Result<CampaignState, Refused> {
    let sender = SenderId::parse("Shop").ok();
    let moved = store.move_campaign(Move { owner, campaign, action, sender, recipients: None }).await.unwrap().unwrap();
    moved.map(|campaign| campaign.state)
}

/// A started campaign of this many recipients.
async fn started(rig: &Rig, n: i64) -> (OwnerId, CampaignId) {
    let owner = rig.owner().await;
    let campaign = rig.campaign(owner).await;
    for from in (0..n).step_by(1000) {
        add(&rig.store, owner, campaign, from..(from + 1000).min(n)).await;
    }
    assert_eq!(act(&rig.store, owner, campaign, Action::Start).await, Ok(CampaignState::Running));
    (owner, campaign)
}

async fn assert_made_once(rig: &Rig, campaign: CampaignId, n: i64) {
    let of = format!("messages WHERE lane = {campaign} AND campaign_id = {campaign} AND dispatch = 1");
    let different = format!("(SELECT DISTINCT destination FROM messages WHERE lane = {campaign}) AS d");
    assert_eq!((rig.count(&of).await, rig.count(&different).await), (n, n));
    assert_eq!(rig.count(&format!("campaigns WHERE id = {campaign} AND expanded = {n} AND recipients = {n}")).await, 1);
    assert_eq!(rig.count("events").await, n);
}

async fn two_stores_at_once_make_every_message_exactly_once(rig: Rig) {
    let (owner, campaign) = started(&rig, 2000).await;
    let stores = [rig.store.clone(), rig.another().await, rig.another().await];
    let expanders = stores.map(|store| {
        tokio::spawn(async move {
            let mut made = 0;
            // Another one may be at it: a step that did nothing is not the end.
            while store.campaign_stats(OwnerId(owner.0), campaign).await.unwrap().unwrap().state
                == CampaignState::Running
                && made_all(&store, owner, campaign).await < 2000
            {
                made += store.reconcile(campaign, pace(50, i64::MAX)).await.unwrap();
            }
            made
        })
    });
    let made = futures::future::join_all(expanders).await.into_iter().map(Result::unwrap);
    assert_eq!(made.sum::<usize>(), 2000);
    assert_made_once(&rig, campaign, 2000).await;
}

/// How many messages there are, by the list that the owner reads.
async fn made_all(store: &Store, owner: OwnerId, campaign: CampaignId) -> usize {
    let filter = messaging::store::Filter { campaign: Some(campaign), ..Default::default() };
    store.messages(owner, &filter, None, 5000).await.unwrap().len()
}

async fn an_end_between_two_batches_loses_nothing_and_doubles_nothing(rig: Rig) {
    let (_, campaign) = started(&rig, 350).await;
    assert_eq!(rig.store.reconcile(campaign, pace(100, i64::MAX)).await.unwrap(), 100);
    // One that nobody waits for is done as a whole or not at all.
    drop(tokio::time::timeout(std::time::Duration::ZERO, rig.store.reconcile(campaign, pace(100, i64::MAX))).await);
    // A process that starts anew; on SQLite one without the serving lock, which the first still holds.
    let again = Store::open(&rig.config, rig.clock.clone(), rig.is_postgres()).await.unwrap();
    // While the one that nobody waits for is at it, the campaign is left to it.
    let made = async || {
        again.reconcile(campaign, pace(100, i64::MAX)).await.unwrap();
        rig.count("messages").await == 350
    };
    eventually(made).await;
    assert_made_once(&rig, campaign, 350).await;
}

async fn no_more_is_made_while_much_is_queued(rig: Rig) {
    let (_, campaign) = started(&rig, 500).await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(rig.store.reconcile(campaign, pace(100, 150)).await.unwrap());
    }
    assert_eq!(made, [100, 100, 0, 0]);
    let claim = Job { pick: Pick::Waiting { campaign, limit: 50 }, event: Event::Cancel };
    assert_eq!(rig.store.apply(claim).await.unwrap().len(), 50);
    assert_eq!(rig.store.reconcile(campaign, pace(100, 150)).await.unwrap(), 100);
}

async fn a_start_and_additions_never_cross(rig: Rig) {
    let owner = rig.owner().await;
    let campaign = rig.campaign(owner).await;
    add(&rig.store, owner, campaign, 0..10).await;
    let other = rig.another().await;
    let adding = async {
        let mut added = 10;
        for from in (10..30_000).step_by(10) {
            match add(&rig.store, owner, campaign, from..from + 10).await {
                Added::Added(n) => added += n,
                Added::Started(state) => return (added, state),
            }
        }
        panic!("the start never came");
    };
    let starting = async {
        crate::support::store::eventually(async || rig.count("recipients").await > 50).await;
        act(&other, owner, campaign, Action::Start).await
    };
    let ((added, state), done) = tokio::join!(adding, starting);
    assert_eq!((state, done), (CampaignState::Running, Ok(CampaignState::Running)));
    while rig.store.reconcile(campaign, pace(500, i64::MAX)).await.unwrap() > 0 {}
    assert_made_once(&rig, campaign, added).await;
}

async fn counters_and_waiting_recipients_are_read_at_one_moment(rig: Rig) {
    let (owner, campaign) = started(&rig, 1000).await;
    let store = rig.store.clone();
    let expanding = tokio::spawn(async move {
        while store.reconcile(campaign, pace(20, i64::MAX)).await.unwrap() > 0 {
            store.roll_up_counters().await.unwrap();
        }
    });
    let mut reads = 0;
    while !expanding.is_finished() {
        let stats = rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap();
        assert_eq!((stats.total(), stats.of(&[Status::Queued])), (1000, 1000));
        reads += 1;
    }
    expanding.await.unwrap();
    assert!(reads > 0);
}

async fn recipients_go_when_their_campaign_is_over_and_not_before(rig: Rig) {
    let (owner, cancelled) = started(&rig, 6000).await;
    let (_, running) = started(&rig, 3).await;
    let draft = rig.campaign(owner).await;
    add(&rig.store, owner, draft, 0..2).await;
    act(&rig.store, owner, cancelled, Action::Cancel).await.unwrap();
    assert_eq!(rig.store.forget_recipients().await.unwrap(), 0);
    assert_eq!(rig.store.reconcile(cancelled, pace(100, 1)).await.unwrap(), 1, "it ends");
    let mut gone = Vec::new();
    for _ in 0..3 {
        gone.push(rig.store.forget_recipients().await.unwrap());
    }
    assert_eq!(gone, [5000, 1000, 0]);
    assert_eq!(rig.count(&format!("recipients WHERE campaign_id IN ({running}, {draft})")).await, 5);
    let stats = rig.store.campaign_stats(owner, cancelled).await.unwrap().unwrap();
    assert_eq!((stats.total(), stats.of(&[Status::Cancelled]), stats.over), (6000, 6000, true));
    let reconciled: Vec<_> =
        rig.store.campaigns_to_reconcile().await.unwrap().into_iter().map(|c| c.campaign).collect();
    assert_eq!(reconciled, [running]);
}

async fn a_paused_campaigns_messages_are_not_claimed_and_their_leases_end_all_the_same(rig: Rig) {
    let (owner, campaign) = started(&rig, 3).await;
    rig.store.reconcile(campaign, pace(10, 10)).await.unwrap();
    let due = async |limit| rig.take(limit).await.len();
    // Whoever listed the streams before the pause must not claim by that list after it.
    let before = rig.store.partitions(&[]).await.unwrap();
    assert_eq!(due(1).await, 1);
    act(&rig.store, owner, campaign, Action::Pause).await.unwrap();
    let late = before.into_iter().map(|partition| (partition, 10)).collect();
    let late = rig.store.claim(claim(ME, rig.lease_end(), late)).await.unwrap();
    assert!(late.leased.is_empty());
    let single = rig.queued(owner).await;
    assert_eq!(due(10).await, 1, "the single send");
    assert_eq!(rig.read(&single).await.state.dispatch, Dispatch::Claimed);
    rig.clock.advance(jiff::SignedDuration::from_mins(1));
    assert_eq!(rig.timer(Dispatch::Claimed).await.len(), 2, "a dead holder's are given back");
    assert_eq!(due(10).await, 1);
    act(&rig.store, owner, campaign, Action::Resume).await.unwrap();
    assert_eq!(due(10).await, 3);
}

async fn a_recipient_that_vanished_is_not_waited_for(rig: Rig) {
    let (_, campaign) = started(&rig, 3).await;
    rig.execute("DELETE FROM recipients").await;
    assert_eq!(rig.store.reconcile(campaign, pace(10, 10)).await.unwrap(), 0);
    assert_eq!(rig.store.reconcile(campaign, pace(10, 10)).await.unwrap(), 1);
    assert_eq!(rig.count("campaigns WHERE state = 6 AND ended_at IS NOT NULL").await, 1);
}

const GUILTY: &str = "+306912340007";

async fn a_recipient_whose_message_is_refused_has_a_record_and_holds_up_no_other(rig: Rig) {
    let (owner, campaign) = started(&rig, 40).await;
    rig.refuse_new(&format!("NEW.destination = '{GUILTY}' AND NEW.text <> ''")).await;
    let mut made = 0;
    for _ in 0..20 {
        made += rig.store.reconcile(campaign, pace(40, i64::MAX)).await.unwrap();
    }
    assert_eq!(made, 40);
    assert_eq!(rig.count(&format!("messages WHERE lane = {campaign} AND dispatch = 1")).await, 39);
    let told = format!("messages WHERE destination = '{GUILTY}' AND error_code = 'NOT_STORED' AND text = ''");
    assert_eq!(rig.count(&told).await, 1);
    let stats = rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap();
    assert_eq!((stats.of(&[Status::Queued]), stats.of(&[Status::Failed])), (39, 1));
    rig.allow().await;
}

async fn a_database_that_refuses_even_the_record_has_its_recipients_wait(rig: Rig) {
    let (_, campaign) = started(&rig, 20).await;
    rig.refuse_new("NEW.id IS NOT NULL").await;
    for _ in 0..3 {
        assert!(matches!(rig.store.reconcile(campaign, pace(20, i64::MAX)).await, Err(Error::Query(_))));
    }
    assert_eq!(rig.count("messages").await, 0);
    rig.allow().await;
    assert_eq!(rig.store.reconcile(campaign, pace(20, i64::MAX)).await.unwrap(), 20);
    assert_made_once(&rig, campaign, 20).await;
}
