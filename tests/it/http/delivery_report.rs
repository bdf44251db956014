//! Delivery reports at the webhook: what is answered, and what it did by then.

use axum::body::Body;
use futures::StreamExt as _;
use http::{Request, StatusCode};
use messaging::domain::message::Status;
use messaging::http::{Front, routes};
use messaging::proto::{Message, SendSingleRequest};
use serde_json::json;
use tower::ServiceExt as _;

use super::post::{DLR, authentic, post, request};
use crate::support::app::{TestApp, WEBHOOK_SECRET};
use crate::support::database::on_both_databases;

async fn sent(app: &TestApp) -> Message {
    let request =
        SendSingleRequest { destination: "+306900000003".to_owned(), text: "x".to_owned(), ..Default::default() };
    app.alice().send_single(request).await.unwrap().into_inner().message.unwrap()
}

async fn status(app: &TestApp, message: &Message) -> Status {
    status_of(app, &message.id).await
}

async fn status_of(app: &TestApp, id: &str) -> Status {
    let id = messaging::domain::ids::MessageId::parse(id).unwrap();
    app.store.message_of_anyone(id).await.unwrap().unwrap().status()
}

on_both_databases! { TestApp::start =>
    async fn a_report_is_on_the_disk_and_applied_when_it_is_answered(app) {
        let message = sent(&app).await;
        let body = json!({"messageId": message.provider_message_id, "deliveryStatus": "Delivered",
            "updatedAt": "2026-09-21T14:13:20.0000001Z"});
        assert_eq!(post(&app, DLR, body.to_string()).await, json!({"ok": true, "updated": 1}));
        assert_eq!(status(&app, &message).await, Status::Delivered);
        assert_eq!(app.count("reports WHERE state = 2 AND due_at IS NULL").await, 1);
        // Once more: it is known, and the same row.
        assert_eq!(post(&app, DLR, body.to_string()).await, json!({"ok": true, "updated": 0}));
        assert_eq!(app.count("reports").await, 1);
    }

    async fn bodies_that_do_not_come_hold_nothing_and_those_that_stand_still_make_room(app) {
        static MUCH: [u8; 1_000_000] = [b' '; 1_000_000];
        let routes = routes(&app.service, Front::default());
        let call = |body: Body| routes.clone().oneshot(authentic(DLR).body(body).unwrap());
        let unending = |beginning: &'static [u8]| {
            let beginning = futures::stream::iter([Ok::<&[u8], std::io::Error>(beginning)]);
            tokio::spawn(call(Body::from_stream(beginning.chain(futures::stream::pending()))))
        };
        // The first one is there when it is asked for more.
        let (asked, is_there) = tokio::sync::oneshot::channel();
        let more = futures::stream::once(async move {
            let _ = asked.send(());
            std::future::pending::<Result<&[u8], std::io::Error>>().await
        });
        let beginning = futures::stream::iter([Ok::<&[u8], std::io::Error>(b"{")]);
        let first = tokio::spawn(call(Body::from_stream(beginning.chain(more))));
        is_there.await.unwrap();
        let waiting: Vec<_> = (0..200).map(|_| unending(b"{")).chain((0..70).map(|_| unending(&MUCH))).collect();
        assert_eq!(call(Body::from("[]")).await.unwrap().status(), 202, "whoever comes now is taken");
        // Seventy megabytes do not fit; those that came first made room.
        let first = first.await.unwrap().unwrap();
        assert_eq!((first.status().as_u16(), &first.headers()["retry-after"]), (503, &"5".parse().unwrap()));
        assert!(waiting.iter().any(|call| !call.is_finished()), "others have their time");
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }

    async fn an_array_a_form_and_a_query_are_taken_like_one_object(app) {
        let [one, two, three, four] = [sent(&app).await, sent(&app).await, sent(&app).await, sent(&app).await];
        let body = json!([{"id": one.provider_message_id, "status": "DELIVRD"},
            {"Id": two.provider_message_id, "Status": "undeliv", "errorMessage": "absent"}, {"nobody": "knows"}]);
        assert_eq!(post(&app, DLR, body.to_string()).await["updated"], 2);
        assert_eq!((status(&app, &one).await, status(&app, &two).await), (Status::Delivered, Status::Failed));
        assert_eq!(app.count("reports WHERE state = 4").await, 1, "what cannot be read is kept");
        let query = format!("{DLR}?messageId={}&status=ok&timestamp=1790000000", three.provider_message_id.unwrap());
        let get = Request::get(query).header("x-webhook-token", WEBHOOK_SECRET);
        let (code, _, answer) = request(&app.service, get, "").await;
        assert_eq!((code, &answer["updated"]), (StatusCode::ACCEPTED, &json!(1)));
        assert_eq!(status_of(&app, &three.id).await, Status::Delivered);
        let form = authentic(DLR).header("content-type", "application/x-www-form-urlencoded");
        let (_, _, answer) = request(&app.service, form, format!("reference={}&status=failed", four.id)).await;
        assert_eq!(answer["updated"], 1);
        assert_eq!(status(&app, &four).await, Status::Failed);
        // What curl posts calls itself a form, whatever it is.
        let form = authentic(DLR).header("content-type", "application/x-www-form-urlencoded");
        let body = json!({"reference": four.id, "status": "ok"}).to_string();
        assert_eq!(request(&app.service, form, body).await.2["updated"], 1);
    }

    async fn what_cannot_be_read_is_kept_and_acknowledged(app) {
        for body in ["", "null", "[]", "7", "{\"messageId\":\"p-1\"}", "{\"messageId\":", "[1,2]", "\u{0}\u{1}", "{\"status\":\"Delivered\"}"] {
            assert_eq!(post(&app, DLR, body).await, json!({"ok": true, "updated": 0}), "{body:?}");
        }
        post(&app, DLR, vec![0xff, 0xfe, 0x00]).await;
        let hostile = json!({"messageId": "p-\u{0}", "reference": "\u{0}", "status": "Delivered\u{0}"});
        post(&app, DLR, hostile.to_string()).await;
        assert_eq!(app.count("reports WHERE state <> 4").await, 0);
        assert_eq!(app.count("reports WHERE state = 4").await, 11, "all but the empty array, whose elements are none");
        let metrics = app.service.render_metrics().await;
        assert!(metrics.contains(r#"messaging_reports_total{outcome="unreadable"} 11"#), "{metrics}");
    }

    async fn a_word_that_nobody_knows_is_kept_and_counted_and_is_no_success(app) {
        let message = sent(&app).await;
        post(&app, DLR, json!({"messageId": message.provider_message_id, "status": "Teleported"}).to_string()).await;
        assert_eq!(status(&app, &message).await, Status::Sent);
        let id = messaging::domain::ids::MessageId::parse(&message.id).unwrap();
        let kept = app.store.message_of_anyone(id).await.unwrap().unwrap();
        assert_eq!(kept.state.provider_status.as_deref(), Some("Teleported"));
        assert!(app.service.render_metrics().await.contains("messaging_unknown_words_total 1"));
    }

    async fn a_body_that_is_too_long_is_refused_and_nothing_of_it_is_kept(app) {
        let (code, _, _) = request(&app.service, authentic(DLR), vec![b' '; (1 << 20) + 1]).await;
        assert_eq!(code, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(app.count("reports").await, 0);
    }

    async fn what_cannot_be_stored_is_not_acknowledged(app) {
        app.execute("ALTER TABLE reports RENAME TO elsewhere").await;
        let body = json!({"messageId": "p-1", "status": "Delivered"}).to_string();
        let (code, headers, answer) = request(&app.service, authentic(DLR), body.clone()).await;
        assert_eq!((code, answer), (StatusCode::SERVICE_UNAVAILABLE, json!({"ok": false})));
        assert!(headers.contains_key("retry-after"));
        app.execute("ALTER TABLE elsewhere RENAME TO reports").await;
        post(&app, DLR, body).await;
        assert_eq!(app.count("reports").await, 1);
    }
}
