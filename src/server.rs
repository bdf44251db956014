//! The two listeners, and serving them until the process is told to stop.

pub mod http1;
pub mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic_web::GrpcWebLayer;

use crate::admission::{ConnectionLimits, Connections, descriptors};
use crate::config::{Console, Error, Grpc, Http, TlsFiles};
use crate::grpc::{AdmitLayer, Health, ObserveLayer};
use crate::service::Service;
use crate::{grpc, http};

pub use crate::http::{Arrived, Handsets};

/// A client that does not answer pings for this long is gone.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How often the database's health is asked for, for the health service.
const HEALTH: Duration = Duration::from_secs(5);
/// How long calls in flight may take to finish once the process stops.
const GRACE: Duration = Duration::from_secs(20);
/// How many streams one connection may have open.
const STREAMS_PER_CONNECTION: u32 = 1024;
/// How many connections the listener for probes and metrics has at once.
const ADMIN_CONNECTIONS: usize = 256;
/// How often it is looked for connections that ask for nothing.
const SWEEP: Duration = Duration::from_secs(1);

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
    http_tls: Option<tls::Tls>,
    /// Probes and metrics, if they have a listener of their own.
    admin: Option<HttpListener>,
    connections: Connections,
    addresses: Addresses,
    reflects: bool,
    console: Option<http::Console>,
}

/// The addresses that the listeners got.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// gRPC.
    pub grpc: SocketAddr,
    /// HTTP.
    pub http: SocketAddr,
    /// Probes and metrics, if they have one of their own.
    pub admin: Option<SocketAddr>,
}

impl Listeners {
    /// Takes the addresses and reads the certificates.
    pub async fn open(config: &Grpc, http: &Http) -> Result<Self, Error> {
        let (tls, http_tls) = (load(config.tls.as_ref())?, load(http.tls.as_ref())?);
        let (grpc, grpc_at) = listen("GRPC_ADDR", config.addr).await?;
        let admin = match http.admin {
            Some(addr) => Some(HttpListener::admin(addr).await?),
            None => None,
        };
        let console = http.console.clone().map(Into::into);
        let (http, http_at) = listen("HTTP_ADDR", http.addr).await?;
        let connections = connections(config.max_connections);
        let addresses = Addresses { grpc: grpc_at, http: http_at, admin: admin.as_ref().map(HttpListener::address) };
        let reflects = config.reflection;
        Ok(Self { grpc, http, tls, http_tls, admin, connections, addresses, reflects, console })
    }

    /// The addresses that the listeners got.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The same, whose console shows the handsets of a sandbox inside.
    #[must_use]
    pub fn with_handsets(mut self, handsets: Arc<dyn Handsets>) -> Self {
        self.console = self.console.map(|console| http::Console { handsets: Some(handsets), ..console });
        self
    }

    /// Reads the certificates again at every SIGHUP from now on. Without TLS the signal is taken and means nothing.
    pub fn reload_on_hangup(&self) -> std::io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let both = [self.tls.clone(), self.http_tls.clone()];
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                for tls in both.iter().flatten() {
                    match tls.reload() {
                        Ok(()) => tracing::info!("certificates were read again"),
                        Err(e) => tracing::error!(error = %e, "certificates stay as they were"),
                    }
                }
            }
        });
        Ok(())
    }

    /// Serves until `stop`, then lets calls in flight finish, within a limit. Pages of `origins` may call both APIs.
    pub async fn serve(
        self,
        service: Service,
        origins: Vec<HeaderValue>,
        stop: CancellationToken,
    ) -> Result<(), ServeError> {
        let (routes, health) = grpc::routes(service.clone(), self.reflects).await?;
        let watching = tokio::spawn(watch(service.clone(), health.clone(), stop.clone()));
        let grpc = Server::builder()
            // gRPC-web comes by HTTP/1 as well.
            .accept_http1(true)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .max_concurrent_streams(Some(STREAMS_PER_CONNECTION))
            .layer(tower::util::option_layer(http::cors(&origins)))
            .layer(GrpcWebLayer::new())
            .layer(ObserveLayer(service.metrics().clone(), service.traces().clone()))
            .layer(AdmitLayer(service.clone()))
            .add_routes(routes)
            .serve_with_incoming_shutdown(
                tls::incoming(self.grpc, self.tls, self.connections.clone()),
                stop.clone().cancelled_owned(),
            );
        let (probes_elsewhere, console) = (self.admin.is_some(), self.console);
        let front = http::Front { origins, stop: stop.clone(), probes_elsewhere, console };
        let routes = http::routes(&service, front);
        let http = http1::serve(self.http, self.http_tls, routes, self.connections.clone(), http1::HEAD, stop.clone());
        let both = async {
            let http = async {
                http.await;
                Ok(())
            };
            let admin = async {
                if let Some(admin) = self.admin {
                    admin.serve_routes(http::admin_routes(&service), stop.clone()).await;
                }
                Ok(())
            };
            tokio::try_join!(async { grpc.await.map_err(ServeError::from) }, http, admin).map(drop)
        };
        let served = tokio::select! {
            done = both => done,
            () = grace(&stop) => Ok(()),
            () = sweep(&self.connections, &service) => Ok(()),
        };
        watching.abort();
        served
    }
}

/// An HTTP listener alone: a worker's, or the one for probes and metrics.
#[derive(Debug)]
pub struct HttpListener {
    listener: TcpListener,
    tls: Option<tls::Tls>,
    connections: Connections,
    address: SocketAddr,
}

impl HttpListener {
    /// Takes the address: `ADMIN_ADDR`, if there is one.
    pub async fn open(http: &Http, max_connections: Option<usize>) -> Result<Self, Error> {
        if let Some(addr) = http.admin {
            return Self::admin(addr).await;
        }
        let tls = load(http.tls.as_ref())?;
        let (listener, address) = listen("HTTP_ADDR", http.addr).await?;
        let connections = connections(max_connections);
        Ok(Self { listener, tls, connections, address })
    }

    /// With connections of its own: whoever fills the others does not keep operators from looking.
    async fn admin(addr: SocketAddr) -> Result<Self, Error> {
        let (listener, address) = listen("ADMIN_ADDR", addr).await?;
        Ok(Self { listener, tls: None, connections: connections(Some(ADMIN_CONNECTIONS)), address })
    }

    /// The address that the listener got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then lets calls in flight finish, within a limit.
    pub async fn serve(self, service: Service, stop: CancellationToken) {
        let connections = self.connections.clone();
        tokio::select! {
            () = self.serve_routes(http::worker_routes(&service), stop.clone()) => {}
            () = grace(&stop) => {}
            () = sweep(&connections, &service) => {}
        }
    }

    async fn serve_routes(self, routes: Router, stop: CancellationToken) {
        let (connections, of_sweep) = (self.connections.clone(), self.connections);
        let sweeping = async {
            loop {
                tokio::time::sleep(SWEEP).await;
                of_sweep.sweep();
            }
        };
        tokio::select! {
            () = http1::serve(self.listener, self.tls, routes, connections, http1::HEAD, stop) => {}
            () = sweeping => {}
        }
    }
}

/// hyper's graceful end waits for connections that never say another word; the limit is ours.
async fn grace(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// The certificates, if there are any.
fn load(files: Option<&TlsFiles>) -> Result<Option<tls::Tls>, Error> {
    let tls = files.map(|files| tls::Tls::load(files.clone().into())).transpose();
    tls.map_err(|e| Error::new(e.to_string()))
}

/// So many connections, or as many as the system has files for.
fn connections(most: Option<usize>) -> Connections {
    let room = descriptors();
    Connections::new(ConnectionLimits::of(most.unwrap_or(room)))
}

/// Shows out whoever asks for nothing, for ever.
async fn sweep(connections: &Connections, service: &Service) {
    loop {
        tokio::time::sleep(SWEEP).await;
        connections.sweep();
        service.metrics().open_connections(connections.count());
    }
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
        .that_passes()
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

impl From<Console> for http::Console {
    fn from(console: Console) -> Self {
        Self { origin: console.origin, secure: console.secure, handsets: None }
    }
}
