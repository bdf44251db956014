//! `/api/v1/webhook-endpoints`: the same as over gRPC, a change by PATCH, and secrets in two answers alone.

use messaging::http::{Front, routes};
use messaging::service::Settings;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::call::{ask, of, post, send};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;
use crate::support::settings::{self, ForTests as _};

const ENDPOINTS: &str = "/api/v1/webhook-endpoints";
/// A URL that holds what nobody else may know.
const URL: &str = "https://receiver.example/hook?canary-7391";

async fn made(app: &TestApp) -> Value {
    post(app, app.alice, ENDPOINTS, &json!({"url": URL, "maxWait": "0.250s", "types": ["message.sent"]})).await.ok()
}

async fn patch(app: &TestApp, path: &str, body: &Value) -> super::call::Answer {
    let request = of(app, app.alice, "PATCH", path).header("content-type", "application/json");
    send(app, request, body.to_string()).await
}

on_both_databases! { TestApp::start =>
    async fn the_secret_is_in_the_answers_that_make_one_and_in_no_other(app) {
        let created = made(&app).await;
        assert!(created["secret"].as_str().unwrap().starts_with("whsec_"));
        assert_eq!(created["endpoint"]["maxWait"], "0.250s");
        let one = format!("{ENDPOINTS}/{}", created["endpoint"]["id"].as_str().unwrap());
        let rotated = post(&app, app.alice, &format!("{one}/rotate-secret"), &json!({"atOnce": true})).await.ok();
        assert!(rotated["secret"].as_str().unwrap().starts_with("whsec_") && rotated["secret"] != created["secret"]);
        assert_eq!(rotated["oldUntil"], rotated["endpoint"]["updatedAt"]);
        let from = app.clock.now().to_string();
        let others = [
            ask(&app, app.alice, "GET", ENDPOINTS).await.ok(),
            ask(&app, app.alice, "GET", &one).await.ok(),
            patch(&app, &one, &json!({"description": "x"})).await.ok(),
            ask(&app, app.alice, "GET", &format!("{one}/deliveries?page_size=5")).await.ok(),
            post(&app, app.alice, &format!("{one}/disable"), &json!({})).await.ok(),
            post(&app, app.alice, &format!("{one}/enable"), &json!({"fromTime": from})).await.ok(),
            post(&app, app.alice, &format!("{one}/replay"), &json!({"from": from})).await.ok(),
            ask(&app, app.alice, "DELETE", &one).await.ok(),
        ];
        for other in &others {
            assert!(!other.to_string().contains("whsec_"), "{other}");
        }
        assert_eq!(others[0]["endpoints"][0]["url"], URL);
        assert!(others[1]["standing"]["resumeToken"].is_string());
        assert_eq!(others[4]["endpoint"]["state"], "ENDPOINT_STATE_DISABLED");
        assert!(others[6]["replayId"].is_string());
        assert_eq!(others[7], json!({}));
        let (status, gone) = ask(&app, app.alice, "GET", &one).await.error();
        assert_eq!((status, &gone["code"]), (404, &json!("ENDPOINT_NOT_FOUND")));
    }

    async fn a_patch_changes_what_its_body_has(app) {
        let created = made(&app).await;
        let id = created["endpoint"]["id"].as_str().unwrap();
        let one = format!("{ENDPOINTS}/{id}");
        let before = ask(&app, app.alice, "GET", &one).await.ok()["endpoint"].clone();
        let body = json!({"types": {"types": []}, "maxBatch": 10, "include_text": true, "maxWait": "1.5s", "id": "another"});
        let mut after = patch(&app, &one, &body).await.ok()["endpoint"].clone();
        let mut expected = before.clone();
        expected.as_object_mut().unwrap().remove("types");
        (expected["maxBatch"], expected["includeText"], expected["maxWait"]) = (json!(10), json!(true), json!("1.500s"));
        after["updatedAt"] = expected["updatedAt"].clone();
        assert_eq!(after, expected);
        let (status, refused) = patch(&app, &one, &json!({"maxBatch": 0, "maxWait": "6s", "url": "x"})).await.error();
        assert_eq!((status, &refused["code"]), (400, &json!("VALIDATION_ERROR")));
        let fields: Vec<&str> = refused["violations"].as_array().unwrap().iter().map(|v| v["field"].as_str().unwrap()).collect();
        assert_eq!(fields, ["url", "max_wait"]);
        for (body, field) in [(json!({"maxAge": "90.5s"}), "max_age"), (json!({"maxWait": "0.0001s"}), "max_wait"), (json!({"url": "https://receiver.example/\n"}), "url")] {
            let (status, refused) = patch(&app, &one, &body).await.error();
            assert_eq!((status, &refused["violations"][0]["field"]), (400, &json!(field)), "{body}");
        }
        let unknown = patch(&app, &one, &json!({"nonsense": 1})).await;
        assert_eq!(unknown.status, 400, "{}", unknown.text());
        let query = patch(&app, &format!("{one}?max_batch=3"), &json!({})).await;
        assert_eq!(query.status, 400, "what changes is in the body");
    }

    async fn without_a_key_no_endpoint_can_be_made(app) {
        let off = settings::service(&app.store, &app.clock, settings::nobody(), Settings::for_tests());
        let request = of(&app, app.alice, "POST", ENDPOINTS).header("content-type", "application/json");
        let request = request.body(axum::body::Body::from(json!({"url": URL}).to_string())).unwrap();
        let answer = routes(&off, Front::default()).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 409);
        let body = axum::body::to_bytes(answer.into_body(), 1 << 16).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], "WEBHOOKS_OFF");
        off.drain().await;
    }

    async fn neither_errors_nor_metrics_have_a_url_or_a_secret(app) {
        let created = made(&app).await;
        let one = format!("{ENDPOINTS}/{}", created["endpoint"]["id"].as_str().unwrap());
        let wrong = json!({"url": "ftp://canary-7391", "types": ["canary-7391"], "metadata": {"metadata": {"": "canary-7391"}},
            "description": "canary-7391\n"});
        let unreadable = json!({"url": ["canary-7391"], "maxWait": "canary-7391"});
        for body in [wrong, unreadable] {
            let refused = patch(&app, &one, &body).await;
            assert_eq!(refused.status, 400);
            assert!(!refused.text().contains("canary"), "{}", refused.text());
        }
        let metrics = send(&app, http::Request::get("/metrics"), "").await.text();
        assert!(metrics.contains("method=\"PATCH\""), "{metrics}");
        assert!(!metrics.contains("canary") && !metrics.contains("whsec_") && !metrics.contains("receiver.example"));
    }
}
