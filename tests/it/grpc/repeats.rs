//! What a client's gRPC library repeats by itself: never a send without a key, and by the service config what the contract lets be repeated.

use std::collections::BTreeSet;

use messaging::proto::{METHODS, SERVICE_CONFIG, SendSingleRequest, SendSingleResponse};
use messaging::store::{Interruption, Point};
use serde_json::Value;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

use super::send::to;
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

/// A send as a library makes it that made so many attempts before.
async fn attempt(app: &TestApp, key: &str, before: Option<&str>) -> Result<Response<SendSingleResponse>, Status> {
    let mut request = Request::new(SendSingleRequest { idempotency_key: key.to_owned(), ..to("+306900000001") });
    if let Some(before) = before {
        request.metadata_mut().insert("grpc-previous-rpc-attempts", before.parse().unwrap());
    }
    app.alice().send_single(request).await
}

fn pushback(status: &Status) -> Option<&str> {
    status.metadata().get("grpc-retry-pushback-ms").map(|value| value.to_str().unwrap())
}

on_both_databases! { TestApp::start =>
    async fn a_failed_send_without_a_key_says_that_it_is_not_to_be_repeated(app) {
        app.store.interrupt(|point| matches!(point, Point::Begin).then_some(Interruption::Unavailable));
        let keyless = attempt(&app, "", None).await.unwrap_err();
        let keyed = attempt(&app, "order-1", None).await.unwrap_err();
        app.store.interrupt(|_| None);
        for failed in [&keyless, &keyed] {
            let reason = failed.get_details_error_info().unwrap().reason;
            assert_eq!((failed.code(), reason.as_str()), (Code::Unavailable, "DATABASE_UNAVAILABLE"));
        }
        assert_eq!((pushback(&keyless), pushback(&keyed)), (Some("-1"), None));
    }

    async fn a_repeat_without_a_key_is_not_carried_out(app) {
        let refused = attempt(&app, "", Some("1")).await.unwrap_err();
        let reason = refused.get_details_error_info().unwrap().reason;
        assert_eq!((refused.code(), reason.as_str()), (Code::Unavailable, "REPEATED_WITHOUT_KEY"));
        assert_eq!(pushback(&refused), Some("-1"));
        assert!(refused.get_details_retry_info().is_none(), "waiting does not help");
        assert!(app.ledger("").await.is_empty());
        attempt(&app, "", Some("0")).await.unwrap();
        attempt(&app, "order-1", Some("1")).await.unwrap();
        attempt(&app, "order-1", Some("2")).await.unwrap();
        assert_eq!(app.ledger("").await.len(), 2, "the first attempt without a key, and all of one key");
    }

    async fn a_repeated_dry_run_is_as_good_as_the_first(app) {
        let mut request = Request::new(SendSingleRequest { dry_run: true, ..to("+306900000001") });
        request.metadata_mut().insert("grpc-previous-rpc-attempts", "1".parse().unwrap());
        app.alice().send_single(request).await.unwrap();
    }
}

#[test]
fn the_service_config_repeats_reads_and_single_sends_and_nothing_else() {
    let config: Value = serde_json::from_str(SERVICE_CONFIG).unwrap();
    let groups = config["methodConfig"].as_array().unwrap();
    let named = groups.iter().flat_map(|group| group["name"].as_array().unwrap());
    let named: Vec<String> = named
        .map(|name| format!("{}/{}", name["service"].as_str().unwrap(), name["method"].as_str().unwrap()))
        .collect();
    let is_read = |method: &&&str| {
        let name = method.rsplit('/').next().unwrap();
        ["Count", "Explain", "Export", "Get", "Inspect", "List", "Refresh", "Watch"]
            .iter()
            .any(|verb| name.starts_with(verb))
    };
    let mut wanted: BTreeSet<String> = METHODS.iter().filter(is_read).map(|method| (*method).to_owned()).collect();
    wanted.insert("messaging.v1.MessagingService/SendSingle".to_owned());
    assert_eq!(named.len(), wanted.len(), "a method is named twice");
    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), wanted);
    for group in groups {
        assert_eq!(group["retryPolicy"]["retryableStatusCodes"], serde_json::json!(["UNAVAILABLE"]));
    }
}
