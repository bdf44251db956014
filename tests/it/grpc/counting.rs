//! `CountMessages` and `GetQueue`: what is listed is counted, exactly where it is little, and how full the queue is.

use messaging::proto::count_messages_response::StatusCount;
use messaging::proto::{
    CountMessagesRequest, CountMessagesResponse, GetMessageRequest, GetQueueRequest, ListMessagesRequest,
    MessageStatus, SendSingleRequest,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::send::to;
use crate::support::app::{Client, ORDINARY, TestApp};
use crate::support::database::on_both_databases;

async fn counted(client: &mut Client, request: CountMessagesRequest) -> CountMessagesResponse {
    client.count_messages(request).await.unwrap().into_inner()
}

/// Writes so many copies of all messages that there are, of random ids.
async fn copied(app: &TestApp, times: usize) {
    let columns = "owner_id, campaign_id, destination, text, sender, traffic_account_id, segments, encoding, \
        delivery_guarantee, created_at, expires_at, dispatch, delivery_rank, status, evidence_hash, attempts, ambiguous, \
        crashes, possible_duplicate, epoch, updated_at, version, lane";
    let new = if app.store.kind() == "postgres" { "gen_random_uuid()" } else { "randomblob(16)" };
    app.execute(&format!(
        "INSERT INTO messages (id, {columns}) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) \
         SELECT {new}, {columns} FROM n, messages"
    ))
    .await;
}

on_both_databases! { TestApp::start =>
    async fn what_is_listed_is_counted_by_status(app) {
        let mut alice = app.alice();
        assert_eq!(counted(&mut alice, CountMessagesRequest::default()).await, CountMessagesResponse { exact: true, ..Default::default() });
        app.bob().send_single(to("+306900000001")).await.unwrap();
        for (reference, number) in [("a", "+306900000001"), ("b", "+306900000001"), ("b", "+306900000010")] {
            alice.send_single(SendSingleRequest { reference: Some(reference.to_owned()), ..to(number) }).await.unwrap();
            app.advance(1);
        }
        let of = CountMessagesRequest::default;
        let number = "0030 6900000001".to_owned();
        let middle = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second() - 2, nanos: 0 });
        let filters = [
            (of(), [2, 1]),
            (CountMessagesRequest { reference: "b".to_owned(), ..of() }, [1, 1]),
            (CountMessagesRequest { destination: number, ..of() }, [2, 0]),
            (CountMessagesRequest { status: MessageStatus::Unknown.into(), ..of() }, [0, 1]),
            (CountMessagesRequest { status: MessageStatus::Sent.into(), reference: "b".to_owned(), ..of() }, [1, 0]),
            (CountMessagesRequest { created_after: middle, ..of() }, [1, 1]),
            (CountMessagesRequest { created_before: middle, ..of() }, [1, 0]),
            (CountMessagesRequest { error_code: "NO_SUCH".to_owned(), ..of() }, [0, 0]),
        ];
        for (filter, counts) in filters {
            let found = counted(&mut alice, filter.clone()).await;
            let each = [MessageStatus::Sent, MessageStatus::Unknown].into_iter().zip(counts).filter(|(_, count)| *count > 0);
            let statuses = each.map(|(status, count)| StatusCount { status: status.into(), count }).collect();
            assert_eq!(found, CountMessagesResponse { count: counts.iter().sum(), exact: true, statuses }, "{filter:?}");
            let listed = alice.list_messages(ListMessagesRequest::from(filter)).await.unwrap().into_inner().messages.len();
            assert_eq!(i32::try_from(listed), Ok(found.count));
        }
    }

    async fn as_with_a_list_another_owner_is_counted_for_those_who_may_and_every_mistake_is_named(app) {
        app.bob().send_single(to("+306900000001")).await.unwrap();
        let of_bob = CountMessagesRequest { owner_id: Some(app.bob.0), ..Default::default() };
        assert_eq!(app.alice().count_messages(of_bob.clone()).await.unwrap_err().code(), Code::PermissionDenied);
        assert_eq!(counted(&mut app.client_of(app.alice, "messages:read act-as"), of_bob).await.count, 1);
        let wrong = CountMessagesRequest {
            status: 77, destination: "12".to_owned(), reference: "a\nb".to_owned(), provider_message_id: "a b".to_owned(),
            error_code: "no such".to_owned(), created_after: Some(pbjson_types::Timestamp { seconds: 0, nanos: -1 }), ..Default::default()
        };
        let refused = app.alice().count_messages(wrong).await.unwrap_err();
        let named = refused.get_details_bad_request().unwrap().field_violations.into_iter().map(|of| of.field).collect::<Vec<_>>();
        assert_eq!(named, ["created_after", "status", "destination", "reference", "provider_message_id", "error_code"]);
    }

    async fn more_than_ten_thousand_are_not_counted_and_no_more_than_twenty_thousand_looked_through(app) {
        let mut alice = app.alice();
        alice.send_single(to("+306900000001")).await.unwrap();
        copied(&app, 9_999).await;
        let all = counted(&mut alice, CountMessagesRequest::default()).await;
        assert_eq!((all.count, all.exact), (10_000, true));
        copied(&app, 1).await;
        let all = counted(&mut alice, CountMessagesRequest::default()).await;
        assert_eq!((all.count, all.exact, all.statuses.len()), (10_000, false, 1));
        // Twenty thousand and a newer one: no index leads to the one.
        let delivered = CountMessagesRequest { status: MessageStatus::Queued.into(), ..Default::default() };
        assert!(!counted(&mut alice, delivered).await.exact);
        let failed = CountMessagesRequest { status: MessageStatus::Failed.into(), ..Default::default() };
        assert_eq!(counted(&mut alice, failed).await, CountMessagesResponse { exact: true, ..Default::default() });
    }

    async fn a_record_says_when_it_is_tried_next(app) {
        let mut alice = app.alice();
        let sent = alice.send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap();
        assert_eq!(sent.next_attempt_at, None);
        let later = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second() + 3600, nanos: 0 });
        let scheduled = SendSingleRequest { scheduled_at: later, ..to("+306900000001") };
        assert_eq!(alice.send_single(scheduled).await.unwrap().into_inner().message.unwrap().next_attempt_at, later);
        app.outage("503").await;
        let tried = alice.send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap();
        let tried = alice.get_message(GetMessageRequest { id: tried.id, ..Default::default() }).await.unwrap().into_inner().message.unwrap();
        let next = tried.next_attempt_at.unwrap();
        assert!(next.seconds >= app.clock.now().as_second() && tried.status() == MessageStatus::Queued, "{tried:?}");
    }

    async fn no_try_is_told_that_does_not_come_before_its_message_expires(app) {
        app.outage("503").await;
        let brief = SendSingleRequest { validity: Some(pbjson_types::Duration { seconds: 60, nanos: 0 }), ..to("+306900000001") };
        let mut tried = app.alice().send_single(brief).await.unwrap().into_inner().message.unwrap();
        let expires = app.clock.now().as_second() + 60;
        // Each pause is longer than the one before, until the next one would end with the message.
        while let Some(next) = tried.next_attempt_at {
            assert!(next.seconds < expires, "{tried:?}");
            app.advance((next.seconds - app.clock.now().as_second()).max(1));
            app.run_due().await;
            tried = app.alice().get_message(GetMessageRequest { id: tried.id, ..Default::default() }).await.unwrap().into_inner().message.unwrap();
        }
        assert!(tried.attempts > 0 && app.clock.now().as_second() < expires + 60, "{tried:?}");
    }

    async fn the_queue_is_counted_once_in_five_seconds_whoever_asks_how_often(app) {
        let mut admin = app.admin(app.bob, "ops");
        let asked = tokio::time::Instant::now();
        let empty = admin.get_queue(GetQueueRequest {}).await.unwrap().into_inner();
        assert_eq!((empty.single.unwrap().oldest_due_at, empty.scheduled), (None, 0));
        let later = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second() + 3600, nanos: 0 });
        app.alice().send_single(SendSingleRequest { scheduled_at: later, ..to("+306900000001") }).await.unwrap();
        let again = admin.get_queue(GetQueueRequest {}).await.unwrap().into_inner();
        assert!(again.scheduled == 0 || asked.elapsed() > std::time::Duration::from_secs(4), "{again:?}");
        assert!(app.service.render_metrics().await.contains("messages_in_state{state=\"scheduled\"} 0") || asked.elapsed() > std::time::Duration::from_secs(4));
        crate::support::store::eventually(async || admin.clone().get_queue(GetQueueRequest {}).await.unwrap().into_inner().scheduled == 1).await;
    }

    async fn operators_see_how_full_the_queue_is(app) {
        let mut admin = app.admin(app.bob, "ops");
        let later = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second() + 3600, nanos: 0 });
        app.alice().send_single(SendSingleRequest { scheduled_at: later, ..to("+306900000001") }).await.unwrap();
        app.alice().send_single(to("+306900000010")).await.unwrap();
        app.outage("503").await;
        let tried = app.alice().send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap();
        let tried = app.alice().get_message(GetMessageRequest { id: tried.id, ..Default::default() }).await.unwrap().into_inner().message.unwrap();
        let queue = admin.get_queue(GetQueueRequest {}).await.unwrap().into_inner();
        let single = queue.single.unwrap();
        assert_eq!((single.waiting, single.oldest_due_at), (1, tried.next_attempt_at));
        assert_eq!((queue.campaign.unwrap().waiting, queue.scheduled, queue.claimed, queue.sending), (0, 1, 0, 0));
        assert_eq!((queue.unknown, queue.dead), (1, 0), "the lost answer of at-least-once is tried again");
        let refused = app.admin(app.bob, ORDINARY).get_queue(GetQueueRequest {}).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
}
