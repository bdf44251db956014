//! `CancelMessage`: what waits is taken back, what is on its way is not, and no message is both cancelled and sent.

use std::collections::BTreeSet;

use messaging::proto::{CancelMessageRequest, CreateCampaignRequest, Message, MessageStatus, SendSingleRequest};
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::send::to;
use super::webhooks::violated;
use crate::http::call::{of, send};
use crate::support::app::{Client, TestApp};
use crate::support::database::on_both_databases;

async fn cancel(client: &mut Client, id: &str) -> Result<Message, Status> {
    let answer = client.cancel_message(CancelMessageRequest { id: id.to_owned(), ..Default::default() }).await?;
    Ok(answer.into_inner().message.unwrap())
}

/// A message that waits for a minute.
async fn waiting(app: &TestApp, client: &mut Client, destination: &str) -> String {
    let at = app.clock.now() + jiff::SignedDuration::from_mins(1);
    let scheduled_at = Some(pbjson_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() });
    let sent = client.send_single(SendSingleRequest { scheduled_at, ..to(destination) }).await.unwrap();
    sent.into_inner().message.unwrap().id
}

on_both_databases! { TestApp::start =>
    async fn what_waits_is_taken_back_once_and_for_all(app) {
        let mut alice = app.alice();
        let id = waiting(&app, &mut alice, "+306900000001").await;
        for _ in 0..2 {
            assert_eq!(cancel(&mut alice, &id).await.unwrap().status(), MessageStatus::Cancelled);
        }
        app.advance(120);
        app.run_due().await;
        assert!(app.ledger("").await.is_empty());
    }

    async fn one_whose_answer_was_lost_is_not_sent_again(app) {
        let mut alice = app.alice();
        let lost = alice.send_single(to("+306900000010")).await.unwrap().into_inner().message.unwrap();
        assert!(lost.status() == MessageStatus::Unknown && lost.next_attempt_at.is_some());
        for _ in 0..2 {
            let cancelled = cancel(&mut alice, &lost.id).await.unwrap();
            assert_eq!((cancelled.status(), cancelled.next_attempt_at), (MessageStatus::Unknown, None));
        }
        app.advance(121);
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 1);
    }

    async fn what_was_sent_is_not_and_anothers_is_nobodys(app) {
        let mut alice = app.alice();
        let sent = alice.send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap();
        let refused = cancel(&mut alice, &sent.id).await.unwrap_err();
        let info = refused.get_error_details().error_info().unwrap().clone();
        assert_eq!((refused.code(), info.reason.as_str()), (Code::FailedPrecondition, "MESSAGE_STATE"));
        assert_eq!(info.metadata["status"], "sent");
        let id = waiting(&app, &mut alice, "+306900000001").await;
        assert_eq!(cancel(&mut app.bob(), &id).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(cancel(&mut alice, "x").await.unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(cancel(&mut alice, &id).await.unwrap().status(), MessageStatus::Cancelled);
    }

    async fn a_message_is_found_by_the_key_that_it_was_sent_with(app) {
        let mut alice = app.alice();
        let at = app.clock.now() + jiff::SignedDuration::from_mins(1);
        let scheduled_at = Some(pbjson_types::Timestamp { seconds: at.as_second(), nanos: 0 });
        let request = SendSingleRequest { scheduled_at, idempotency_key: "order-7".to_owned(), ..to("+306900000001") };
        let sent = alice.send_single(request.clone()).await.unwrap().into_inner().message.unwrap();
        let by = |key: &str| CancelMessageRequest { sent_idempotency_key: key.to_owned(), ..Default::default() };
        // Another owner's key says what one says that nobody used.
        let (hers, nobodys) = (app.bob().cancel_message(by("order-7")).await, app.bob().cancel_message(by("order-9")).await);
        let (hers, nobodys) = (hers.unwrap_err(), nobodys.unwrap_err());
        assert_eq!((hers.code(), hers.message()), (Code::NotFound, "Message not found: none was sent with this idempotency key"));
        assert_eq!((hers.message(), hers.details()), (nobodys.message(), nobodys.details()));
        // A campaign's key is no message's.
        let campaign = CreateCampaignRequest { name: "c".to_owned(), text: "t".to_owned(), idempotency_key: "spring".to_owned(), ..Default::default() };
        app.campaigns_of(app.alice).create_campaign(campaign).await.unwrap();
        assert_eq!(alice.cancel_message(by("spring")).await.unwrap_err().code(), Code::NotFound);
        let both = CancelMessageRequest { id: sent.id.clone(), ..by("order-7") };
        assert_eq!(violated(&alice.cancel_message(both).await.unwrap_err()), ["sent_idempotency_key"]);
        assert_eq!(violated(&alice.cancel_message(by("\u{e9}")).await.unwrap_err()), ["sent_idempotency_key"]);
        let none = CancelMessageRequest::default();
        assert_eq!(violated(&alice.cancel_message(none).await.unwrap_err()), ["id", "sent_idempotency_key"]);
        for _ in 0..2 {
            let cancelled = alice.cancel_message(by("order-7")).await.unwrap().into_inner().message.unwrap();
            assert_eq!((&cancelled.id, cancelled.status()), (&sent.id, MessageStatus::Cancelled));
        }
        // The header that makes a call repeatable names no message.
        let cancel = of(&app, app.alice, "POST", "/api/v1/messages/cancel").header("content-type", "application/json");
        let told = send(&app, cancel, json!({"sentIdempotencyKey": "order-7"}).to_string()).await.ok();
        assert_eq!((&told["message"]["id"], &told["message"]["status"]), (&json!(sent.id), &json!("MESSAGE_STATUS_CANCELLED")));
        let by_id = of(&app, app.alice, "POST", &format!("/api/v1/messages/{}/cancel", sent.id)).header("idempotency-key", "x");
        assert_eq!(send(&app, by_id, "").await.ok(), told);
        app.advance(120);
        app.run_due().await;
        assert!(app.ledger("").await.is_empty());
        assert_eq!(alice.send_single(request).await.unwrap().into_inner().message.unwrap().id, sent.id, "the key is still good");
    }

    async fn a_message_is_cancelled_or_sent_and_the_answer_is_true(app) {
        let mut alice = app.alice();
        let mut ids = Vec::new();
        for n in 0..40 {
            ids.push(waiting(&app, &mut alice, &format!("+3069000{n:03}01")).await);
        }
        app.advance(61);
        app.service.run_timers().await.unwrap();
        let cancels = ids.iter().map(|id| {
            let (mut alice, id) = (alice.clone(), id.clone());
            async move { cancel(&mut alice, &id).await.map(|_| id).ok() }
        });
        let sending = async {
            for _ in 0..8 {
                app.run_due().await;
            }
        };
        let (cancelled, ()) = tokio::join!(futures::future::join_all(cancels), sending);
        app.run_due().await;
        let cancelled: BTreeSet<String> = cancelled.into_iter().flatten().collect();
        for id in &ids {
            let sent = app.ledger(&format!("reference={id}")).await.len();
            assert_eq!(sent, usize::from(!cancelled.contains(id)), "sent, or cancelled");
        }
    }
}
