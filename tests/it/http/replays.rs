//! A message from a recipient that was recorded and is posted again: by which proof it changes nothing, and which is none.

use http::StatusCode;
use http::request::Builder;
use serde_json::json;

use super::post::{DLR, INBOUND, authentic, request};
use super::signature::{plain, standard};
use crate::support::app::{TestApp, WEBHOOK_SECRET};
use crate::support::database::on_both_databases;

const NUMBER: &str = "+306900000001";
const KEY: &[u8] = WEBHOOK_SECRET.as_bytes();

fn said(word: &str) -> String {
    json!({"from": NUMBER, "to": "Alice", "text": word}).to_string()
}

/// Posts it; what it says is done when this ends, and the next one comes a second later.
async fn posted(app: &TestApp, post: Builder, body: &str) -> StatusCode {
    let (status, _, answer) = request(&app.service, post, body.to_owned()).await;
    assert_eq!(answer, json!({"ok": status == StatusCode::ACCEPTED}));
    app.run_due().await;
    app.advance(1);
    status
}

async fn is_opted_out(app: &TestApp) -> bool {
    !app.store.opt_outs(app.alice, None, 10).await.unwrap().is_empty()
}

on_both_databases! { TestApp::start =>
    async fn a_signed_start_that_is_posted_again_after_a_stop_subscribes_nobody(app) {
        let (start, stop) = (said("START"), said("STOP"));
        let signed = app.clock.now().as_second();
        let recorded = |body: &str| standard(INBOUND, KEY, signed, body);
        assert_eq!(posted(&app, recorded(&start), &start).await, StatusCode::ACCEPTED);
        assert_eq!(posted(&app, recorded(&stop), &stop).await, StatusCode::ACCEPTED);
        for _ in 0..3 {
            // Whoever repeats it because the answer was lost is told that it is there.
            assert_eq!(posted(&app, recorded(&start), &start).await, StatusCode::ACCEPTED);
            assert!(is_opted_out(&app).await);
        }
        assert_eq!(app.count("inbound").await, 2);
        app.advance(300);
        assert_eq!(posted(&app, recorded(&start), &start).await, StatusCode::UNAUTHORIZED);
        assert!(is_opted_out(&app).await);
    }

    async fn a_relay_that_repeats_a_message_with_a_new_time_changes_nothing(app) {
        let (start, stop) = (said("START"), said("STOP"));
        for (body, after) in [(&start, 1), (&stop, 1), (&start, 200)] {
            let signed = app.clock.now().as_second();
            assert_eq!(posted(&app, standard(INBOUND, KEY, signed, body), body).await, StatusCode::ACCEPTED);
            app.advance(after);
        }
        assert!(is_opted_out(&app).await);
    }

    async fn a_signature_without_a_time_is_none_for_messages_from_recipients(app) {
        let start = said("START");
        assert_eq!(posted(&app, plain(INBOUND, KEY, &start), &start).await, StatusCode::UNAUTHORIZED);
        assert_eq!(app.count("inbound").await, 0);
        let report = r#"{"messageId":"p-1","deliveryStatus":"Delivered"}"#;
        let (status, _, _) = request(&app.service, plain(DLR, KEY, report), report).await;
        assert_eq!(status, StatusCode::ACCEPTED, "a report says the same however often it is posted");
    }

    async fn who_shows_the_token_may_say_the_same_again(app) {
        for (word, opted_out) in [("STOP", true), ("START", false), ("STOP", true), ("START", false)] {
            assert_eq!(posted(&app, authentic(INBOUND), &said(word)).await, StatusCode::ACCEPTED);
            assert_eq!(is_opted_out(&app).await, opted_out);
        }
        assert_eq!((app.count("inbound").await, app.count("seen_posts").await), (4, 0));
    }

    async fn what_was_posted_is_forgotten_when_its_time_counts_no_more(app) {
        for minute in [0, 20] {
            app.advance(60 * minute);
            let (signed, body) = (app.clock.now().as_second(), said(&format!("Hello {minute}")));
            assert_eq!(posted(&app, standard(INBOUND, KEY, signed, &body), &body).await, StatusCode::ACCEPTED);
            assert_eq!(app.count("seen_posts").await, 1);
        }
    }
}
