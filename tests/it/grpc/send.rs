//! `SendSingle`: what each outcome answers, and what is kept of it.

use std::time::Duration;

use messaging::proto::{
    DeliveryGuarantee, Encoding, GetMessageRequest, ListMessagesRequest, MessageStatus, SendSingleRequest,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::app::{Client, TestApp};
use crate::support::database::on_both_databases;

pub fn to(destination: &str) -> SendSingleRequest {
    SendSingleRequest { destination: destination.to_owned(), text: "Hello".to_owned(), ..Default::default() }
}

fn keyed(destination: &str, key: &str) -> SendSingleRequest {
    SendSingleRequest { idempotency_key: key.to_owned(), ..to(destination) }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

async fn status_of(client: &mut Client, id: &str) -> MessageStatus {
    let request = GetMessageRequest { id: id.to_owned(), ..Default::default() };
    client.get_message(request).await.unwrap().into_inner().message.unwrap().status()
}

on_both_databases! { TestApp::start =>
    async fn an_accepted_message_is_sent_and_kept_as_it_was_given(app) {
        let mut alice = app.alice();
        let request = SendSingleRequest { sender: Some("Shop".to_owned()), text: "Γειά σου 😀".to_owned(), ..to("0030 690 000-0001") };
        let sent = alice.send_single(request).await.unwrap().into_inner();
        let message = sent.message.unwrap();
        assert_eq!(message.status(), MessageStatus::Sent);
        assert_eq!(message.destination, "+306900000001");
        assert_eq!((message.sender.as_str(), message.encoding()), ("Shop", Encoding::Ucs2));
        assert_eq!((message.segments, message.attempts, message.owner_id), (1, 1, app.alice.0));
        assert_eq!(message.provider_message_id.as_deref(), Some(sent.message_id.as_str()));
        assert!(sent.raw_response.is_some());
        let ledger = app.ledger(&format!("reference={}", message.id)).await;
        assert_eq!(ledger.len(), 1);
        let read = alice.get_message(GetMessageRequest { id: message.id.clone(), ..Default::default() }).await.unwrap().into_inner();
        assert_eq!(read.message, Some(message));
    }

    async fn the_sender_is_the_requests_else_the_users_else_the_services(app) {
        let sender = |sent: tonic::Response<messaging::proto::SendSingleResponse>| sent.into_inner().message.unwrap().sender;
        assert_eq!(sender(app.alice().send_single(to("+306900000001")).await.unwrap()), "Alice");
        assert_eq!(sender(app.bob().send_single(to("+306900000001")).await.unwrap()), "Default");
        let request = SendSingleRequest { sender: Some("+306900000099".to_owned()), ..to("+306900000001") };
        assert_eq!(sender(app.alice().send_single(request).await.unwrap()), "+306900000099");
    }

    async fn every_violation_of_a_request_is_told_at_once_and_nothing_is_stored(app) {
        let request = SendSingleRequest {
            destination: "6900000001".to_owned(),
            text: "x".repeat(100_000),
            sender: Some("a!".to_owned()),
            traffic_account_id: Some("foo".to_owned()),
            idempotency_key: "é".to_owned(),
            delivery_guarantee: 99,
            validity: Some(pbjson_types::Duration { seconds: -1, nanos: 0 }),
            scheduled_at: Some(pbjson_types::Timestamp { seconds: i64::MAX, nanos: -5 }),
            ..Default::default()
        };
        let error = app.alice().send_single(request).await.unwrap_err();
        assert_eq!((error.code(), reason(&error).as_str()), (Code::InvalidArgument, "VALIDATION_ERROR"));
        let mut fields: Vec<String> =
            error.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect();
        fields.sort();
        let expected = ["delivery_guarantee", "destination", "idempotency_key", "scheduled_at", "sender", "text",
            "traffic_account_id", "validity"];
        assert_eq!(fields, expected);
        let list = app.alice().list_messages(ListMessagesRequest::default()).await.unwrap().into_inner();
        assert!(list.messages.is_empty());
        assert!(app.ledger("").await.is_empty());
    }

    async fn a_rejected_message_is_an_error_that_names_our_record(app) {
        let error = app.alice().send_single(keyed("+306900000016", "k")).await.unwrap_err();
        assert_eq!((error.code(), reason(&error).as_str()), (Code::FailedPrecondition, "PROVIDER_REJECTED"));
        let id = error.get_details_error_info().unwrap().metadata["id"].clone();
        assert_eq!(status_of(&mut app.alice(), &id).await, MessageStatus::Failed);
        let again = app.alice().send_single(keyed("+306900000016", "k")).await.unwrap_err();
        assert_eq!(again.get_details_error_info().unwrap().metadata["id"], id);
    }

    async fn a_lost_answer_is_unknown_and_is_sent_once_more_under_at_least_once(app) {
        let mut alice = app.alice();
        let sent = alice.send_single(to("+306900000010")).await.unwrap().into_inner();
        let message = sent.message.unwrap();
        assert_eq!((message.status(), sent.message_id.as_str()), (MessageStatus::Unknown, ""));
        app.advance(119);
        app.run_due().await;
        assert_eq!(app.ledger(&format!("reference={}", message.id)).await.len(), 1);
        app.advance(2);
        app.run_due().await;
        assert_eq!(app.ledger(&format!("reference={}", message.id)).await.len(), 2);
        app.advance(100_000);
        app.run_due().await;
        assert_eq!(app.ledger(&format!("reference={}", message.id)).await.len(), 2, "never a third time");
        let read = alice.get_message(GetMessageRequest { id: message.id, ..Default::default() }).await.unwrap().into_inner().message.unwrap();
        assert_eq!((read.status(), read.possible_duplicate, read.attempts), (MessageStatus::Unknown, true, 2));
    }

    async fn a_lost_answer_is_never_resent_under_at_most_once(app) {
        let guarantee = DeliveryGuarantee::AtMostOnce as i32;
        for destination in ["+306900000010", "+306900000013"] {
            let request = SendSingleRequest { delivery_guarantee: guarantee, ..to(destination) };
            let message = app.alice().send_single(request).await.unwrap().into_inner().message.unwrap();
            assert_eq!(message.status(), MessageStatus::Unknown);
            app.advance(100_000);
            app.run_due().await;
            assert_eq!(app.ledger(&format!("reference={}", message.id)).await.len(), 1);
            assert_eq!(status_of(&mut app.alice(), &message.id).await, MessageStatus::Unknown);
        }
    }

    async fn what_was_certainly_not_sent_is_queued_and_sent_later_once(app) {
        for destination in ["+306900000009", "+306900000012"] {
            let message = app.alice().send_single(to(destination)).await.unwrap().into_inner().message.unwrap();
            assert_eq!(message.status(), MessageStatus::Queued, "{destination}");
            app.advance(3);
            app.run_due().await;
            assert_eq!(status_of(&mut app.alice(), &message.id).await, MessageStatus::Sent);
            assert_eq!(app.ledger(&format!("reference={}", message.id)).await.len(), 1);
        }
    }

    async fn an_outage_of_the_provider_is_no_error_on_accept(app) {
        app.outage("503").await;
        let message = app.alice().send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap();
        assert_eq!(message.status(), MessageStatus::Queued);
        app.advance(5);
        app.run_due().await;
        assert_eq!(status_of(&mut app.alice(), &message.id).await, MessageStatus::Queued);
        app.outage("none").await;
        app.advance(900);
        app.run_due().await;
        assert_eq!(status_of(&mut app.alice(), &message.id).await, MessageStatus::Sent);
    }

    async fn a_refused_account_keeps_the_messages_and_their_tries(app) {
        app.outage("unauthorized").await;
        let message = app.alice().send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap();
        assert_eq!((message.status(), message.attempts), (MessageStatus::Queued, 0));
        for _ in 0..20 {
            app.advance(61);
            app.run_due().await;
        }
        app.outage("none").await;
        app.advance(61);
        app.run_due().await;
        assert_eq!(status_of(&mut app.alice(), &message.id).await, MessageStatus::Sent);
    }

    async fn a_validity_is_whole_seconds_from_a_minute_to_a_week(app) {
        let with = |seconds, nanos| SendSingleRequest {
            validity: Some(pbjson_types::Duration { seconds, nanos }),
            dry_run: true,
            ..to("+306900000001")
        };
        for (seconds, nanos, why) in [
            (60, 0, ""),
            (604_800, 0, ""),
            (0, 0, "must be 60 seconds to 7 days"),
            (59, 0, "must be 60 seconds to 7 days"),
            (604_801, 0, "must be 60 seconds to 7 days"),
            (i64::MIN, 0, "must be whole seconds"),
            (60, 1, "must be whole seconds"),
        ] {
            let told = app.alice().send_single(with(seconds, nanos)).await.err().map(|error| {
                let violations = error.get_details_bad_request().unwrap().field_violations;
                violations.into_iter().map(|v| format!("{} {}", v.field, v.description)).collect::<Vec<_>>().concat()
            });
            let expected = Some(format!("validity {why}")).filter(|_| !why.is_empty());
            assert_eq!(told, expected, "{seconds} s {nanos} ns");
        }
    }

    async fn what_is_not_sent_within_its_validity_expires_and_is_never_sent(app) {
        app.outage("429").await;
        let validity = Some(pbjson_types::Duration { seconds: 60, nanos: 0 });
        let request = SendSingleRequest { validity, ..to("+306900000001") };
        let message = app.alice().send_single(request).await.unwrap().into_inner().message.unwrap();
        app.outage("none").await;
        app.advance(61);
        app.run_due().await;
        assert_eq!(status_of(&mut app.alice(), &message.id).await, MessageStatus::Expired);
        assert!(app.ledger("").await.is_empty());
    }

    async fn a_server_error_is_never_followed_by_another_send_under_at_most_once(app) {
        app.outage("503").await;
        let once = SendSingleRequest { delivery_guarantee: DeliveryGuarantee::AtMostOnce as i32, ..to("+306900000001") };
        let once = app.alice().send_single(once).await.unwrap().into_inner().message.unwrap();
        assert_eq!((once.status(), once.possible_duplicate), (MessageStatus::Unknown, false));
        let least = app.alice().send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap();
        assert_eq!((least.status(), least.possible_duplicate), (MessageStatus::Queued, true));
        app.outage("none").await;
        for _ in 0..5 {
            app.advance(60);
            app.run_due().await;
        }
        assert_eq!(status_of(&mut app.alice(), &once.id).await, MessageStatus::Unknown);
        assert_eq!(status_of(&mut app.alice(), &least.id).await, MessageStatus::Delivered);
        assert_eq!(app.ledger("").await.len(), 1);
    }

    async fn a_scheduled_message_is_sent_at_its_time(app) {
        let at = app.clock.now().as_second() + 3600;
        let scheduled_at = Some(pbjson_types::Timestamp { seconds: at, nanos: 0 });
        let request = SendSingleRequest { scheduled_at, ..to("+306900000001") };
        let message = app.alice().send_single(request).await.unwrap().into_inner().message.unwrap();
        assert_eq!((message.status(), message.attempts), (MessageStatus::Scheduled, 0));
        app.advance(3599);
        app.run_due().await;
        assert_eq!(status_of(&mut app.alice(), &message.id).await, MessageStatus::Scheduled);
        app.advance(1);
        app.run_due().await;
        assert_eq!(status_of(&mut app.alice(), &message.id).await, MessageStatus::Sent);
    }

    async fn a_dry_run_checks_and_counts_and_leaves_nothing(app) {
        let request = SendSingleRequest { dry_run: true, text: "a".repeat(161), ..keyed("+306900000001", "dry") };
        let answer = app.alice().send_single(request).await.unwrap().into_inner();
        let message = answer.message.unwrap();
        assert_eq!((message.id.as_str(), message.segments, message.encoding()), ("", 2, Encoding::Gsm7));
        assert!(app.ledger("").await.is_empty());
        let list = app.alice().list_messages(ListMessagesRequest::default()).await.unwrap().into_inner();
        assert!(list.messages.is_empty());
        let request = SendSingleRequest { dry_run: true, text: "don’t ’n’ wait…".to_owned(), ..to("+306900000001") };
        let answer = app.alice().send_single(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer.forcing_characters, ["’", "…"]);
        let sent = app.alice().send_single(SendSingleRequest { dry_run: false, ..request }).await.unwrap().into_inner();
        assert!(sent.forcing_characters.is_empty());
    }

    async fn a_time_long_over_is_refused_but_for_a_repeat_and_one_just_over_is_now(app) {
        let at = |back: i64| Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second() + back, nanos: 0 });
        let slip = SendSingleRequest { scheduled_at: at(-15 * 60 - 1), ..to("+306900000001") };
        let refused = app.alice().send_single(slip).await.unwrap_err();
        let violations = refused.get_error_details().bad_request().unwrap().field_violations.clone();
        assert_eq!((refused.code(), violations[0].field.as_str()), (tonic::Code::InvalidArgument, "scheduled_at"));
        let late = SendSingleRequest { scheduled_at: at(-15 * 60), ..to("+306900000001") };
        assert_eq!(app.alice().send_single(late).await.unwrap().into_inner().message.unwrap().status(), MessageStatus::Sent);
        let timed = SendSingleRequest { scheduled_at: at(60), ..keyed("+306900000001", "timed") };
        let first = app.alice().send_single(timed.clone()).await.unwrap().into_inner().message.unwrap();
        app.advance(3600);
        app.run_due().await;
        assert_eq!(app.alice().send_single(timed).await.unwrap().into_inner().message.unwrap().id, first.id);
    }

    async fn sixty_four_equal_calls_with_one_key_are_one_message_and_equal_answers(app) {
        app.sandbox_settings(serde_json::json!({"latency_ms": 200})).await;
        let calls = (0..64).map(|_| {
            let mut alice = app.alice();
            tokio::spawn(async move { alice.send_single(keyed("+306900000001", "one")).await.unwrap().into_inner() })
        });
        let answers = futures::future::join_all(calls).await;
        let first = answers[0].as_ref().unwrap().clone();
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == &first));
        assert_eq!(first.message.unwrap().status(), MessageStatus::Sent);
        assert_eq!(app.ledger("").await.len(), 1);
    }

    async fn a_key_with_other_content_is_refused_and_another_owners_key_is_another_key(app) {
        let first = app.alice().send_single(keyed("+306900000001", "one")).await.unwrap().into_inner();
        let same = SendSingleRequest { destination: "00306900000001".to_owned(), ..keyed("", "one") };
        assert_eq!(app.alice().send_single(same).await.unwrap().into_inner().message, first.message);
        let other = SendSingleRequest { text: "Other".to_owned(), ..keyed("+306900000001", "one") };
        let error = app.alice().send_single(other).await.unwrap_err();
        assert_eq!((error.code(), reason(&error).as_str()), (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"));
        let bobs = app.bob().send_single(keyed("+306900000001", "one")).await.unwrap().into_inner();
        assert_ne!(bobs.message.unwrap().id, first.message.unwrap().id);
    }

    async fn a_repeat_while_the_first_is_at_work_waits_within_its_deadline_and_is_then_told_when_to_retry(app) {
        let mut first = app.alice();
        let work = tokio::spawn(async move { first.send_single(keyed("+306900000011", "slow")).await });
        while app.ledger("").await.is_empty() {
            tokio::task::yield_now().await;
        }
        let mut request = tonic::Request::new(keyed("+306900000011", "slow"));
        request.set_timeout(Duration::from_millis(300));
        let error = app.alice().send_single(request).await.unwrap_err();
        assert_eq!((error.code(), reason(&error).as_str()), (Code::Aborted, "IDEMPOTENCY_KEY_IN_FLIGHT"));
        assert!(error.get_details_retry_info().is_some());
        let first = work.await.unwrap().unwrap().into_inner();
        assert_eq!(first.message.unwrap().status(), MessageStatus::Unknown);
    }

    async fn a_client_that_hangs_up_after_the_fence_does_not_stop_its_message(app) {
        app.sandbox_settings(serde_json::json!({"latency_ms": 300})).await;
        let mut alice = app.alice();
        let call = tokio::spawn(async move { alice.send_single(to("+306900000001")).await });
        while app.ledger("").await.is_empty() {
            tokio::task::yield_now().await;
        }
        call.abort();
        app.service.drain().await;
        let list = app.alice().list_messages(ListMessagesRequest::default()).await.unwrap().into_inner();
        assert_eq!(list.messages.len(), 1);
        assert_eq!(list.messages[0].status(), MessageStatus::Sent);
    }

    async fn each_of_the_sixteen_destinations_ends_in_the_state_that_its_story_tells(app) {
        use MessageStatus::{Queued, Sent, Unknown};
        let expected = [(1, Sent), (2, Sent), (3, Sent), (4, Sent), (5, Sent), (6, Sent), (7, Sent), (8, Sent),
            (9, Queued), (10, Unknown), (11, Unknown), (12, Queued), (13, Unknown), (14, Sent), (15, Sent)];
        for (suffix, status) in expected {
            let answer = app.alice().send_single(to(&format!("+3069000000{suffix:02}"))).await.unwrap().into_inner();
            assert_eq!(answer.message.unwrap().status(), status, "suffix {suffix}");
            // A 429 holds its account for all.
            app.advance(3);
        }
        app.leaves_work("some of the stories go on when workers come");
    }
}
