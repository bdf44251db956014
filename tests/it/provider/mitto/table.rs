//! The table of outcomes, row by row, over a real connection: every case is one send, and one request is seen.

use messaging::provider::Provider;
use messaging::provider::mitto::classify::{Body, Class, Fault, Observed, TABLE, lookup};
use messaging::provider::mitto::{Config, Mitto};

use super::scripted::{Scripted, Step, answer, half, json};
use super::{brief, config, mitto, submission};

async fn check(name: &str, step: Step, expected: &str, adjust: impl FnOnce(&mut Config)) {
    let server = Scripted::play(vec![step]).await;
    let mut config = config(&server.base);
    adjust(&mut config);
    let outcome = Mitto::new(config).unwrap().send(&submission()).await;
    assert_eq!(brief(&outcome), expected, "{name}");
    assert_eq!(server.requests().await.len(), 1, "{name}: one request");
}

#[tokio::test]
async fn a_whole_answer_is_what_its_status_says() {
    let with_id = r#"{"id":"01J"}"#;
    let rows = [
        (200, with_id, "accepted 01J"),
        (201, with_id, "accepted 01J"),
        (202, with_id, "accepted 01J"),
        (200, "{}", "ambiguous PROVIDER_ANSWER_UNREADABLE"),
        (200, "", "ambiguous PROVIDER_ANSWER_UNREADABLE"),
        (200, "{\"id\":", "ambiguous PROVIDER_ANSWER_UNREADABLE"),
        (202, "queued", "ambiguous PROVIDER_ANSWER_UNREADABLE"),
        (301, "", "unhealthy PROVIDER_REDIRECTED"),
        (304, "", "unhealthy PROVIDER_REDIRECTED"),
        (400, "", "rejected PROVIDER_REJECTED"),
        (400, with_id, "rejected PROVIDER_REJECTED"),
        (401, "", "blocked PROVIDER_ACCOUNT_BLOCKED"),
        (402, "", "blocked PROVIDER_ACCOUNT_BLOCKED"),
        (403, "", "blocked PROVIDER_ACCOUNT_BLOCKED"),
        (404, "", "rejected PROVIDER_REJECTED"),
        (408, "", "ambiguous PROVIDER_TIMEOUT"),
        (413, "", "rejected PROVIDER_REJECTED"),
        (418, "", "rejected PROVIDER_REJECTED"),
        (422, "", "rejected PROVIDER_REJECTED"),
        (429, "", "throttled PROVIDER_THROTTLED"),
        (500, "", "server failed PROVIDER_ERROR"),
        (501, "", "ambiguous PROVIDER_ERROR"),
        (502, "", "ambiguous PROVIDER_ERROR"),
        (503, "", "server failed PROVIDER_ERROR"),
        (504, "", "ambiguous PROVIDER_TIMEOUT"),
        (520, with_id, "ambiguous PROVIDER_ERROR"),
        (799, with_id, "ambiguous PROVIDER_ANSWER_UNREADABLE"),
    ];
    for (status, body, expected) in rows {
        check(&format!("{status} {body}"), Step::Answer(json(status, body)), expected, |_| ()).await;
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let target = Scripted::play(vec![]).await;
    for status in [301, 302, 303, 307, 308] {
        let headers = format!("location: {}/\r\n", target.base);
        let step = Step::Answer(answer(status, &headers, b""));
        check("redirect", step, "unhealthy PROVIDER_REDIRECTED", |_| ()).await;
    }
    assert!(target.requests().await.is_empty());
}

#[tokio::test]
async fn a_cut_answer_is_what_its_status_says_only_where_that_is_enough() {
    let rows = [
        (200, "ambiguous PROVIDER_CONNECTION_LOST", "ambiguous PROVIDER_TIMEOUT"),
        (302, "unhealthy PROVIDER_REDIRECTED", "unhealthy PROVIDER_REDIRECTED"),
        (400, "rejected PROVIDER_REJECTED", "rejected PROVIDER_REJECTED"),
        (401, "blocked PROVIDER_ACCOUNT_BLOCKED", "blocked PROVIDER_ACCOUNT_BLOCKED"),
        (429, "throttled PROVIDER_THROTTLED", "throttled PROVIDER_THROTTLED"),
        (500, "ambiguous PROVIDER_CONNECTION_LOST", "ambiguous PROVIDER_TIMEOUT"),
        (503, "ambiguous PROVIDER_CONNECTION_LOST", "ambiguous PROVIDER_TIMEOUT"),
    ];
    for (status, closed, hung) in rows {
        tokio::join!(
            check("closed", Step::Close(half(status)), closed, |_| ()),
            check("reset", Step::Reset(half(status)), closed, |_| ()),
            check("hung", Step::Hang(half(status)), hung, |_| ()),
        );
    }
}

#[tokio::test]
async fn no_answer_after_the_request_is_ambiguous() {
    check("closed", Step::Close(vec![]), "ambiguous PROVIDER_CONNECTION_LOST", |_| ()).await;
    check("reset", Step::Reset(vec![]), "ambiguous PROVIDER_CONNECTION_LOST", |_| ()).await;
    check("hung", Step::Hang(vec![]), "ambiguous PROVIDER_TIMEOUT", |_| ()).await;
    check("garbage", Step::Close(b"\0\x01\x02\r\n\r\n".to_vec()), "ambiguous PROVIDER_CONNECTION_LOST", |_| ()).await;
    check("half a head", Step::Close(b"HTTP/1.1 200 O".to_vec()), "ambiguous PROVIDER_CONNECTION_LOST", |_| ()).await;
}

#[tokio::test]
async fn an_answer_above_the_cap_is_not_read_on() {
    let large = format!(r#"{{"id":"01J","more":"{}"}}"#, "x".repeat(5000));
    let cap = |config: &mut Config| config.max_answer_bytes = 4096;
    let unreadable = "ambiguous PROVIDER_ANSWER_UNREADABLE";
    check("announced", Step::Answer(json(200, &large)), unreadable, cap).await;
    let chunked =
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    check("streamed", Step::Answer(chunked.clone().into_bytes()), unreadable, cap).await;
    check("below", Step::Answer(chunked.into_bytes()), "accepted 01J", |_| ()).await;
    check("refused", Step::Answer(json(400, &large)), "rejected PROVIDER_REJECTED", cap).await;
}

#[tokio::test]
async fn a_server_error_is_not_believed_if_the_configuration_says_so() {
    let doubt = |config: &mut Config| config.server_errors_ambiguous = true;
    for status in [500, 503] {
        check("doubted", Step::Answer(json(status, "{}")), "ambiguous PROVIDER_ERROR", doubt).await;
    }
    check("not concerned", Step::Answer(json(400, "{}")), "rejected PROVIDER_REJECTED", doubt).await;
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let server = Scripted::play(vec![]).await;
    let outcome = mitto(&server.https()).send(&submission()).await;
    assert_eq!(brief(&outcome), "unhealthy PROVIDER_UNREACHABLE", "TLS with a server that speaks none");

    // Takes the connection, never answers the handshake.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let https = format!("https://{}", silent.local_addr().unwrap());
    assert_eq!(brief(&mitto(&https).send(&submission()).await), "unhealthy PROVIDER_UNREACHABLE", "connect timeout");

    drop(silent);
    assert_eq!(brief(&mitto(&https).send(&submission()).await), "unhealthy PROVIDER_UNREACHABLE", "refused");
    assert_eq!(
        brief(&mitto("http://nobody.invalid").send(&submission()).await),
        "unhealthy PROVIDER_UNREACHABLE",
        "DNS"
    );
    assert!(server.requests().await.is_empty());
}

#[tokio::test]
async fn retry_after_is_read_in_both_forms_and_bounded() {
    let date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let rows = [
        ("retry-after: 2\r\n".to_owned(), "throttled 2s PROVIDER_THROTTLED"),
        ("retry-after: 0\r\n".to_owned(), "throttled 0ns PROVIDER_THROTTLED"),
        ("retry-after: 86400\r\n".to_owned(), "throttled 3600s PROVIDER_THROTTLED"),
        ("retry-after: 99999999999999999999999\r\n".to_owned(), "throttled 3600s PROVIDER_THROTTLED"),
        (format!("{date}retry-after: Sun, 06 Nov 1994 08:50:07 GMT\r\n"), "throttled 30s PROVIDER_THROTTLED"),
        (format!("{date}retry-after: Sun, 06 Nov 1994 08:00:00 GMT\r\n"), "throttled 0ns PROVIDER_THROTTLED"),
        (format!("{date}retry-after: Mon, 07 Nov 1994 08:00:00 GMT\r\n"), "throttled 3600s PROVIDER_THROTTLED"),
        ("retry-after: Mon, 07 Nov 1994 08:00:00 GMT\r\n".to_owned(), "throttled PROVIDER_THROTTLED"),
        ("retry-after: -5\r\n".to_owned(), "throttled PROVIDER_THROTTLED"),
        ("retry-after: soon\r\n".to_owned(), "throttled PROVIDER_THROTTLED"),
        ("retry-after: \r\n".to_owned(), "throttled PROVIDER_THROTTLED"),
    ];
    for (headers, expected) in rows {
        check(&headers, Step::Answer(answer(429, &headers, b"")), expected, |_| ()).await;
    }
}

/// The rule of the promise, written a second time: nothing but what is certain is certain.
fn by_the_rule(status: u16, body: Body) -> Class {
    match (status, body) {
        (200..=299, Body::Id) => Class::Accepted,
        (401..=403, _) => Class::AccountBlocked,
        (429, _) => Class::Throttled,
        (400..=499, _) if status != 408 => Class::Rejected,
        (300..=399, _) => Class::Unhealthy,
        (500 | 503, Body::Whole | Body::Id) => Class::ServerFailed,
        _ => Class::Ambiguous,
    }
}

#[test]
fn every_status_with_every_body_is_classified_by_the_rule() {
    let cuts = [Fault::Timeout, Fault::ConnectionLost, Fault::AnswerTooLarge].map(Body::Cut);
    for status in 100..1000 {
        for body in [Body::Whole, Body::Id].into_iter().chain(cuts) {
            let row = lookup(Observed::Status(status, body));
            assert_eq!(row.class, by_the_rule(status, body), "{status} {body:?}");
            assert!(row.code.starts_with("PROVIDER_") && !row.sentence.is_empty());
        }
    }
}

#[test]
fn no_row_is_hidden_by_one_before_it() {
    let mut seen = Vec::new();
    let faults = [
        Fault::Unsendable,
        Fault::Dns,
        Fault::Connect,
        Fault::ConnectTimeout,
        Fault::Timeout,
        Fault::ConnectionLost,
        Fault::AnswerTooLarge,
    ];
    let statuses = (100..1000).flat_map(|s| [Body::Id, Body::Whole].map(|body| Observed::Status(s, body)));
    for observed in faults.map(Observed::Fault).into_iter().chain(statuses) {
        let row = lookup(observed);
        if !seen.contains(&row) {
            seen.push(row);
        }
    }
    assert!(TABLE.iter().all(|row| seen.contains(&row)));
}
