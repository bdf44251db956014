//! Serving HTTP/1: a bound on the connections, on how long the head of a request takes, and an end that waits for what is
//! under way.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::StreamExt as _;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::server::tls;

/// The limits for clients that have not asked for anything yet.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many connections are open at once; more wait in the system's queue.
    pub connections: usize,
    /// How long the head of a request may take, from the connection's beginning or the end of the request before. It also
    /// ends connections that are kept and not used; proxies mostly keep theirs for a minute.
    pub head: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4096, head: Duration::from_secs(75) }
    }
}

/// Serves until `stop`, and then what is under way to its end.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let under_way = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut server = Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.head);
    {
        let mut incoming = pin!(tls::incoming(listener, None));
        loop {
            let next = async { (places.clone().acquire_owned().await, incoming.next().await) };
            let (place, next) = tokio::select! {
                () = stop.cancelled() => break,
                next = next => next,
            };
            let io = match next {
                Some(Ok(io)) => io,
                Some(Err(_)) => continue,
                None => break,
            };
            let connection = server.serve_connection(TokioIo::new(io), TowerToHyperService::new(router.clone()));
            let connection = under_way.watch(connection);
            tokio::spawn(async move {
                // Clients come and go, and some of them break off: not worth a warning.
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended");
                }
                drop(place);
            });
        }
        // Whoever still connects is refused.
    }
    under_way.shutdown().await;
}
