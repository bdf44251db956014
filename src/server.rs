//! The two listeners, and serving them until the process is told to stop.

pub mod http1;
pub mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::HeaderValue;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic_web::GrpcWebLayer;

use crate::config::{Error, Grpc, TlsFiles};
use crate::grpc::{Health, ObserveLayer};
use crate::service::Service;
use crate::{grpc, http};

/// A client that does not answer pings for this long is gone.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How often the database's health is asked for, for the health service.
const HEALTH: Duration = Duration::from_secs(5);
/// How long calls in flight may take to finish once the process stops.
const GRACE: Duration = Duration::from_secs(20);
/// How many streams one connection may have open.
const STREAMS_PER_CONNECTION: u32 = 1024;

/// Why serving ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The descriptors do not make a reflection service.
    #[error("reflection cannot be served: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The gRPC listener.
    #[error("the gRPC listener failed: {0}")]
    Grpc(#[from] tonic::transport::Error),
}

/// The listeners, open and not yet served.
#[derive(Debug)]
pub struct Listeners {
    grpc: TcpListener,
    http: TcpListener,
    tls: Option<tls::Tls>,
    addresses: (SocketAddr, SocketAddr),
}

impl Listeners {
    /// Takes the addresses and reads the certificates.
    pub async fn open(config: &Grpc, http_addr: SocketAddr) -> Result<Self, Error> {
        let tls = config.tls.clone().map(|files| tls::Tls::load(files.into())).transpose();
        let tls = tls.map_err(|e| Error::new(e.to_string()))?;
        let (grpc, grpc_at) = listen("GRPC_ADDR", config.addr).await?;
        let (http, http_at) = listen("HTTP_ADDR", http_addr).await?;
        Ok(Self { grpc, http, tls, addresses: (grpc_at, http_at) })
    }

    /// The addresses that the listeners got: gRPC, HTTP.
    #[must_use]
    pub fn addresses(&self) -> (SocketAddr, SocketAddr) {
        self.addresses
    }

    /// Reads the certificates again at every SIGHUP from now on. Without TLS the signal is taken and means nothing.
    pub fn reload_on_hangup(&self) -> std::io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let tls = self.tls.clone();
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                match tls.as_ref().map(tls::Tls::reload) {
                    None => {}
                    Some(Ok(())) => tracing::info!("certificates were read again"),
                    Some(Err(e)) => tracing::error!(error = %e, "certificates stay as they were"),
                }
            }
        });
        Ok(())
    }

    /// Serves until `stop`, up to `max_calls` at once, then lets calls in flight finish, within a limit. Pages of `origins` may call both APIs.
    pub async fn serve(
        self,
        service: Service,
        max_calls: usize,
        origins: Vec<HeaderValue>,
        stop: CancellationToken,
    ) -> Result<(), ServeError> {
        let (routes, health) = grpc::routes(service.clone()).await?;
        let permits = http::CallPermits::new(max_calls);
        let watching = tokio::spawn(watch(service.clone(), health.clone(), stop.clone()));
        let grpc = Server::builder()
            // gRPC-web comes by HTTP/1 as well.
            .accept_http1(true)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .max_concurrent_streams(Some(STREAMS_PER_CONNECTION))
            .layer(tower::util::option_layer(http::cors(&origins)))
            .layer(GrpcWebLayer::new())
            .layer(ObserveLayer(permits.clone(), service.metrics().clone()))
            .add_routes(routes)
            .serve_with_incoming_shutdown(tls::incoming(self.grpc, self.tls), stop.clone().cancelled_owned());
        let front = http::Front { origins, stop: stop.clone(), permits };
        let http = http1::serve(self.http, http::routes(&service, front), http1::Limits::default(), stop.clone());
        let both = async {
            let http = async {
                http.await;
                Ok(())
            };
            tokio::try_join!(async { grpc.await.map_err(ServeError::from) }, http).map(drop)
        };
        let served = tokio::select! {
            done = both => done,
            () = grace(&stop) => Ok(()),
        };
        watching.abort();
        served
    }
}

/// The HTTP listener alone: a worker's.
#[derive(Debug)]
pub struct HttpListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl HttpListener {
    /// Takes the address.
    pub async fn open(addr: SocketAddr) -> Result<Self, Error> {
        let (listener, address) = listen("HTTP_ADDR", addr).await?;
        Ok(Self { listener, address })
    }

    /// The address that the listener got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then lets calls in flight finish, within a limit.
    pub async fn serve(self, service: Service, stop: CancellationToken) {
        let routes = http::worker_routes(&service);
        tokio::select! {
            () = http1::serve(self.listener, routes, http1::Limits::default(), stop.clone()) => {}
            () = grace(&stop) => {}
        }
    }
}

/// hyper's graceful end waits for connections that never say another word; the limit is ours.
async fn grace(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// Keeps the health service true: not serving while the database is away, nor once the process stops.
async fn watch(service: Service, health: Health, stop: CancellationToken) {
    let (mut serving, mut open) = (true, true);
    loop {
        tokio::select! {
            () = tokio::time::sleep(HEALTH) => {}
            () = stop.cancelled() => return health.set(false).await,
        }
        if service.provider_available() != open {
            open = !open;
            health.set_provider(open).await;
        }
        let ready = service.ready().await.is_ok();
        if ready != serving {
            tracing::warn!(serving = ready, "the database changed its state");
            health.set(ready).await;
            serving = ready;
        }
    }
}

async fn listen(variable: &str, addr: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |e: std::io::Error| {
        Error::of(
            variable,
            format_args!("cannot be used: {addr}: {e}; choose another address, or port 0 for a free one"),
        )
    };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    Ok((listener, at))
}

impl From<TlsFiles> for tls::Files {
    fn from(files: TlsFiles) -> Self {
        Self { cert: files.cert, key: files.key, client_ca: files.client_ca }
    }
}
