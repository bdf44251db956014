//! Messages from recipients at the webhook: whom they concern, and what they do.

use messaging::domain::ids::OwnerId;
use messaging::proto::SendSingleRequest;
use serde_json::{Value, json};

use super::post::{INBOUND, post};
use crate::support::app::{ORDINARY, TestApp};
use crate::support::database::on_both_databases;

const NUMBER: &str = "+306900000001";

/// Somebody writes; it is read when this ends.
async fn wrote(app: &TestApp, body: Value) {
    assert_eq!(post(app, INBOUND, body.to_string()).await, json!({"ok": true}));
    app.run_due().await;
    // The next one comes later: their order is by time.
    app.advance(1);
}

/// Who may not write to the number any more.
async fn opted_out(app: &TestApp) -> Vec<OwnerId> {
    let mut owners = Vec::new();
    for owner in [app.alice, app.bob] {
        let list = app.store.opt_outs(owner, None, 10).await.unwrap();
        owners.extend(list.iter().any(|entry| entry.destination.as_str() == NUMBER).then_some(owner));
    }
    owners
}

async fn send(app: &TestApp, owner: OwnerId) {
    let request = SendSingleRequest { destination: NUMBER.to_owned(), text: "x".to_owned(), ..Default::default() };
    app.client_of(owner, ORDINARY).send_single(request).await.unwrap();
}

on_both_databases! { TestApp::start =>
    async fn stop_to_a_sender_is_a_wish_to_its_owner_alone(app) {
        send(&app, app.bob).await;
        wrote(&app, json!({"from": NUMBER, "to": "ALICE", "text": "Stop. Thank you"})).await;
        assert_eq!(opted_out(&app).await, [app.alice]);
        assert_eq!(app.store.inbound_to_review(None, 10).await.unwrap().len(), 0);
    }

    async fn stop_to_nobodys_sender_is_a_wish_to_whoever_wrote_last(app) {
        send(&app, app.alice).await;
        app.advance(1);
        send(&app, app.bob).await;
        wrote(&app, json!({"msisdn": "306900000001", "message": "στοπ!"})).await;
        assert_eq!(opted_out(&app).await, [app.bob]);
    }

    async fn start_undoes_stop_and_not_what_the_owner_wanted(app) {
        for text in ["STOP", "no more", "unsubscribe", "Quit!"] {
            wrote(&app, json!({"sender": NUMBER, "to": "Alice", "text": text})).await;
            assert_eq!(opted_out(&app).await, [app.alice], "{text}");
            wrote(&app, json!({"from": NUMBER, "to": "Alice", "text": "start"})).await;
            assert_eq!(opted_out(&app).await, [], "{text}");
        }
        app.opt_out(app.alice, NUMBER).await;
        wrote(&app, json!({"from": NUMBER, "to": "Alice", "text": "STOP"})).await;
        wrote(&app, json!({"from": NUMBER, "to": "Alice", "text": "START"})).await;
        assert_eq!(opted_out(&app).await, [app.alice]);
    }

    async fn what_may_mean_something_else_is_for_a_person(app) {
        wrote(&app, json!({"from": NUMBER, "to": "Alice", "text": "stop by tomorrow?"})).await;
        wrote(&app, json!({"from": NUMBER, "to": "Unmatched", "text": "STOP"})).await;
        wrote(&app, json!({"from": NUMBER, "to": "Alice", "text": "Thanks!"})).await;
        wrote(&app, json!({"from": "call me", "to": "Alice", "text": "STOP"})).await;
        post(&app, INBOUND, "{").await;
        app.run_due().await;
        assert_eq!(opted_out(&app).await, []);
        let review = app.store.inbound_to_review(None, 10).await.unwrap();
        let texts: Vec<_> = review.iter().map(|one| one.message.clone().unwrap().text).collect();
        assert_eq!(texts, ["stop by tomorrow?", "STOP"]);
        assert!(app.store.resolve_inbound(review[0].id).await.unwrap());
        assert_eq!(app.store.inbound_to_review(None, 10).await.unwrap().len(), 1);
        assert_eq!(app.count("inbound WHERE state = 4").await, 2, "what cannot be read is kept");
        assert_eq!(app.count("inbound WHERE due_at IS NOT NULL").await, 0);
    }

    async fn whoever_has_opted_out_is_not_sent_to(app) {
        wrote(&app, json!({"from": NUMBER, "to": "Alice", "text": "STOP"})).await;
        let request = SendSingleRequest { destination: NUMBER.to_owned(), text: "x".to_owned(), ..Default::default() };
        let refused = app.alice().send_single(request).await;
        assert!(app.ledger("").await.is_empty(), "{refused:?}");
        send(&app, app.bob).await;
        assert_eq!(app.ledger("").await.len(), 1);
    }
}
