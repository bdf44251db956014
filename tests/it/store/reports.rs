//! Reports in the store: whom they concern, how long they wait, that order and repetition do not matter, and replaying.

use jiff::SignedDuration;
use messaging::domain::message::{Message, Status};
use messaging::domain::report::{Form, Post};
use messaging::store::{Applied, Job, ReportStage};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::database::on_both_databases;
use crate::support::outcomes::accepted;
use crate::support::store::Rig;

on_both_databases![Rig::on =>
    every_message_with_the_providers_id_is_told_whosever_it_is,
    our_own_id_decides_where_it_names_a_message,
    a_report_that_comes_before_its_message_is_applied_when_that_is_there,
    a_report_that_stays_nobodys_is_looked_at_for_72_hours_and_kept,
    a_repeated_report_is_one_row_in_one_commit_or_in_two,
    what_waited_is_applied_once_however_many_look,
    a_report_that_the_database_refuses_to_apply_is_kept_and_holds_up_no_other,
    no_order_and_no_repetition_changes_a_state_a_time_or_a_counter,
    replaying_finds_what_a_record_lacks_and_nothing_else,
];

/// Takes a report in.
async fn post(rig: &Rig, report: &Value) -> Vec<Applied> {
    rig.store.file_reports(Post::read(Form::Json, report.to_string().as_bytes())).await.unwrap()
}

async fn due(rig: &Rig) -> Vec<Applied> {
    rig.store.apply_due_reports(100).await.unwrap()
}

fn said(id: &str, word: &str) -> Value {
    json!({"messageId": id, "deliveryStatus": word, "updatedAt": "2026-03-01T12:00:05.1234567Z"})
}

async fn every_message_with_the_providers_id_is_told_whosever_it_is(rig: Rig) {
    let (one, other) = (rig.owner().await, rig.owner().await);
    let messages =
        [rig.sent(one, None, "p-1").await, rig.sent(one, None, "p-1").await, rig.sent(other, None, "p-1").await];
    let bystander = rig.sent(one, None, "P-1").await;
    let applied = post(&rig, &said("p-1", "Delivered")).await;
    assert_eq!((applied[0].stage, applied[0].moved.len()), (ReportStage::Applied, 3));
    for message in &messages {
        assert_eq!(rig.read(message).await.status(), Status::Delivered);
    }
    assert_eq!(rig.read(&bystander).await.status(), Status::Sent, "ids are text: their letters' size counts");
}

async fn our_own_id_decides_where_it_names_a_message(rig: Rig) {
    let owner = rig.owner().await;
    let (one, other) = (rig.sent(owner, None, "p-1").await, rig.sent(owner, None, "p-2").await);
    let mut report = said("p-2", "Delivered");
    report["reference"] = one.id.to_string().into();
    post(&rig, &report).await;
    assert_eq!((rig.read(&one).await.status(), rig.read(&other).await.status()), (Status::Delivered, Status::Sent));
    for reference in ["order-7", "019a0000-0000-7000-8000-000000000000", ""] {
        let other = rig.sent(owner, None, &format!("p-{reference}")).await;
        let mut report = said(&format!("p-{reference}"), "Delivered");
        report["reference"] = reference.into();
        post(&rig, &report).await;
        assert_eq!(
            rig.read(&other).await.status(),
            Status::Delivered,
            "{reference} is no message: the other id counts"
        );
    }
}

async fn a_report_that_comes_before_its_message_is_applied_when_that_is_there(rig: Rig) {
    let owner = rig.owner().await;
    let sending = rig.fenced(&rig.queued(owner).await).await;
    let early = post(&rig, &said("p-1", "Delivered")).await;
    assert_eq!((early[0].stage, early[0].moved.len()), (ReportStage::Waiting, 0));
    assert!(due(&rig).await.is_empty(), "it waits for its time");
    assert_eq!(rig.settle(&sending, accepted("p-1")).await.message.status(), Status::Sent);
    rig.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(due(&rig).await[0].stage, ReportStage::Applied);
    assert_eq!(rig.read(&sending).await.status(), Status::Delivered);
    assert!(due(&rig).await.is_empty());
}

async fn a_report_that_stays_nobodys_is_looked_at_for_72_hours_and_kept(rig: Rig) {
    let owner = rig.owner().await;
    post(&rig, &said("p-1", "Delivered")).await;
    for seconds in [1, 5, 30, 120, 600] {
        rig.clock.advance(SignedDuration::from_secs(seconds - 1));
        assert!(due(&rig).await.is_empty(), "not before {seconds} s");
        rig.clock.advance(SignedDuration::from_secs(1));
        assert_eq!(due(&rig).await[0].stage, ReportStage::Waiting, "after {seconds} s");
    }
    rig.clock.advance(SignedDuration::from_hours(71));
    assert_eq!(due(&rig).await[0].stage, ReportStage::Waiting);
    rig.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(due(&rig).await[0].stage, ReportStage::Unmatched);
    assert_eq!(rig.count("reports WHERE state = 3 AND due_at IS NULL").await, 1);
    rig.sent(owner, None, "p-1").await;
    rig.clock.advance(SignedDuration::from_hours(100));
    assert!(due(&rig).await.is_empty());
}

async fn a_repeated_report_is_one_row_in_one_commit_or_in_two(rig: Rig) {
    let owner = rig.owner().await;
    rig.sent(owner, None, "p-1").await;
    let post = || Post::read(Form::Json, said("p-1", "Delivered").to_string().as_bytes());
    let filed = futures::future::join_all((0..50).map(|_| rig.store.file_reports(post()))).await;
    let new: usize = filed.into_iter().map(|ids| ids.unwrap().len()).sum();
    assert_eq!((new, rig.count("reports").await), (1, 1));
    let three = json!([said("p-1", "Sent"), said("p-1", "Sent"), said("p-1", "Sent")]).to_string();
    assert_eq!(rig.store.file_reports(Post::read(Form::Json, three.as_bytes())).await.unwrap().len(), 1);
}

async fn what_waited_is_applied_once_however_many_look(rig: Rig) {
    let owner = rig.owner().await;
    let campaign = rig.campaign(owner).await;
    let ids: Vec<String> = (0..40).map(|n| format!("p-{n}")).collect();
    let reports = ids.iter().map(|id| said(id, "Delivered")).collect();
    assert_eq!(post(&rig, &Value::Array(reports)).await.len(), 40);
    for id in &ids {
        rig.sent(owner, Some(campaign), id).await;
    }
    assert!(due(&rig).await.is_empty(), "their time is in a second");
    rig.clock.advance(SignedDuration::from_secs(1));
    let another = rig.another().await;
    let (mut looks, mut seen) = (Vec::new(), std::collections::HashSet::new());
    for _ in 0..10 {
        looks.push(tokio::spawn({
            let (one, other) = (rig.store.clone(), another.clone());
            async move {
                let (one, other) = tokio::join!(one.apply_due_reports(7), other.apply_due_reports(7));
                [one.unwrap(), other.unwrap()].concat()
            }
        }));
    }
    for look in looks {
        for applied in look.await.unwrap() {
            assert_eq!((applied.stage, applied.moved.len()), (ReportStage::Applied, 1));
            assert!(seen.insert(applied.id), "applied twice");
        }
    }
    seen.extend(due(&rig).await.into_iter().map(|applied| applied.id));
    assert_eq!(seen.len(), 40);
    let stats = rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap();
    let delivered = Status::ALL.iter().position(|status| *status == Status::Delivered).unwrap();
    assert_eq!((stats.counts[delivered], stats.counts.iter().sum::<i64>()), (40, 40));
    assert_eq!(rig.count("events WHERE kind = 5").await, 40);
}

async fn a_report_that_the_database_refuses_to_apply_is_kept_and_holds_up_no_other(rig: Rig) {
    let owner = rig.owner().await;
    let messages = [rig.sent(owner, None, "p-1").await, rig.sent(owner, None, "p-2").await];
    let delivered = Status::Delivered as i16;
    // Nothing is known that would do this; a second delivered message stands for it.
    rig.execute(&format!("CREATE UNIQUE INDEX poison ON messages (status) WHERE status = {delivered}")).await;
    post(&rig, &said("p-1", "Delivered")).await;
    let early = said("p-3", "Failure");
    let (refused, other) = (said("p-2", "Delivered"), said("p-1", "Sent"));
    let (refused, other, early) = tokio::join!(post(&rig, &refused), post(&rig, &other), post(&rig, &early));
    assert_eq!(
        [&refused, &other, &early].map(|told| told[0].stage),
        [ReportStage::Waiting, ReportStage::Applied, ReportStage::Waiting]
    );
    assert_eq!(rig.read(&messages[1]).await.status(), Status::Sent);
    let late = rig.sent(owner, None, "p-3").await;
    rig.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(due(&rig).await.iter().map(|applied| applied.id).collect::<Vec<_>>(), [early[0].id]);
    assert_eq!(rig.read(&late).await.status(), Status::Failed);
    assert!(due(&rig).await.is_empty(), "it is not tried over and over");

    rig.execute("DROP INDEX poison").await;
    rig.clock.advance(SignedDuration::from_mins(10));
    assert_eq!(due(&rig).await[0].stage, ReportStage::Applied);
    assert_eq!(rig.read(&messages[1]).await.status(), Status::Delivered);
    assert_eq!(rig.count("reports WHERE state <> 2").await, 0);
}

/// The statement on a message; `id` is put in later.
fn reports() -> impl Strategy<Value = Vec<Value>> {
    let word = prop::sample::select(vec!["Delivered", "DELIVRD", "Failure", "undeliv", "Sent", "enroute", "?"]);
    let at = prop::option::of(0..4_u8);
    let why = prop::option::of(prop::sample::select(vec!["absent subscriber", "barred"]));
    let one = (word, at, why).prop_map(|(word, at, why)| {
        let at = at.map(|s| format!("2026-03-01T12:00:0{s}.0000001Z"));
        json!({"deliveryStatus": word, "updatedAt": at, "error": why})
    });
    prop::collection::vec(one, 1..6)
}

/// The same reports in two orders, each with repetitions of its own, and how they are cut into posts.
fn two_orders() -> impl Strategy<Value = [Vec<Value>; 2]> {
    (reports(), prop::collection::vec(any::<Index>(), 0..4)).prop_flat_map(|(all, again)| {
        let repeated: Vec<Value> = all.iter().cloned().chain(again.iter().map(|i| i.get(&all).clone())).collect();
        [Just(repeated).prop_shuffle(), Just(all).prop_shuffle()]
    })
}

/// The part that must not depend on any order.
fn verdict(m: &Message) -> impl PartialEq + std::fmt::Debug + use<> {
    let s = &m.state;
    let words = (s.provider_status.clone(), s.error_code.clone(), s.error.clone());
    (m.status(), s.dispatch, s.rank, s.evidence_at, s.delivered_at, s.failed_at, s.sent_at, words)
}

async fn no_order_and_no_repetition_changes_a_state_a_time_or_a_counter(rig: Rig) {
    const CASES: usize = 200;
    let owner = rig.owner().await;
    let campaigns = [rig.campaign(owner).await, rig.campaign(owner).await];
    let mut runner = TestRunner::deterministic();
    for case in 0..CASES {
        let orders = two_orders().new_tree(&mut runner).unwrap().current();
        let mut verdicts = Vec::new();
        for (side, order) in orders.into_iter().enumerate() {
            let id = format!("p-{case}-{side}");
            // Reports before the send's answer, and after it.
            let mut message = crate::support::messages::queued(
                owner,
                messaging::domain::message::Guarantee::AtLeastOnce,
                rig.clock.now(),
            );
            message.campaign = Some(campaigns[side]);
            let message = rig.fenced(&rig.stored(message).await).await;
            let reports: Vec<Value> = order
                .into_iter()
                .map(|mut report| {
                    report["messageId"] = id.as_str().into();
                    report
                })
                .collect();
            let early = if side == 0 { reports.len() / 2 } else { 0 };
            for report in &reports[..early] {
                post(&rig, report).await;
            }
            rig.settle(&message, accepted(&id)).await;
            post(&rig, &Value::Array(reports[early..].to_vec())).await;
            verdicts.push((side, message));
        }
        // What came too early has its time.
        rig.clock.advance(SignedDuration::from_secs(1));
        due(&rig).await;
        rig.clock.advance(SignedDuration::from_secs(-1));
        let (one, other) = (rig.read(&verdicts[0].1).await, rig.read(&verdicts[1].1).await);
        if one.state.evidence_at.is_some() {
            assert_eq!(verdict(&one), verdict(&other), "case {case}");
        } else {
            assert_eq!((one.status(), one.state.rank), (other.status(), other.state.rank), "case {case}");
        }
    }
    let counted = async |campaign| rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap().counts;
    assert_eq!(counted(campaigns[0]).await, counted(campaigns[1]).await);
    assert_eq!(counted(campaigns[0]).await.iter().sum::<i64>(), i64::try_from(CASES).unwrap());
    assert_eq!(rig.count("reports WHERE state <> 2").await, 0);
}

async fn replaying_finds_what_a_record_lacks_and_nothing_else(rig: Rig) {
    let owner = rig.owner().await;
    let message = rig.sent(owner, None, "p-1").await;
    let other = rig.sent(owner, None, "p-2").await;
    rig.sent(owner, None, "p-3").await;
    post(&rig, &said("p-1", "Failure")).await;
    post(&rig, &said("p-1", "Delivered")).await;
    let refreshed =
        messaging::domain::evidence::Evidence::of_read_model("Failure", Some(rig.clock.now()), Some("barred"));
    rig.apply(other.id, messaging::domain::status::Event::Evidence(refreshed)).await.result.unwrap();
    let (before, failed) = (rig.read(&message).await, rig.read(&other).await);
    let standing = rig.store.replay(None, 100).await.unwrap().unwrap();
    assert_eq!((standing.messages, standing.differing, standing.lacking.len()), (3, 0, 0));
    // Two raw reports, and the three statements that were recorded.
    assert_eq!(standing.statements, 5);

    let lost = "UPDATE messages SET delivery_rank = 0, status = 4, evidence_at = NULL, evidence_hash = 0, \
        delivered_at = NULL, failed_at = NULL, error = NULL, error_code = NULL, provider_status = NULL";
    rig.execute(lost).await;
    let lacking = rig.store.replay(None, 100).await.unwrap().unwrap();
    assert_eq!((lacking.messages, lacking.differing), (3, 2));
    assert_eq!(lacking.digest, standing.digest, "a replay comes to what was there before");
    let jobs: Vec<Job> = lacking.lacking;
    rig.store.apply_all(jobs).await.unwrap();
    let after = rig.store.replay(None, 100).await.unwrap().unwrap();
    assert_eq!((after.differing, after.digest), (0, standing.digest));
    assert_eq!(verdict(&rig.read(&message).await), verdict(&before));
    assert_eq!(verdict(&rig.read(&other).await), verdict(&failed));
    assert!(rig.store.replay(Some(after.last), 100).await.unwrap().is_none());
}
