//! The common part of every answer, and what is answered to requests that no route understands.

use http::Request;
use messaging::domain::spend::{Limit, Over};
use messaging::error::{Error, Resource, Violation};
use messaging::http::Problem;
use serde_json::json;
use std::time::Duration;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::call::{ask, of, send};
use crate::support::app::{ORIGIN, TestApp};
use crate::support::database::on_both_databases;

/// One error of each kind, with the gRPC code and the HTTP status that it has.
fn errors() -> Vec<(Error, Code, u16)> {
    let unavailable = |reason, seconds| Error::Unavailable {
        reason,
        message: "words",
        retry_after: Duration::from_secs(seconds),
        cause: "canary cause".to_owned(),
    };
    let precondition = Error::Precondition {
        reason: "NO_SENDER",
        message: "words".to_owned(),
        metadata: vec![("id", "7".to_owned())],
    };
    let exhausted =
        Error::Exhausted { reason: "TOO_MANY_STREAMS", message: "words", retry_after: Duration::from_secs(3) };
    let quota = Error::Quota {
        reason: "TOO_MANY_CALLS_OF_ONE_OWNER",
        quota: "calls",
        most: 7,
        retry_after: Duration::from_secs(3),
    };
    let over = Over { limit: Limit::Day, most: 7, wait: Some(jiff::SignedDuration::from_secs(3)) };
    vec![
        (Error::Invalid(vec![Violation::new("a", "b"), Violation::new("c", "d")]), Code::InvalidArgument, 400),
        (Error::invalid("a", "b"), Code::InvalidArgument, 400),
        (Error::Unauthenticated("Missing token"), Code::Unauthenticated, 401),
        (Error::Denied("campaigns"), Code::PermissionDenied, 403),
        (Error::NotFound(Resource::Message, "7".to_owned()), Code::NotFound, 404),
        (Error::NotFound(Resource::Campaign, "7".to_owned()), Code::NotFound, 404),
        (Error::NotFound(Resource::User, "7".to_owned()), Code::NotFound, 404),
        (precondition, Code::FailedPrecondition, 409),
        (Error::KeyReused, Code::AlreadyExists, 422),
        (Error::InFlight, Code::Aborted, 409),
        (Error::RepeatedWithoutKey, Code::Unavailable, 409),
        (Error::TokenExpired, Code::Unauthenticated, 401),
        (unavailable("DATABASE_UNAVAILABLE", 3), Code::Unavailable, 503),
        (unavailable("PROVIDER_THROTTLED", 3), Code::Unavailable, 429),
        (exhausted, Code::ResourceExhausted, 429),
        (quota, Code::ResourceExhausted, 429),
        (Error::NotGranted { reason: "SENDER_NOT_GRANTED", message: "words" }, Code::PermissionDenied, 403),
        (Error::Spent(over), Code::ResourceExhausted, 429),
        (Error::TooLarge(7), Code::ResourceExhausted, 413),
        (Error::TooSlow, Code::DeadlineExceeded, 408),
        (Error::Cancelled, Code::Cancelled, 499),
        (Error::Internal { cause: "canary cause".to_owned() }, Code::Internal, 500),
    ]
}

/// The place of a kind in the list above; a new kind does not compile before it has one.
fn place(error: &Error) -> usize {
    match error {
        Error::Invalid(_) => 0,
        Error::Unauthenticated(_) => 2,
        Error::Denied(_) => 3,
        Error::NotFound(..) => 4,
        Error::Precondition { .. } => 7,
        Error::KeyReused => 8,
        Error::InFlight => 9,
        Error::RepeatedWithoutKey => 10,
        Error::TokenExpired => 11,
        Error::Unavailable { .. } => 12,
        Error::Exhausted { .. } => 14,
        Error::Quota { .. } => 15,
        Error::NotGranted { .. } => 16,
        Error::Spent(_) => 17,
        Error::TooLarge(_) => 18,
        Error::TooSlow => 19,
        Error::Cancelled => 20,
        Error::Internal { .. } => 21,
    }
}

#[tokio::test]
async fn both_doors_give_the_same_answer_to_every_error() {
    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;
    for (at, (error, code, http)) in errors().into_iter().enumerate() {
        assert!(place(&error) <= at);
        let status = messaging::grpc::render(&error);
        let problem = Problem::from(error.clone());
        assert_eq!((status.code(), problem.status().as_u16()), (code, http), "{error:?}");
        assert_eq!(status.message(), problem.message());
        let reason = status.get_details_error_info().unwrap().reason;
        let renamed = matches!(error, Error::NotFound(Resource::Campaign | Resource::User, _));
        assert_eq!(problem.code(), if renamed { "RESOURCE_NOT_FOUND" } else { reason.as_str() });
        let answer = problem.into_response();
        let waits = status.get_details_retry_info().map(|info| info.retry_delay.unwrap().as_secs().to_string());
        let told = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(told, waits, "{error:?}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["message"], status.message());
        let violations = status.get_details_bad_request().map(|bad| {
            let all = bad.field_violations.into_iter();
            all.map(|v| json!({"field": v.field, "description": v.description})).collect::<serde_json::Value>()
        });
        assert_eq!(body.get("violations").cloned(), violations);
        let both = format!("{body}{status:?}{}", String::from_utf8_lossy(status.details()));
        assert!(!both.contains("canary"), "{both}");
    }
}

on_both_databases! { TestApp::start =>
    async fn what_no_route_understands_is_answered_in_json(app) {
        let none = ask(&app, app.alice, "GET", "/api/v1/nonsense").await;
        assert_eq!(none.error(), (404, json!({"message": "No such route", "code": "RESOURCE_NOT_FOUND"})));
        let method = ask(&app, app.alice, "PUT", "/api/v1/messages").await;
        assert_eq!(method.error(), (405, json!({"message": "Method not allowed", "code": "METHOD_NOT_ALLOWED"})));
        let allowed = method.headers["allow"].to_str().unwrap();
        assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
        for path in ["/api/v1/messages", "/api/mitto/refresh-status"] {
            let typed = |kind: &str| of(&app, app.alice, "POST", path).header("content-type", kind);
            let (status, body) = send(&app, typed("application/json"), "{\"text\":").await.error();
            assert_eq!((status, &body["code"]), (400, &json!("VALIDATION_ERROR")));
            assert!(body["message"].as_str().unwrap().starts_with("body is not JSON: "), "{body}");
            let (status, body) = send(&app, typed("text/plain"), "x").await.error();
            assert_eq!((status, &body["code"]), (415, &json!("UNSUPPORTED_MEDIA_TYPE")));
            let (status, body) = send(&app, typed("application/json"), vec![b' '; (4 << 20) + 1]).await.error();
            assert_eq!((status, &body["code"]), (413, &json!("BODY_TOO_LARGE")));
            assert_eq!(send(&app, typed("application/json"), "[]").await.error().0, 400);
            assert_eq!(send(&app, typed("application/json"), "").await.error().0, 400);
        }
        for path in ["/api/v1/messages/%ff", "/api/mitto/message/%ff", "/api/v1/campaigns/%ff/stats", "/api/v1/streams/%ff"] {
            assert_eq!(ask(&app, app.alice, "GET", path).await.error().0, 400, "{path}");
        }
    }

    async fn a_fault_of_the_database_says_nothing_of_itself(app) {
        app.execute("ALTER TABLE campaigns RENAME TO elsewhere").await;
        let (status, body) = ask(&app, app.alice, "GET", "/api/v1/campaigns/1").await.error();
        let said = "The service's database is out of reach or takes no write. Try again, with the same idempotency key.";
        assert_eq!((status, &body), (503, &json!({"message": said, "code": "DATABASE_UNAVAILABLE"})));
        app.execute("ALTER TABLE elsewhere RENAME TO campaigns").await;
    }

    async fn every_answer_has_its_id_and_what_keeps_browsers_safe(app) {
        let mine = send(&app, Request::get("/api/v1/messages").header("x-request-id", "mine-1.a_b"), "").await;
        assert_eq!(mine.headers["x-request-id"], "mine-1.a_b");
        for unusable in ["", "a b", "a;b", &"x".repeat(65)] {
            let given = send(&app, Request::get("/nonsense").header("x-request-id", unusable), "").await;
            assert_eq!(given.headers["x-request-id"].len(), 36, "{unusable}");
        }
        for path in ["/api/v1/messages", "/nonsense", "/healthz", "/openapi.json", "/docs"] {
            let answer = ask(&app, app.alice, "GET", path).await;
            let said = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
            assert_eq!((said("x-content-type-options"), said("cache-control")), ("nosniff".to_owned(), "no-store".to_owned()));
            assert_eq!((said("referrer-policy"), said("x-frame-options")), ("no-referrer".to_owned(), "DENY".to_owned()));
            let policy = said("content-security-policy");
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        }
    }

    async fn pages_of_the_listed_origins_may_call_and_no_others(app) {
        let preflight = |origin: &str| Request::builder().method("OPTIONS").uri("/api/v1/messages")
            .header("origin", origin).header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,idempotency-key,content-type");
        let allowed = send(&app, preflight(ORIGIN), "").await;
        assert_eq!(allowed.status, 200);
        assert_eq!(allowed.headers["access-control-allow-origin"], ORIGIN);
        let headers = allowed.headers["access-control-allow-headers"].to_str().unwrap();
        for name in ["authorization", "x-api-key", "idempotency-key", "last-event-id", "content-type"] {
            assert!(headers.contains(name), "{headers}");
        }
        let methods = allowed.headers["access-control-allow-methods"].to_str().unwrap();
        assert!(["GET", "POST", "PATCH", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
        for other in ["https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null",
            "https://app.example.com:8443", "https://APP.example.com"] {
            let refused = send(&app, preflight(other), "").await;
            assert!(!refused.headers.contains_key("access-control-allow-origin"), "{other}");
        }
        // An error is read by the page, too.
        let answer = send(&app, Request::get("/api/v1/messages").header("origin", ORIGIN), "").await;
        assert_eq!((answer.status.as_u16(), &answer.headers["access-control-allow-origin"]), (401, &ORIGIN.parse().unwrap()));
        assert!(answer.headers["vary"].to_str().unwrap().contains("origin"));
        let exposed = answer.headers["access-control-expose-headers"].to_str().unwrap();
        assert!(exposed.contains("x-request-id") && exposed.contains("retry-after"), "{exposed}");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
}
