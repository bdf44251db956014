//! A running listener with a health service behind it, and clients for it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use messaging::admission::{ConnectionLimits, Connections, Peer};
use messaging::server::tls::{Limits, Tls, incoming, incoming_within};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint, Error, Identity, Server};
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use super::certificates::{Authority, Disk};

fn any_number() -> Connections {
    Connections::new(ConnectionLimits::of(1000))
}

/// The listener; it closes with the value.
pub(super) struct Listener {
    pub(super) addr: SocketAddr,
    tls: Option<Tls>,
    seen: Arc<Mutex<Option<SocketAddr>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Listener {
    pub(super) async fn open(disk: &Disk) -> Self {
        Self::start(Limits::default(), Some(Tls::load(disk.files()).unwrap())).await
    }

    pub(super) async fn open_within(limits: Limits, disk: &Disk) -> Self {
        Self::start(limits, Some(Tls::load(disk.files()).unwrap())).await
    }

    pub(super) async fn plain() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        Self::serve(addr, None, incoming(listener, None, any_number()))
    }

    async fn start(limits: Limits, tls: Option<Tls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        Self::serve(addr, tls.clone(), incoming_within(limits, listener, tls, any_number()))
    }

    fn serve(
        addr: SocketAddr,
        tls: Option<Tls>,
        connections: impl futures::Stream<Item = std::io::Result<messaging::server::tls::Io>> + Send + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(None));
        let note = Arc::clone(&seen);
        let see = move |request: Request<()>| {
            *note.lock().unwrap() = request.extensions().get::<Peer>().and_then(|peer| peer.tcp.remote_addr);
            Ok::<_, Status>(request)
        };
        let health = HealthServer::with_interceptor(HealthService::from_health_reporter(HealthReporter::new()), see);
        let serving = tokio::spawn(async move {
            let forever = std::future::pending();
            Server::builder().add_service(health).serve_with_incoming_shutdown(connections, forever).await.unwrap();
        });
        Self { addr, tls, seen, _serving: AbortOnDropHandle::new(serving) }
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn tls(&self) -> &Tls {
        self.tls.as_ref().unwrap()
    }

    /// Where the service saw the last request come from.
    pub(super) fn last_remote(&self) -> Option<SocketAddr> {
        *self.seen.lock().unwrap()
    }

    /// A client that trusts an authority and may show a certificate.
    pub(super) async fn client(
        &self,
        trusted: &Authority,
        identity: Option<Identity>,
    ) -> Result<HealthClient<Channel>, Error> {
        let mut tls = ClientTlsConfig::new().domain_name("localhost").ca_certificate(trusted.certificate());
        if let Some(identity) = identity {
            tls = tls.identity(identity);
        }
        let endpoint = Endpoint::from_shared(format!("https://{}", self.addr))?.tls_config(tls)?;
        Ok(HealthClient::new(endpoint.connect().await?))
    }

    /// A client that knows nothing of TLS.
    pub(super) async fn plain_client(&self) -> Result<HealthClient<Channel>, Error> {
        Ok(HealthClient::new(Endpoint::from_shared(format!("http://{}", self.addr))?.connect().await?))
    }
}

/// Whether a call gets through.
pub(super) async fn healthy(client: &mut HealthClient<Channel>) -> bool {
    client.check(HealthCheckRequest { service: String::new() }).await.is_ok()
}
