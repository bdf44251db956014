//! gRPC-web on the gRPC API: plain HTTP/1 with frames in its body, as a browser speaks it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use messaging::domain::ids::OwnerId;
use messaging::proto::{ListMessagesRequest, ListMessagesResponse, SendSingleRequest, SendSingleResponse};
use prost::Message as _;

use crate::support::app::{ORDINARY, ORIGIN, TestApp};
use crate::support::database::on_both_databases;

/// An answer: its messages, and what its trailers say.
pub struct Answer {
    pub messages: Vec<Vec<u8>>,
    /// The trailers as they came, without the details and the request's id.
    pub trailers: Vec<u8>,
    /// The content of `grpc-status-details-bin`.
    pub details: Vec<u8>,
    pub headers: http::HeaderMap,
}

impl Answer {
    /// The status code's number.
    pub fn code(&self) -> String {
        let text = String::from_utf8_lossy(&self.trailers).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("grpc-status:").map(|code| code.trim().to_owned()));
        line.unwrap_or_else(|| panic!("no status: {text}"))
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().http1_only().build().unwrap()
}

/// One call with one message.
pub async fn call(app: &TestApp, user: OwnerId, path: &str, message: &[u8]) -> Answer {
    call_with(app, user, ORDINARY, path, message).await
}

/// The same by a user with these scopes.
pub async fn call_with(app: &TestApp, user: OwnerId, scopes: &str, path: &str, message: &[u8]) -> Answer {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let frame = [&[0], &length[..], message].concat();
    let request = client().post(format!("http://{}/{path}", app.grpc)).body(frame);
    let request = request.header("content-type", "application/grpc-web+proto").header("origin", ORIGIN);
    let request = request.header("authorization", format!("Bearer {}", app.token(user, scopes)));
    let answer = request.header("x-request-id", "same").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    let body = answer.bytes().await.unwrap();
    let (mut messages, mut trailers) = (Vec::new(), String::new());
    let mut rest = &body[..];
    while let Some((head, after)) = rest.split_first_chunk::<5>() {
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        let (frame, after) = after.split_at(length);
        if head[0] & 0x80 == 0 {
            messages.push(frame.to_vec());
        } else {
            trailers.push_str(std::str::from_utf8(frame).unwrap());
        }
        rest = after;
    }
    // An error that comes before any message has its status in the headers.
    for (name, value) in &headers {
        if name.as_str().starts_with("grpc-") {
            trailers.extend([name.as_str(), ":", value.to_str().unwrap(), "\r\n"]);
        }
    }
    let mut lines: Vec<&str> = trailers.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    let is_details = |line: &&&str| line.starts_with("grpc-status-details-bin:");
    let details =
        lines.iter().find(is_details).and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim());
    let details = STANDARD_NO_PAD.decode(details.trim_end_matches('=')).unwrap();
    let trailers = lines.iter().filter(|line| !is_details(line)).copied().collect::<Vec<_>>().join("\n").into_bytes();
    Answer { messages, trailers, details, headers }
}

on_both_databases! { TestApp::start =>
    async fn a_page_calls_and_reads_messages_and_errors(app) {
        let request = SendSingleRequest { destination: "+306900000001".to_owned(), text: "Hello".to_owned(), ..Default::default() };
        let sent = call(&app, app.alice, "messaging.v1.MessagingService/SendSingle", &request.encode_to_vec()).await;
        assert_eq!(sent.code(), "0");
        assert_eq!(sent.headers["access-control-allow-origin"], ORIGIN);
        let id = SendSingleResponse::decode(&sent.messages[0][..]).unwrap().message_id;
        assert_eq!(app.ledger("").await[0]["message_id"], id);
        let list = ListMessagesRequest::default().encode_to_vec();
        let listed = call(&app, app.alice, "messaging.v1.MessagingService/ListMessages", &list).await;
        assert_eq!(ListMessagesResponse::decode(&listed.messages[0][..]).unwrap().messages.len(), 1);
        let empty = SendSingleRequest::default().encode_to_vec();
        let refused = call(&app, app.alice, "messaging.v1.MessagingService/SendSingle", &empty).await;
        assert_eq!(refused.code(), "3");
        assert!(String::from_utf8_lossy(&refused.details).contains("VALIDATION_ERROR"));
        let metrics = app.service.render_metrics().await;
        assert!(metrics.contains(r#"messaging_rpc_calls_total{method="SendSingle",code="InvalidArgument"} 1"#), "{metrics}");
    }

    async fn the_preflight_of_a_listed_origin_is_answered_and_no_others(app) {
        let preflight = async |origin: &str| {
            let url = format!("http://{}/messaging.v1.MessagingService/SendSingle", app.grpc);
            let request = client().request(http::Method::OPTIONS, url).header("origin", origin);
            let request = request.header("access-control-request-method", "POST");
            request.header("access-control-request-headers", "authorization,x-grpc-web").send().await.unwrap()
        };
        let allowed = preflight(ORIGIN).await;
        assert_eq!((allowed.status().as_u16(), &allowed.headers()["access-control-allow-origin"]), (200, &ORIGIN.parse().unwrap()));
        assert!(!preflight("https://evil.example").await.headers().contains_key("access-control-allow-origin"));
    }
}
