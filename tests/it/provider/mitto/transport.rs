//! The connection: what goes over it, that nothing goes twice, and that nothing secret is printed.

use std::time::Duration;

use messaging::provider::Provider;
use messaging::provider::mitto::{Error, Mitto};
use serde_json::{Value, json};

use super::scripted::{Scripted, Step, json as answer};
use super::{KEY, NUMBER, TEXT, brief, config, mitto, submission};

fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn a_send_is_one_post_with_the_key_in_its_header() {
    let server = Scripted::play(vec![Step::Answer(answer(200, r#"{"id":"01J"}"#))]).await;
    let message = submission();
    mitto(&server.base).send(&message).await;
    let requests = server.requests().await;
    let head = requests[0].to_ascii_lowercase();
    assert!(requests[0].starts_with("POST /api/v1.1/Messages/send HTTP/1.1\r\n"));
    assert!(head.contains(&format!("\r\nx-mitto-api-key: {KEY}\r\n")));
    assert!(head.contains("\r\ncontent-type: application/json\r\n"));
    assert!(!head.contains("\r\nreferer:") && !head.contains("\r\nauthorization:"));
    let expected = json!({
        "trafficAccountId": message.traffic_account_id,
        "destination": NUMBER,
        "sms": {"text": TEXT, "sender": "MyCompany"},
        "reference": message.reference.to_string(),
    });
    assert_eq!(body(&requests[0]), expected);
}

#[tokio::test]
async fn the_reference_can_be_left_out_and_the_base_can_have_a_path() {
    let server = Scripted::play(vec![]).await;
    let mut config = config(&format!("{}/mitto/", server.base));
    config.send_reference = false;
    let mitto = Mitto::new(config).unwrap();
    mitto.send(&submission()).await;
    let _ = mitto.send_bulk(&[submission()]).await;
    let requests = server.requests().await;
    assert!(requests[0].starts_with("POST /mitto/api/v1.1/Messages/send HTTP/1.1\r\n"));
    assert!(requests[1].starts_with("POST /mitto/api/v1.1/Messages/sendmessagesbulk HTTP/1.1\r\n"));
    assert!(!requests.concat().contains("reference"));
}

#[tokio::test]
async fn connections_are_reused() {
    let server = Scripted::play(vec![]).await;
    let mitto = mitto(&server.base);
    for _ in 0..20 {
        mitto.send(&submission()).await;
    }
    assert_eq!((server.requests().await.len(), server.connections()), (20, 1));
}

#[tokio::test]
async fn a_request_lost_on_a_reused_connection_is_ambiguous_and_not_sent_again() {
    for cut in [Step::Close(vec![]), Step::Reset(vec![])] {
        let server = Scripted::play(vec![Step::Answer(answer(200, r#"{"id":"01"}"#)), cut]).await;
        let mitto = mitto(&server.base);
        assert_eq!(brief(&mitto.send(&submission()).await), "accepted 01");
        assert_eq!(brief(&mitto.send(&submission()).await), "ambiguous PROVIDER_CONNECTION_LOST");
        assert_eq!((server.requests().await.len(), server.connections()), (2, 1));
    }
}

#[tokio::test]
async fn an_idle_connection_that_the_server_closed_is_replaced() {
    let server = Scripted::play(vec![Step::Close(answer(200, r#"{"id":"01"}"#))]).await;
    let mitto = mitto(&server.base);
    assert_eq!(brief(&mitto.send(&submission()).await), "accepted 01");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(brief(&mitto.send(&submission()).await), "accepted UNEXPECTED");
    assert_eq!((server.requests().await.len(), server.connections()), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_moment_of_the_close_no_message_arrives_twice() {
    // Every answer comes with a close, at the very moment at which the next request wants the connection.
    let server = Scripted::play(vec![Step::Close(answer(200, r#"{"id":"01"}"#)); 500]).await;
    let mitto = mitto(&server.base);
    let mut accepted = 0;
    for _ in 0..400 {
        match brief(&mitto.send(&submission()).await).as_str() {
            "accepted 01" => accepted += 1,
            "ambiguous PROVIDER_CONNECTION_LOST" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(server.requests().await.len(), accepted);
}

#[tokio::test]
async fn neither_key_nor_number_nor_text_is_ever_printed() {
    let echo = format!(r#"{{"message":"{NUMBER} refused: {TEXT}","key":"{KEY}"}}"#);
    let server = Scripted::play(vec![Step::Answer(answer(400, &echo)), Step::Close(vec![])]).await;
    let mitto = mitto(&server.base);
    let (rejected, lost) = (mitto.send(&submission()).await, mitto.send(&submission()).await);
    let config = config(&server.base);
    let error = Mitto::new(messaging::provider::mitto::Config { api_key: "a\nb".to_owned().into(), ..config.clone() });
    let printed = format!("{mitto:?} {config:#?} {rejected:?} {lost:?} {:?} {error:?}", submission());
    for canary in [KEY, NUMBER, TEXT, "canary", "6900000001", "127.0.0.1"] {
        assert!(!printed.contains(canary), "{canary} in {printed}");
    }
}

#[test]
fn a_dangerous_configuration_is_refused() {
    let bases = ["ftp://host", "data:text/plain,x", "https://user:pass@host", "https://host/?q=1", "https://host/#f"];
    for base in bases {
        assert!(matches!(Mitto::new(config(base)), Err(Error::Base)), "{base}");
    }
    for key in ["", "two\nlines", "κλειδί\0"] {
        let mut config = config("https://host");
        config.api_key = key.to_owned().into();
        assert!(matches!(Mitto::new(config), Err(Error::ApiKey)));
    }
    let mut config = config("https://host");
    config.connect_timeout = config.timeout;
    assert!(matches!(Mitto::new(config), Err(Error::Timeouts)));
}
