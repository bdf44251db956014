//! Without credentials nothing is held: not a place, not a byte.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body as AxumBody;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use messaging::admission::Quota;
use messaging::proto::ListMessagesRequest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::ServiceExt as _;

use crate::http::call::of;
use crate::support::app::{ORDINARY, TestApp};
use crate::support::database::on_both_databases;

pub const SEND: &str = "/messaging.v1.MessagingService/SendSingle";

/// A body of which this comes, and then nothing more.
pub fn unfinished(beginning: &'static [u8]) -> Body {
    use futures::StreamExt as _;
    let frame = Ok::<_, Infallible>(Frame::data(Bytes::from_static(beginning)));
    let beginning = futures::stream::iter((!beginning.is_empty()).then_some(frame));
    Body::new(StreamBody::new(beginning.chain(futures::stream::pending())))
}

pub async fn channel(app: &TestApp) -> Channel {
    Channel::from_shared(format!("http://{}", app.grpc)).unwrap().connect().await.unwrap()
}

/// Begins a call; its answer's head.
pub async fn begin(channel: &Channel, path: &str, token: Option<&str>, body: Body) -> Response<Body> {
    let request = Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    channel.clone().oneshot(request.body(body).unwrap()).await.unwrap()
}

pub fn code(answer: &Response<Body>) -> Code {
    Status::from_header_map(answer.headers()).map_or(Code::Ok, |status| status.code())
}

on_both_databases! { TestApp::start =>
    async fn headers_without_an_end_are_refused_at_once_and_hold_no_place(app) {
        let channel = channel(&app).await;
        for path in [SEND, "/messaging.v1.CampaignService/AddRecipients", "/messaging.v1.MessagingService/SendMany", "/messaging.v1.MessagingService/Invented"] {
            for beginning in [&b""[..], b"\0\0\x3f\xff\xff", b"\0"] {
                let answer = begin(&channel, path, None, unfinished(beginning)).await;
                assert_eq!(code(&answer), Code::Unauthenticated, "{path}");
                let answer = begin(&channel, path, Some("forged"), unfinished(beginning)).await;
                assert_eq!(code(&answer), Code::Unauthenticated, "{path}");
            }
        }
        let admission = app.service.admission();
        assert_eq!(Quota::ALL.map(|quota| admission.taken(quota)), [0; Quota::ALL.len()]);
        app.alice().list_messages(ListMessagesRequest::default()).await.unwrap();
    }

    async fn over_http_a_body_is_read_of_nobody_without_credentials(app) {
        let routes = messaging::http::routes(&app.service, messaging::http::Front::default());
        for path in ["/api/v1/messages", "/api/v1/campaigns/1/recipients", "/api/mitto/refresh-status", "/api/v1/stream-urls"] {
            let body = AxumBody::new(unfinished(b"{"));
            let request = Request::post(path).header("content-type", "application/json").body(body).unwrap();
            assert_eq!(routes.clone().oneshot(request).await.unwrap().status(), 401, "{path}");
        }
        let mut right = Box::pin(routes.oneshot(of(&app, app.alice, "POST", "/api/v1/messages")
            .body(AxumBody::new(unfinished(b"{"))).unwrap()));
        assert!(futures::poll!(&mut right).is_pending());
    }

    async fn a_message_too_large_for_its_method_is_refused_before_it_comes(app) {
        let (channel, token) = (channel(&app).await, app.token(app.alice, ORDINARY));
        // Announced: a megabyte.
        let answer = begin(&channel, SEND, Some(&token), unfinished(b"\0\0\x10\0\0")).await;
        assert_eq!(code(&answer), Code::ResourceExhausted);
        assert_eq!(app.service.admission().taken(Quota::Bytes), 0);
        // What anybody may ask holds next to nothing.
        let answer = begin(&channel, "/grpc.health.v1.Health/Check", None, unfinished(b"\0\0\x10\0\0")).await;
        assert_eq!(code(&answer), Code::ResourceExhausted);
        let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        let answer = begin(&channel, reflection, None, unfinished(b"\0\0\x10\0\0")).await;
        answer.into_body().collect().await.expect("its stream ends");
    }
}

#[tokio::test]
async fn sockets_that_say_half_a_preface_are_shown_out() {
    let app = TestApp::start(crate::support::database::Kind::Sqlite).await;
    let mut silent = Vec::new();
    for beginning in [&b""[..], b"PRI * HTTP/2.0\r\n", b"GET / HT"] {
        let mut socket = TcpStream::connect(app.grpc).await.unwrap();
        socket.write_all(beginning).await.unwrap();
        silent.push(socket);
    }
    for mut socket in silent {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_mins(1), socket.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "it is still open");
    }
    app.alice().list_messages(ListMessagesRequest::default()).await.unwrap();
}
