//! The first floor: a bare tonic server that answers every unary call with the same bytes' worth of message.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response as HttpResponse};
use messaging::proto::{SendSingleRequest, SendSingleResponse};
use prost::Message as _;
use serde_json::json;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Response, Status};
use tonic_prost::ProstCodec;

#[derive(Clone)]
struct Echo(SendSingleResponse);

impl NamedService for Echo {
    const NAME: &'static str = "messaging.v1.MessagingService";
}

impl UnaryService<SendSingleRequest> for Echo {
    type Response = SendSingleResponse;
    type Future = Ready<Result<Response<SendSingleResponse>, Status>>;

    fn call(&mut self, _request: tonic::Request<SendSingleRequest>) -> Self::Future {
        ready(Ok(Response::new(self.0.clone())))
    }
}

impl tower::Service<Request<Body>> for Echo {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<SendSingleResponse, SendSingleRequest>::default());
            Ok(grpc.unary(echo, request).await)
        })
    }
}

/// Serves the answer in the file until it is killed; says where, like the service does.
pub async fn serve(answer: &Path) {
    let answer = SendSingleResponse::decode(std::fs::read(answer).unwrap().as_slice()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", json!({"grpc": listener.local_addr().unwrap().to_string()}));
    let connections = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder().add_service(Echo(answer)).serve_with_incoming(connections).await.unwrap();
}
