//! The frame of a call: request ids, deadlines, limits, bytes that are no message, reflection and health.

use std::convert::Infallible;

use messaging::grpc::ObserveLayer;
use messaging::metrics::{Metrics, Reading};
use messaging::proto::{ListMessagesRequest, SendSingleRequest};
use messaging::traces::Traces;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use tower::{Layer as _, Service as _, ServiceExt as _};

use super::send::to;
use crate::support::app::{ORDINARY, TestApp};
use crate::support::database::on_both_databases;

/// A request whose `destination` may be any bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct Unchecked {
    #[prost(bytes = "vec", tag = "1")]
    destination: Vec<u8>,
    #[prost(uint64, tag = "2")]
    text: u64,
}

/// Calls a method with a message that is not what it takes.
async fn call_unchecked(app: &TestApp, path: &'static str, message: Unchecked) -> Status {
    let channel = Channel::from_shared(format!("http://{}", app.grpc)).unwrap().connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let mut request = Request::new(message);
    let token = format!("Bearer {}", app.token(app.alice, "messages:send"));
    request.metadata_mut().insert("authorization", token.parse().unwrap());
    let codec = tonic_prost::ProstCodec::<Unchecked, Unchecked>::default();
    client.unary(request, path.parse().unwrap(), codec).await.unwrap_err()
}

on_both_databases! { TestApp::start =>
    async fn the_request_id_is_taken_and_returned_or_made(app) {
        let mut request = Request::new(ListMessagesRequest::default());
        request.metadata_mut().insert("x-request-id", "my-id.7".parse().unwrap());
        let answer = app.alice().list_messages(request).await.unwrap();
        assert_eq!(answer.metadata().get("x-request-id").unwrap(), "my-id.7");
        let answer = app.alice().list_messages(ListMessagesRequest::default()).await.unwrap();
        assert_eq!(answer.metadata().get("x-request-id").unwrap().len(), 36);
        let error = app.client("authorization", String::new()).list_messages(ListMessagesRequest::default()).await;
        assert!(error.unwrap_err().metadata().get("x-request-id").is_some());
    }

    async fn requests_and_answers_are_compressed_for_those_who_ask_for_it(app) {
        let mut client = app.alice().send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip);
        let text = "A text that repeats itself. ".repeat(40);
        let sent = client.send_single(SendSingleRequest { text: text.clone(), ..to("+306900000001") }).await.unwrap();
        assert_eq!(sent.metadata().get("grpc-encoding").unwrap(), "gzip");
        assert_eq!(sent.into_inner().message.unwrap().text, text);
        let plain = app.alice().list_messages(ListMessagesRequest::default()).await.unwrap();
        assert!(plain.metadata().get("grpc-encoding").is_none());
        assert_eq!(plain.into_inner().messages[0].text, text);
        // What is small here and large there is no way round the limit.
        let bomb = SendSingleRequest { text: "a".repeat(5 << 20), ..to("+306900000001") };
        let refused = client.send_single(bomb).await.unwrap_err();
        assert!(matches!(refused.code(), Code::OutOfRange | Code::ResourceExhausted), "{refused:?}");
    }

    async fn bytes_that_are_no_message_are_the_callers_fault_by_name(app) {
        let path = "/messaging.v1.MessagingService/SendSingle";
        let not_utf8 = Unchecked { destination: vec![0xff, 0xfe], text: 0 };
        let error = call_unchecked(&app, path, not_utf8).await;
        assert_eq!(error.code(), Code::InvalidArgument, "{error:?}");
        assert_eq!(error.get_details_bad_request().unwrap().field_violations[0].field, "destination");
        let error = call_unchecked(&app, path, Unchecked { destination: Vec::new(), text: 7 }).await;
        assert_eq!(error.code(), Code::InvalidArgument, "{error:?}");
        let nope = "/messaging.v1.MessagingService/Nope";
        assert_eq!(call_unchecked(&app, nope, Unchecked::default()).await.code(), Code::Unimplemented);
        assert!(app.ledger("").await.is_empty());
    }

    async fn a_message_beyond_the_limit_is_refused(app) {
        let request = SendSingleRequest { text: "x".repeat(5 << 20), ..to("+306900000001") };
        let error = app.alice().send_single(request).await.unwrap_err();
        assert!(matches!(error.code(), Code::OutOfRange | Code::ResourceExhausted), "{error:?}");
    }

    async fn errors_carry_one_error_info_of_our_domain(app) {
        let error = app.alice().send_single(SendSingleRequest::default()).await.unwrap_err();
        let info = error.get_details_error_info().unwrap();
        assert_eq!((info.domain.as_str(), info.reason.as_str()), ("messaging", "VALIDATION_ERROR"));
    }

    async fn what_the_library_refuses_by_itself_has_its_error_info_too(app) {
        let channel = Channel::from_shared(format!("http://{}", app.grpc)).unwrap().connect().await.unwrap();
        let token = app.token(app.alice, ORDINARY);
        let (whole, empty, cut): (&[u8], &[u8], &[u8]) = (b"\0\0\0\0\0", b"", b"\0\0\0\0\x09ab");
        for (path, encoding, body, code, reason) in [
            ("/messaging.v1.MessagingService/Invented", "identity", whole, Code::Unimplemented, "UNIMPLEMENTED"),
            ("/elsewhere.Service/Method", "identity", whole, Code::Unimplemented, "UNIMPLEMENTED"),
            ("/messaging.v1.MessagingService/SendSingle", "deflate", b"\x01\0\0\0\0", Code::Unimplemented, "UNIMPLEMENTED"),
            ("/messaging.v1.MessagingService/SendSingle", "identity", empty, Code::InvalidArgument, "VALIDATION_ERROR"),
            ("/messaging.v1.MessagingService/SendSingle", "identity", cut, Code::InvalidArgument, "VALIDATION_ERROR"),
        ] {
            let request = http::Request::post(path)
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .header("grpc-encoding", encoding)
                .header("authorization", format!("Bearer {token}"));
            let body = Body::new(http_body_util::Full::new(bytes::Bytes::from_static(body)));
            let answer = channel.clone().oneshot(request.body(body).unwrap()).await.unwrap();
            let status = Status::from_header_map(answer.headers()).unwrap();
            let info = status.get_details_error_info().unwrap_or_else(|| panic!("{path}: {status:?}"));
            assert_eq!((status.code(), info.domain.as_str(), info.reason.as_str()), (code, "messaging", reason), "{path}");
        }
    }
}

/// Asked of the layer alone: a client's own timer would end the call at the same moment.
#[tokio::test]
async fn a_deadline_that_passes_is_told_as_such() {
    let never =
        tower::service_fn(|_: http::Request<Body>| std::future::pending::<Result<http::Response<Body>, Infallible>>());
    let mut observed = ObserveLayer(Metrics::default(), Traces::default()).layer(never);
    let request =
        http::Request::builder().uri("/messaging.v1.MessagingService/SendSingle").header("grpc-timeout", "20m");
    let answer = observed.call(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "4");
}

#[tokio::test]
async fn methods_that_callers_make_up_are_one_label() {
    let refuses = tower::service_fn(async |_: http::Request<Body>| {
        Ok::<_, Infallible>(Status::unauthenticated("Missing token").into_http::<Body>())
    });
    let metrics = Metrics::default();
    let mut observed = ObserveLayer(metrics.clone(), Traces::default()).layer(refuses);
    let request = |path: &str| http::Request::builder().uri(path).body(Body::empty()).unwrap();
    for path in ["/messaging.v1.MessagingService/Invented", "/messaging.invented/SendSingle", "/messaging.Invented"] {
        drop(observed.call(request(path)).await.unwrap());
    }
    drop(observed.call(request("/messaging.v1.CampaignService/StartCampaign")).await.unwrap());
    let text = metrics.render(&Reading::default());
    let calls = text.lines().filter(|line| line.starts_with("messaging_rpc_calls_total"));
    let calls: Vec<&str> = calls.filter(|line| !line.ends_with(" 0")).collect();
    let expected = [
        r#"messaging_rpc_calls_total{method="StartCampaign",code="Unauthenticated"} 1"#,
        r#"messaging_rpc_calls_total{method="other",code="Unauthenticated"} 3"#,
    ];
    assert!(calls.len() == 2 && expected.iter().all(|line| calls.contains(line)), "{calls:?}");
}

/// A client that goes away without a word would be waited for, for ever.
#[tokio::test(start_paused = true)]
async fn a_call_without_a_deadline_has_ours_and_a_stream_has_none() {
    let never =
        tower::service_fn(|_: http::Request<Body>| std::future::pending::<Result<http::Response<Body>, Infallible>>());
    let mut observed = ObserveLayer(Metrics::default(), Traces::default()).layer(never);
    let request = |path: &str| http::Request::builder().uri(path).body(Body::empty()).unwrap();
    let answer = observed.call(request("/messaging.v1.MessagingService/SendSingle")).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "4");
    let stream = observed.call(request("/messaging.v1.MessagingService/WatchMessages"));
    assert!(tokio::time::timeout(std::time::Duration::from_hours(1), stream).await.is_err());
}
