//! The page of metrics: what is there from the first reading on, and what is counted of messages.

use messaging::proto::SendSingleRequest;
use serde_json::json;

use super::post::{DLR, post};
use super::{answer, metrics};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;
use crate::support::store::eventually;

/// The value of a series.
fn value(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is not in\n{page}")).parse().unwrap()
}

fn request(destination: &str) -> SendSingleRequest {
    SendSingleRequest { destination: destination.to_owned(), text: "x".to_owned(), ..Default::default() }
}

async fn changes(app: &TestApp, to: &str) -> f64 {
    value(&metrics(app).await, &format!(r#"messaging_status_changes_total{{to="{to}"}}"#))
}

on_both_databases! { TestApp::start =>
    async fn what_has_not_happened_yet_is_told_as_nothing(app) {
        let page = metrics(&app).await;
        for series in [
            r#"rpc_calls_total{method="SendSingle",code="Unavailable"}"#,
            r#"http_requests_total{route="/api/v1/messages",method="POST",status="503"}"#,
            r#"send_outcomes_total{lane="campaign",outcome="ambiguous"}"#,
            r#"status_changes_total{to="failed"}"#,
            r#"messages_accepted_total{lane="campaign"}"#,
            r#"webhook_posts_total{hook="dlr",outcome="forged"}"#,
            r#"reports_total{outcome="unmatched"}"#,
            r#"endpoint_calls_total{outcome="timed_out"}"#,
            r#"loop_panics_total{loop="send"}"#,
            r#"provider_seconds_count{call="bulk"}"#,
            r#"over_limit_total{limit="countries"}"#,
            "late_settles_total",
            "writer_batches_total",
        ] {
            assert!(value(&page, &format!("messaging_{series}")).abs() < f64::EPSILON, "{series}");
        }
        assert!(page.lines().any(|line| line == "# TYPE messaging_writer_writes counter"), "{page}");
    }

    async fn the_build_and_the_process_are_told_by_the_usual_names(app) {
        let page = metrics(&app).await;
        let build = format!(r#"messaging_build_info{{version="{}",revision="#, env!("CARGO_PKG_VERSION"));
        assert!(page.lines().any(|line| line.starts_with(&build)), "{page}");
        // It is Linux that these tests run on.
        let now = value(&page, "process_start_time_seconds");
        let year = 365.25 * 24.0 * 3600.0;
        assert!((50.0 * year..500.0 * year).contains(&now), "{now}");
        assert!(value(&page, "process_resident_memory_bytes") > 1e6);
        assert!(value(&page, "process_virtual_memory_bytes") >= value(&page, "process_resident_memory_bytes"));
        assert!(value(&page, "process_cpu_seconds_total") > 0.0);
        assert!((1.0..=value(&page, "process_max_fds")).contains(&value(&page, "process_open_fds")));
        assert!(value(&page, "process_threads") > 1.0);
    }

    async fn what_becomes_of_messages_is_counted_by_the_status_that_they_come_to(app) {
        let sent = app.alice().send_single(request("+306900000003")).await.unwrap().into_inner().message.unwrap();
        assert!((changes(&app, "sent").await - 1.0).abs() < f64::EPSILON);
        let report = json!({"messageId": sent.provider_message_id, "status": "Delivered"}).to_string();
        for _ in 0..2 {
            // Said twice, it happened once.
            post(&app, DLR, report.clone()).await;
        }
        app.outage("cut").await;
        app.alice().send_single(request("+306900000003")).await.unwrap();
        for (status, n) in [("delivered", 1.0), ("unknown", 1.0), ("failed", 0.0), ("sent", 1.0)] {
            assert!((changes(&app, status).await - n).abs() < f64::EPSILON, "{status}: {}", metrics(&app).await);
        }
        let accepted = value(&metrics(&app).await, r#"messaging_messages_accepted_total{lane="single"}"#);
        assert!((accepted - 2.0).abs() < f64::EPSILON, "{accepted}");
    }

    async fn calls_are_timed_by_their_code(app) {
        app.alice().send_single(request("nobody")).await.unwrap_err();
        let refused = r#"messaging_rpc_seconds_count{method="SendSingle",code="InvalidArgument"} 1"#;
        eventually(async || metrics(&app).await.lines().any(|line| line == refused)).await;
    }

    async fn a_throttle_that_is_over_is_held_nowhere(app) {
        app.outage("429").await;
        app.alice().send_single(request("+306900000003")).await.unwrap();
        let throttled = r#"messaging_gates_held{why="throttled"}"#;
        assert_eq!(answer(&app, "GET", "/readyz").await.1["held"][0]["why"], "throttled");
        assert!((value(&metrics(&app).await, throttled) - 1.0).abs() < f64::EPSILON);
        app.outage("none").await;
        // Nobody sends meanwhile: nobody but the time can have released it.
        app.advance(2);
        assert_eq!(answer(&app, "GET", "/readyz").await.1["held"], json!([]));
        assert!(value(&metrics(&app).await, throttled).abs() < f64::EPSILON);
        app.leaves_work("the message waits for its next try");
    }
}
