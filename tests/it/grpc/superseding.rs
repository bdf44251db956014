//! `supersede_key`: the answer, the record and the history say whose place a message took.

use messaging::proto::*;
use tonic_types::StatusExt as _;

use super::send::to;
use crate::support::app::{Client, TestApp};
use crate::support::database::on_both_databases;

/// The digest that the release before stored of a send of "Hello" to +306900000001.
const SEND_BEFORE: &str = "fccd9b6d4033148d1662f9c45c2412d0bcd5613705ea6924635ec592deda072c";

fn keyed(key: &str) -> SendSingleRequest {
    SendSingleRequest { supersede_key: Some(key.to_owned()), ..to("+306900000001") }
}

/// The same for a minute from now.
fn later(app: &TestApp, key: &str) -> SendSingleRequest {
    let at = app.clock.now() + jiff::SignedDuration::from_mins(1);
    let scheduled_at = Some(pbjson_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() });
    SendSingleRequest { scheduled_at, ..keyed(key) }
}

async fn send(client: &mut Client, request: SendSingleRequest) -> (String, SendSingleResponse) {
    let answer = client.send_single(request).await.unwrap().into_inner();
    (answer.message.clone().unwrap().id, answer)
}

async fn status_of(client: &mut Client, id: &str) -> MessageStatus {
    let request = GetMessageRequest { id: id.to_owned(), ..Default::default() };
    client.get_message(request).await.unwrap().into_inner().message.unwrap().status()
}

on_both_databases! { TestApp::start =>
    async fn an_older_one_whose_answer_was_lost_is_not_sent_again_behind_the_newer(app) {
        let mut alice = app.alice();
        let lost = || SendSingleRequest { destination: "+306900000010".to_owned(), ..keyed("login") };
        let (first, _) = send(&mut alice, lost()).await;
        assert_eq!(status_of(&mut alice, &first).await, MessageStatus::Unknown);
        let (second, answer) = send(&mut alice, lost()).await;
        assert_eq!((answer.superseded_message_id.as_ref(), answer.superseded()), (Some(&first), Superseded::AlreadySent));
        assert_eq!(app.ledger("").await.len(), 2);
        let explained = alice.explain_message(ExplainMessageRequest { id: first.clone(), ..Default::default() }).await.unwrap().into_inner();
        assert_eq!(explained.entries.last().unwrap().kind(), HistoryKind::Cancelled);
        app.advance(121);
        app.run_due().await;
        let sent: Vec<_> = app.ledger("").await.iter().map(|sent| sent["reference"].clone()).collect();
        assert_eq!(sent.iter().filter(|id| **id == first.as_str()).count(), 1, "{sent:?}");
        assert_eq!(sent.iter().filter(|id| **id == second.as_str()).count(), 2, "{sent:?}");
        assert_eq!(status_of(&mut alice, &first).await, MessageStatus::Unknown);

        // One whose fate nobody knew when the newer one came finds that when its resend is due.
        let (third, _) = send(&mut alice, lost()).await;
        let (_, _) = send(&mut alice, SendSingleRequest { destination: "+306900000010".to_owned(), ..keyed("login") }).await;
        app.execute("UPDATE messages SET due_at = created_at WHERE dispatch = 6 AND superseded_id IS NOT NULL AND due_at IS NULL AND created_at = (SELECT MAX(created_at) FROM messages)").await;
        app.service.run_timers().await.unwrap();
        app.run_due().await;
        let sent = app.ledger("").await.iter().filter(|sent| sent["reference"] == third.as_str()).count();
        assert_eq!(sent, 1);
    }

    async fn the_answer_names_the_message_whose_place_it_took_and_so_do_the_record_and_the_history(app) {
        let mut alice = app.alice();
        let (first, answer) = send(&mut alice, later(&app, "login")).await;
        assert_eq!((answer.superseded_message_id.as_deref(), answer.superseded()), (None, Superseded::Unspecified));
        let repeatable = SendSingleRequest { idempotency_key: "second".to_owned(), ..keyed("login") };
        let (second, answer) = send(&mut alice, repeatable.clone()).await;
        assert_eq!((answer.superseded_message_id.as_ref(), answer.superseded()), (Some(&first), Superseded::Cancelled));
        assert_eq!(answer.message.as_ref().unwrap().supersede_key.as_deref(), Some("login"));
        assert_eq!(status_of(&mut alice, &first).await, MessageStatus::Cancelled);
        let (third, answer) = send(&mut alice, keyed("login")).await;
        assert_eq!((answer.superseded_message_id.as_ref(), answer.superseded()), (Some(&second), Superseded::AlreadySent));
        assert_eq!(status_of(&mut alice, &second).await, MessageStatus::Sent);
        let (again, answer) = send(&mut alice, repeatable).await;
        assert_eq!((again, answer.superseded_message_id.as_ref(), answer.superseded()), (second, Some(&first), Superseded::Cancelled));

        let explained = alice.explain_message(ExplainMessageRequest { id: first.clone(), ..Default::default() }).await.unwrap().into_inner();
        let last = explained.entries.last().unwrap();
        let by = last.evidence.as_ref().unwrap().fields["superseded_by"].clone();
        assert_eq!((last.kind(), by), (HistoryKind::Cancelled, answer.message.as_ref().unwrap().id.clone().into()));
        assert_eq!(explained.message.unwrap().error_code.as_deref(), Some("SUPERSEDED"));
        let explained = alice.explain_message(ExplainMessageRequest { id: third, ..Default::default() }).await.unwrap().into_inner();
        assert_eq!(explained.message.unwrap().superseded(), Superseded::AlreadySent);
        app.advance(120);
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 2, "the first was never sent");
    }

    async fn a_dry_run_supersedes_nothing_and_a_key_that_cannot_be_used_is_refused(app) {
        let mut alice = app.alice();
        let (first, _) = send(&mut alice, later(&app, "login")).await;
        let (_, answer) = send(&mut alice, SendSingleRequest { dry_run: true, ..keyed("login") }).await;
        assert_eq!((answer.superseded_message_id, answer.message.unwrap().supersede_key.as_deref()), (None, Some("login")));
        assert_eq!(status_of(&mut alice, &first).await, MessageStatus::Scheduled);
        let refused = alice.send_single(SendSingleRequest { text: String::new(), ..keyed("é") }).await.unwrap_err();
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        let mut fields: Vec<String> = violations.into_iter().map(|violation| violation.field).collect();
        fields.sort();
        assert_eq!(fields, ["supersede_key", "text"]);
        let (_, answer) = send(&mut alice, keyed("")).await;
        assert_eq!(answer.message.unwrap().supersede_key, None);
        let cancelled = alice.cancel_message(CancelMessageRequest { id: first, ..Default::default() }).await.unwrap().into_inner();
        assert_eq!(cancelled.message.unwrap().error_code, None);
    }

    async fn an_idempotency_key_stands_for_one_supersede_key_and_without_one_for_the_digest_of_before(app) {
        let mut alice = app.alice();
        let with = |request: SendSingleRequest| SendSingleRequest { idempotency_key: "one".to_owned(), ..request };
        let (first, _) = send(&mut alice, with(keyed("login"))).await;
        assert_eq!(send(&mut alice, with(keyed("login"))).await.0, first);
        for other in [keyed("logout"), to("+306900000001")] {
            let refused = alice.send_single(with(other)).await.unwrap_err();
            assert_eq!(refused.get_details_error_info().unwrap().reason, "IDEMPOTENCY_KEY_REUSED");
        }
        let plain = SendSingleRequest { idempotency_key: "plain".to_owned(), ..to("+306900000001") };
        send(&mut alice, plain).await;
        let hex = if app.store.kind() == "postgres" { "encode(fingerprint, 'hex')" } else { "lower(hex(fingerprint))" };
        assert_eq!(app.count(&format!("idempotency_keys WHERE key = 'plain' AND {hex} = '{SEND_BEFORE}'")).await, 1);
    }
}
