//! The way to a collector: calls of gRPC, or protobuf over HTTP.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Uri, header};
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic_prost::ProstCodec;
use url::Url;

use crate::otlp::{Protocol, Settings};

/// The one who is told: what an export is called, by either protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Traces,
    Metrics,
}

impl Target {
    fn method(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }
}

/// Why the way to a collector cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its address cannot be spoken to by gRPC.
    #[error("cannot be used: {0}")]
    Address(tonic::transport::Error),
    /// The client for HTTP cannot be made.
    #[error("cannot be used: {0}")]
    Client(reqwest::Error),
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("{}", .0.code())]
    Grpc(Box<tonic::Status>),
    #[error("HTTP {0}")]
    Http(http::StatusCode),
    #[error("no answer: {0}")]
    NoAnswer(reqwest::Error),
}

impl Refused {
    /// Whether the same may be taken later: the codes of the specification.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Grpc(status) => !matches!(
                status.code(),
                tonic::Code::InvalidArgument
                    | tonic::Code::NotFound
                    | tonic::Code::AlreadyExists
                    | tonic::Code::PermissionDenied
                    | tonic::Code::Unauthenticated
                    | tonic::Code::FailedPrecondition
                    | tonic::Code::Unimplemented
                    | tonic::Code::Internal
                    | tonic::Code::Unknown
            ),
            Self::Http(status) => matches!(status.as_u16(), 429 | 502 | 503 | 504),
            Self::NoAnswer(_) => true,
        }
    }
}

/// See the module.
pub(super) struct Transport {
    way: Way,
    headers: HeaderMap,
    timeout: Duration,
}

enum Way {
    Grpc(Channel, http::uri::PathAndQuery),
    Http(reqwest::Client, Url),
}

impl Transport {
    /// Opens the way; nothing is connected yet.
    pub(super) fn open(settings: &Settings, url: &Url, target: Target) -> Result<Self, Error> {
        let agent = concat!("messaging/", env!("CARGO_PKG_VERSION"));
        let way = match settings.protocol {
            Protocol::Grpc => {
                let mut endpoint = Endpoint::from_shared(url.to_string()).map_err(Error::Address)?;
                endpoint = endpoint.user_agent(agent).map_err(Error::Address)?.connect_timeout(settings.timeout);
                if url.scheme() == "https" {
                    let tls = ClientTlsConfig::new().with_native_roots();
                    endpoint = endpoint.tls_config(tls).map_err(Error::Address)?;
                }
                // The address may name a place below the host, which gRPC has no use for.
                let origin = Uri::try_from(url[..url::Position::BeforePath].to_owned());
                let endpoint = origin.map_or(endpoint.clone(), |origin| endpoint.origin(origin));
                Way::Grpc(endpoint.connect_lazy(), http::uri::PathAndQuery::from_static(target.method()))
            }
            Protocol::Http => {
                let client = reqwest::Client::builder().user_agent(agent).redirect(reqwest::redirect::Policy::none());
                Way::Http(client.no_proxy().build().map_err(|e| Error::Client(e.without_url()))?, url.clone())
            }
        };
        Ok(Self { way, headers: settings.headers.clone(), timeout: settings.timeout })
    }

    /// Hands one export over.
    pub(super) async fn send<Q, A>(&self, export: Q) -> Result<(), Refused>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        match &self.way {
            Way::Grpc(channel, method) => {
                let call = self.call::<Q, A>(channel.clone(), method.clone(), export);
                let called = tokio::time::timeout(self.timeout, call).await;
                let called = called.unwrap_or_else(|_| Err(tonic::Status::deadline_exceeded("no answer in time")));
                called.map_err(|status| Refused::Grpc(Box::new(status)))
            }
            Way::Http(client, url) => {
                let mut post = client.post(url.clone()).timeout(self.timeout).headers(self.headers.clone());
                post = post.header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
                let answer = post.body(export.encode_to_vec()).send().await;
                let answer = answer.map_err(|e| Refused::NoAnswer(e.without_url()))?;
                if answer.status().is_success() { Ok(()) } else { Err(Refused::Http(answer.status())) }
            }
        }
    }

    async fn call<Q, A>(
        &self,
        channel: Channel,
        method: http::uri::PathAndQuery,
        export: Q,
    ) -> Result<(), tonic::Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.map_err(|_| tonic::Status::unavailable("nobody listens"))?;
        let mut request = tonic::Request::new(export);
        *request.metadata_mut() = MetadataMap::from_headers(self.headers.clone());
        client.unary(request, method, ProstCodec::<Q, A>::default()).await.map(|_| ())
    }
}
