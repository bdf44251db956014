//! Serving HTTP/1: how long the head of a request takes, and an end that waits for what is under way.

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use futures::StreamExt as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::admission::{Answer, Connections, Peer};
use crate::server::tls;

/// How long the head of a request may take unless a test says otherwise, from the connection's beginning or the end of the
/// request before. It also ends connections that are kept and not used; proxies mostly keep theirs for a minute.
pub const HEAD: Duration = Duration::from_secs(75);

/// How large the head of a request may be: it is kept until it is whole, by whoever sends it.
const LARGEST_HEAD: usize = 64 << 10;

/// Serves until `stop`, and then what is under way to its end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<tls::Tls>,
    router: Router,
    connections: Connections,
    head: Duration,
    stop: CancellationToken,
) {
    let under_way = GracefulShutdown::new();
    let mut server = Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(head).max_buf_size(LARGEST_HEAD);
    {
        let mut incoming = pin!(tls::incoming(listener, tls, connections));
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => break,
                next = incoming.next() => next,
            };
            let io = match next {
                Some(Ok(io)) => io,
                Some(Err(_)) => continue,
                None => break,
            };
            let (peer, router) = (io.peer(), router.clone());
            let answer = hyper::service::service_fn(move |request| answer(request, peer.clone(), router.clone()));
            let connection = under_way.watch(server.serve_connection(TokioIo::new(io), answer));
            tokio::spawn(async move {
                // Clients come and go, and some of them break off: not worth a warning.
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended");
                }
            });
        }
        // Whoever still connects is refused.
    }
    under_way.shutdown().await;
}

/// The router's answer. The connection is at work until it has been sent or nobody wants it any more.
async fn answer(
    request: Request<Incoming>,
    peer: Peer,
    router: Router,
) -> Result<axum::response::Response, std::convert::Infallible> {
    let flight = peer.connection.begin();
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(peer.clone());
    let answer = router.oneshot(request).await?;
    let hold = move |e| {
        let _ = &flight;
        e
    };
    let too_late = || Err(axum::Error::new(std::io::Error::other("the answer was not read in time")));
    Ok(answer.map(|body| Body::new(Answer::new(body.map_err(hold), Some(&peer), too_late))))
}
