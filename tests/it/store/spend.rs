//! Limits of spending: counted where messages are accepted, never overshot by however many calls and replicas.

use std::collections::BTreeSet;

use futures::future::join_all;
use jiff::SignedDuration;
use messaging::domain::allowed::Allowed;
use messaging::domain::audit::Act;
use messaging::domain::campaign::Action;
use messaging::domain::ids::{CampaignId, MessageId, OwnerId};
use messaging::domain::message::{Guarantee, Message, Status};
use messaging::domain::phone::Msisdn;
use messaging::domain::recipient::Recipient;
use messaging::domain::sender::SenderId;
use messaging::domain::spend::{Left, Limit, Limits, Over, PerNumber};
use messaging::domain::template::Template;
use messaging::store::{Accepted, IdempotencyKey, Move, Pace, RecipientBatch, Store, Terms, User};
use tokio_util::sync::CancellationToken;

use crate::support::database::on_both_databases;
use crate::support::messages::queued;
use crate::support::outcomes::accepted;
use crate::support::postgres::connect;
use crate::support::store::Rig;

on_both_databases![Rig::on =>
    segments_are_never_overshot_by_calls_at_once_on_two_replicas,
    messages_to_one_number_are_never_overshot_by_calls_at_once_on_two_replicas,
    a_message_whose_number_was_erased_counts_all_the_same,
    a_refused_message_leaves_its_key_free_and_takes_nothing,
    a_repeated_call_and_one_whose_answer_was_lost_are_counted_once,
    what_is_counted_begins_anew_with_the_day,
    an_owner_without_limits_is_not_counted,
    a_campaign_waits_for_the_next_day_where_the_limit_is_reached,
    a_campaigns_recipients_that_may_never_be_sent_to_fail_by_themselves,
    a_campaign_whose_validity_ends_while_its_owners_limit_is_reached_ends,
];

const LIMITED: Terms = Terms { rate: None, limited: true };

async fn owner(rig: &Rig, limits: Limits) -> OwnerId {
    let owner = rig.owner().await;
    let change = move |user: &mut User| {
        user.limits = limits.clone();
        Some(String::new())
    };
    assert_eq!(rig.store.change_user(owner, Act::UserLimited, change).await.unwrap(), Some(true));
    owner
}

/// A message of one segment.
fn message(rig: &Rig, owner: OwnerId, to: u32) -> Message {
    let destination = Msisdn::from_stored(format!("+3069123{to:05}"));
    let message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
    Message { id: MessageId::new(rig.clock.now()), destination, segments: 1, ..message }
}

async fn accept(store: &Store, message: &Message, key: Option<IdempotencyKey>) -> Accepted {
    store.accept(message.clone(), key, LIMITED, CancellationToken::new()).await.unwrap()
}

fn taken(answers: &[Accepted]) -> usize {
    answers.iter().filter(|answer| matches!(answer, Accepted::New(_))).count()
}

async fn segments_are_never_overshot_by_calls_at_once_on_two_replicas(rig: Rig) {
    let owner = owner(&rig, Limits { per_day: Some(40), ..Limits::default() }).await;
    let stores = [rig.store.clone(), rig.another().await];
    let calls = (0..64).map(|n| {
        let (store, message) = (stores[n % 2].clone(), message(&rig, owner, u32::try_from(n).unwrap()));
        tokio::spawn(async move { accept(&store, &message, None).await })
    });
    let answers: Vec<Accepted> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(taken(&answers), 40);
    assert_eq!(rig.count("messages").await, 40);
    assert!(answers.iter().all(|a| matches!(a, Accepted::New(_) | Accepted::Over(Over { limit: Limit::Day, .. }))));
    let left = rig.store.segments_left(owner).await.unwrap();
    assert_eq!(left, Left { today: Some(0), ..Left::default() });
}

async fn messages_to_one_number_are_never_overshot_by_calls_at_once_on_two_replicas(rig: Rig) {
    let window = SignedDuration::from_hours(1);
    let per_number = Some(PerNumber { messages: 3, window });
    let owner = owner(&rig, Limits { per_number, ..Limits::default() }).await;
    let stores = [rig.store.clone(), rig.another().await];
    let calls = (0..64).map(|n: usize| {
        let (store, message) = (stores[n % 2].clone(), message(&rig, owner, u32::try_from(n / 2 % 2).unwrap()));
        tokio::spawn(async move { accept(&store, &message, None).await })
    });
    let answers: Vec<Accepted> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(taken(&answers), 6, "three to each of two numbers");
    assert_eq!(rig.count("messages WHERE destination = '+306912300001'").await, 3);

    let again = message(&rig, owner, 1);
    assert!(matches!(accept(&rig.store, &again, None).await, Accepted::Over(Over { limit: Limit::Number, .. })));
    rig.clock.advance(window + SignedDuration::from_secs(1));
    assert!(matches!(accept(&rig.store, &message(&rig, owner, 1), None).await, Accepted::New(_)));
}

async fn a_message_whose_number_was_erased_counts_all_the_same(rig: Rig) {
    let rig = rig.with_key(Some("of thirty-two bytes or more, as an operator makes it")).await.unwrap();
    let per_number = Some(PerNumber { messages: 2, window: SignedDuration::from_hours(1) });
    let owner = owner(&rig, Limits { per_number, ..Limits::default() }).await;
    let first = message(&rig, owner, 1);
    accept(&rig.store, &first, None).await;
    let sending = rig.fenced(&first).await;
    rig.settle(&sending, accepted("p-1")).await;
    rig.store.erase_number(&first.destination, None).await.unwrap();
    assert_eq!(rig.count("messages WHERE destination = '+306912300001'").await, 0);
    let left = rig.store.spend_left(owner, &first.destination, 1).await.unwrap().unwrap();
    assert_eq!(left.to_number, Some(1));
    assert!(matches!(accept(&rig.store, &message(&rig, owner, 1), None).await, Accepted::New(_)));
    let over = accept(&rig.store, &message(&rig, owner, 1), None).await;
    assert!(matches!(over, Accepted::Over(Over { limit: Limit::Number, .. })));
}

async fn a_refused_message_leaves_its_key_free_and_takes_nothing(rig: Rig) {
    let countries = Allowed::Only(BTreeSet::from(["GR".to_owned()]));
    let owner = owner(&rig, Limits { per_day: Some(2), countries, ..Limits::default() }).await;
    let key = || Some(IdempotencyKey { key: "order-1".to_owned(), fingerprint: [1; 32] });
    let abroad = Message { destination: Msisdn::from_stored("+4915112345678".to_owned()), ..message(&rig, owner, 1) };
    let refused = accept(&rig.store, &abroad, key()).await;
    assert!(matches!(refused, Accepted::Over(Over { limit: Limit::Country, .. })));
    let long = Message { segments: 3, ..message(&rig, owner, 2) };
    assert!(matches!(accept(&rig.store, &long, key()).await, Accepted::Over(Over { limit: Limit::Day, .. })));
    assert_eq!((rig.count("messages").await, rig.count("idempotency_keys").await, rig.count("spent").await), (0, 0, 0));
    assert!(matches!(accept(&rig.store, &message(&rig, owner, 3), key()).await, Accepted::New(_)));
    let left = rig.store.spend_left(owner, &long.destination, 1).await.unwrap();
    assert_eq!(left, Ok(Left { today: Some(1), ..Left::default() }));
    assert!(rig.store.spend_left(owner, &long.destination, 2).await.unwrap().is_err());
}

async fn a_repeated_call_and_one_whose_answer_was_lost_are_counted_once(rig: Rig) {
    let owner = owner(&rig, Limits { per_month: Some(2), ..Limits::default() }).await;
    let key = || Some(IdempotencyKey { key: "order-1".to_owned(), fingerprint: [1; 32] });
    let first = message(&rig, owner, 1);
    assert!(matches!(accept(&rig.store, &first, key()).await, Accepted::New(_)));
    assert!(matches!(accept(&rig.store, &message(&rig, owner, 1), key()).await, Accepted::Repeat(_)));
    let again = rig.store.accept_again(first, key(), LIMITED).await.unwrap();
    assert!(matches!(again, Accepted::New(_)), "it is there, as it was stored");
    let left = rig.store.segments_left(owner).await.unwrap();
    assert_eq!(left, Left { this_month: Some(1), ..Left::default() });
}

async fn what_is_counted_begins_anew_with_the_day(rig: Rig) {
    let owner = owner(&rig, Limits { per_day: Some(1), per_month: Some(2), ..Limits::default() }).await;
    let send = async || taken(&[accept(&rig.store, &message(&rig, owner, 1), None).await]) == 1;
    assert!(send().await && !send().await);
    rig.clock.advance(SignedDuration::from_hours(24));
    assert!(send().await && !send().await);
    rig.clock.advance(SignedDuration::from_hours(24));
    assert!(!send().await, "the month's are used up");
    rig.clock.advance(SignedDuration::from_hours(24 * 31));
    assert!(send().await);

    assert_eq!(rig.count("spent").await, 5);
    rig.clock.advance(SignedDuration::from_hours(24 * 61));
    rig.store.forget_old_periods().await.unwrap();
    assert_eq!(rig.count("spent").await, 1, "the day of the last one is not so old");
}

async fn an_owner_without_limits_is_not_counted(rig: Rig) {
    let owner = owner(&rig, Limits::default()).await;
    assert!(matches!(accept(&rig.store, &message(&rig, owner, 1), None).await, Accepted::New(_)));
    assert_eq!(rig.count("spent").await, 0);
    assert_eq!(rig.store.segments_left(owner).await.unwrap(), Left::default());
}

/// A started campaign to these numbers.
async fn started(rig: &Rig, owner: OwnerId, numbers: &[&str]) -> CampaignId {
    let campaign = rig.campaign(owner).await;
    let template = Template::parse("Hello").unwrap();
    let recipients = numbers.iter().map(|number| Recipient::parse(&template, number, []).unwrap()).collect();
    rig.store.add_recipients(RecipientBatch { owner, campaign, recipients, invalid: 0 }).await.unwrap().unwrap();
    let sender = SenderId::parse("Shop").ok();
    rig.store
        .move_campaign(Move { owner, campaign, action: Action::Start, sender, recipients: None })
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    campaign
}

async fn step(rig: &Rig, campaign: CampaignId) -> usize {
    let pace = Pace {
        page: 3,
        ceiling: i64::MAX,
        traffic_account_id: "account-1".to_owned(),
        default_sender: SenderId::parse("Shop").ok(),
    };
    rig.store.reconcile(campaign, pace).await.unwrap()
}

async fn a_campaign_waits_for_the_next_day_where_the_limit_is_reached(rig: Rig) {
    let owner = owner(&rig, Limits { per_day: Some(4), ..Limits::default() }).await;
    let numbers: Vec<String> = (0..6).map(|n| format!("+30690000000{n}")).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let campaign = started(&rig, owner, &numbers).await;
    assert_eq!([step(&rig, campaign).await, step(&rig, campaign).await, step(&rig, campaign).await], [3, 1, 0]);
    assert_eq!(rig.count("messages").await, 4);
    rig.clock.advance(SignedDuration::from_hours(24));
    assert_eq!([step(&rig, campaign).await, step(&rig, campaign).await], [2, 0]);
    assert_eq!(rig.count("(SELECT DISTINCT destination FROM messages) AS d").await, 6);
}

async fn a_campaigns_recipients_that_may_never_be_sent_to_fail_by_themselves(rig: Rig) {
    let countries = Allowed::Only(BTreeSet::from(["GR".to_owned()]));
    let per_number = Some(PerNumber { messages: 1, window: SignedDuration::from_hours(1) });
    let owner = owner(&rig, Limits { countries, per_number, per_day: Some(9), ..Limits::default() }).await;
    let first = started(&rig, owner, &["+306900000001"]).await;
    assert_eq!(step(&rig, first).await, 1);
    let second = started(&rig, owner, &["+306900000001", "+306900000002", "+4915112345678"]).await;
    assert_eq!(step(&rig, second).await, 3);
    let stats = rig.store.campaign_stats(owner, second).await.unwrap().unwrap();
    assert_eq!((stats.of(&[Status::Queued]), stats.of(&[Status::Failed])), (1, 2));
    for reason in ["NUMBER_LIMIT", "COUNTRY_NOT_ALLOWED"] {
        let failed = format!("messages WHERE campaign_id = {second} AND error_code = '{reason}'");
        assert_eq!(rig.count(&failed).await, 1);
    }
    assert_eq!(rig.store.segments_left(owner).await.unwrap().today, Some(7), "what fails costs nothing");
}

async fn a_campaign_whose_validity_ends_while_its_owners_limit_is_reached_ends(rig: Rig) {
    let owner = owner(&rig, Limits { per_day: Some(1), ..Limits::default() }).await;
    let campaign = started(&rig, owner, &["+306900000001", "+306900000002"]).await;
    assert_eq!([step(&rig, campaign).await, step(&rig, campaign).await], [1, 0]);
    rig.clock.advance(SignedDuration::from_hours(24 * 40));
    accept(&rig.store, &message(&rig, owner, 7), None).await;
    assert_eq!(rig.store.segments_left(owner).await.unwrap().today, Some(0));
    assert_eq!(step(&rig, campaign).await, 1);
    assert_eq!(rig.store.segments_left(owner).await.unwrap().today, Some(0), "what is not sent any more takes nothing");
    assert_eq!(rig.count(&format!("campaigns WHERE id = {campaign} AND expanded = 2")).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_whose_row_another_transaction_has_keeps_no_other_owner_waiting() {
    let rig = Rig::postgres().await;
    let limits = || Limits { per_day: Some(100), ..Limits::default() };
    let (held, busy, other) = (owner(&rig, limits()).await, owner(&rig, limits()).await, owner(&rig, limits()).await);
    let hold = async |owner: OwnerId| {
        let transaction = connect(&rig.address).await.unwrap();
        transaction.batch_execute(&format!("BEGIN; SELECT * FROM users WHERE id = {owner} FOR UPDATE")).await.unwrap();
        transaction
    };
    let (stands, works) = (hold(held).await, hold(busy).await);
    let key = || Some(IdempotencyKey { key: "order-7".to_owned(), fingerprint: [7; 32] });
    let waiting: Vec<_> = (0..2)
        .map(|n| {
            let (store, message) = (rig.store.clone(), message(&rig, held, n));
            tokio::spawn(async move { accept(&store, &message, key()).await })
        })
        .collect();
    let (store, first) = (rig.store.clone(), message(&rig, busy, 0));
    let of_busy = tokio::spawn(async move { accept(&store, &first, None).await });
    for n in 0..5 {
        assert!(matches!(accept(&rig.store, &message(&rig, other, n), None).await, Accepted::New(_)));
    }
    assert!(!of_busy.is_finished());
    works.batch_execute("COMMIT").await.unwrap();
    assert!(matches!(of_busy.await.unwrap(), Accepted::New(_)), "each owner's row is waited for by its owner");
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
    stands.batch_execute("COMMIT").await.unwrap();
    let answers = join_all(waiting).await.into_iter().map(Result::unwrap);
    let (new, repeats): (Vec<_>, Vec<_>) = answers.partition(|answer| matches!(answer, Accepted::New(_)));
    assert!(matches!((new.as_slice(), repeats.as_slice()), ([Accepted::New(_)], [Accepted::Repeat(_)])));
    assert_eq!(rig.count("messages").await, 7);
}
