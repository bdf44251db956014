//! Whose a post is: every form of proof, and everything that is none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Builder;
use http::{Request, StatusCode};
use messaging::service::Service;
use secrecy::SecretString;
use serde_json::json;
use sha2::Sha256;

use super::post::{DLR, INBOUND, request};
use crate::support::app::{TestApp, WEBHOOK_SECRET};
use crate::support::database::on_both_databases;

const BODY: &str = r#"{"messageId":"p-1","deliveryStatus":"Delivered"}"#;
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

fn mac(key: &[u8], signed: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(signed.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"))
}

/// The headers of Standard Webhooks for a body signed with `key` at `at`.
pub fn standard(path: &str, key: &[u8], at: i64, body: &str) -> Builder {
    let signature = STANDARD.encode(mac(key, &format!("msg_1.{at}.{body}")));
    let post = Request::post(path).header("webhook-id", "msg_1").header("webhook-timestamp", at);
    post.header("webhook-signature", format!("v1,AAAA v1a,{signature} v1,{signature}"))
}

pub fn plain(path: &str, key: &[u8], body: &str) -> Builder {
    Request::post(path).header("x-webhook-signature", hex(&mac(key, body)))
}

fn token(token: &str) -> Builder {
    Request::post(DLR).header("x-webhook-token", token)
}

async fn code(service: &Service, post: Builder, body: &str) -> StatusCode {
    let (code, _, answer) = request(service, post, body.to_owned()).await;
    let ok = code == StatusCode::ACCEPTED;
    assert_eq!(answer["ok"], json!(ok), "{code} {answer}");
    assert!(ok || answer == json!({"ok": false}), "{answer}");
    code
}

const YES: StatusCode = StatusCode::ACCEPTED;
const NO: StatusCode = StatusCode::UNAUTHORIZED;

on_both_databases! { TestApp::start =>
    async fn each_form_of_proof_lets_a_post_in(app) {
        let (now, key) = (app.clock.now().as_second(), WEBHOOK_SECRET.as_bytes());
        for (post, body) in [(token(WEBHOOK_SECRET), BODY), (plain(DLR, key, BODY), BODY), (standard(DLR, key, now, BODY), BODY),
            (standard(DLR, key, now - 299, BODY), BODY), (standard(DLR, key, now + 299, BODY), BODY)] {
            assert_eq!(code(&app.service, post, body).await, YES);
        }
        let query = "messageId=p-1&status=ok";
        let get = Request::get(format!("{DLR}?{query}")).header("x-webhook-signature", hex(&mac(key, query)));
        assert_eq!(request(&app.service, get, "").await.0, YES, "a query is signed as a body is");
    }

    async fn whatever_is_forged_replayed_cut_or_bent_stays_out(app) {
        let (now, key) = (app.clock.now().as_second(), WEBHOOK_SECRET.as_bytes());
        let bent = BODY.replace("p-1", "p-0");
        let cut = &BODY[..BODY.len() - 1];
        let unsigned = Request::post(DLR);
        let signature = STANDARD.encode(mac(key, &format!("msg_1.{now}.{BODY}")));
        let under_another_id = Request::post(DLR).header("webhook-id", "msg_2").header("webhook-timestamp", now)
            .header("webhook-signature", format!("v1,{signature}"));
        let without_a_time = Request::post(DLR).header("webhook-id", "msg_1")
            .header("webhook-signature", format!("v1,{signature}"));
        let in_capitals = Request::post(DLR).header("x-webhook-signature", hex(&mac(key, BODY)).to_uppercase());
        for (what, post, body) in [
            ("nothing", unsigned, BODY),
            ("another's token", token("canary-webhook-secreT"), BODY),
            ("a beginning of the token", token("canary-webhook"), BODY),
            ("no token", token(""), BODY),
            ("a token and more", token("canary-webhook-secret,x"), BODY),
            ("another's key", plain(DLR, KEY, BODY), BODY),
            ("a bent body", plain(DLR, key, BODY), bent.as_str()),
            ("a cut body", plain(DLR, key, BODY), cut),
            ("capitals", in_capitals, BODY),
            ("a bent body", standard(DLR, key, now, BODY), bent.as_str()),
            ("a cut body", standard(DLR, key, now, BODY), cut),
            ("another's key", standard(DLR, KEY, now, BODY), BODY),
            ("another id", under_another_id, BODY),
            ("no time", without_a_time, BODY),
            ("an old time", standard(DLR, key, now - 301, BODY), BODY),
            ("a time to come", standard(DLR, key, now + 301, BODY), BODY),
        ] {
            assert_eq!(code(&app.service, post, body).await, NO, "{what}");
        }
        let query = Request::get(format!("{DLR}?messageId=p-1&status=ok&token={WEBHOOK_SECRET}"));
        assert_eq!(request(&app.service, query, "").await.0, NO, "no secret in the query");
        // What was signed without the query says nothing of it.
        let get = Request::get(format!("{DLR}?messageId=p-1&status=ok")).header("x-webhook-signature", hex(&mac(key, "")));
        assert_eq!(request(&app.service, get, "").await.0, NO);
        assert_eq!(app.count("reports").await, 0);
    }

    async fn an_old_secret_counts_while_it_is_listed_and_not_after(app) {
        let encoded = format!("whsec_{}", STANDARD.encode(KEY));
        let with = |secrets: &[&str]| app.service_with(secrets.iter().map(|s| SecretString::from(*s)).collect());
        let now = app.clock.now().as_second();
        let old = || [token(WEBHOOK_SECRET), plain(DLR, WEBHOOK_SECRET.as_bytes(), BODY)];
        let new = || [token(&encoded), plain(DLR, KEY, BODY), standard(DLR, KEY, now, BODY)];
        let (both, after) = (with(&[&encoded, WEBHOOK_SECRET]), with(&[&encoded]));
        for post in old().into_iter().chain(new()) {
            assert_eq!(code(&both, post, BODY).await, YES);
        }
        for post in new() {
            assert_eq!(code(&after, post, BODY).await, YES);
        }
        for post in old() {
            assert_eq!(code(&after, post, BODY).await, NO);
        }
    }

    async fn without_a_secret_there_is_no_webhook(app) {
        let closed = app.service_with(Vec::new());
        for path in [DLR, INBOUND] {
            for post in [Request::post(path), Request::post(path).header("x-webhook-token", "")] {
                assert_eq!(request(&closed, post, BODY).await.0, StatusCode::NOT_FOUND);
            }
        }
    }
}
