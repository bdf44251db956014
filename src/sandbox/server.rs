//! The listener, the connections and the routes. Its own accept loop, because a call must be able to drop its connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::config::{Config, Error};
use super::first::FirstTries;
use super::gate::{self, Line};
use super::handsets::Handsets;
use super::journal::Journal;
use super::ledger::Ledger;
use super::rate::Bucket;
use super::reports::Reports;
use super::settings::Settings;
use super::state::State;
use super::webhook::{Poster, http_url};
use super::{control, read, send};
use crate::clock::Clock;

/// The largest body, in bytes.
const BODY: usize = 16 * 1024 * 1024;

/// The most connections; further ones wait in the system's queue.
const CONNECTIONS: usize = 10_000;

/// The longest that the head of a call may take, waiting for it included. Longer than clients keep idle connections
/// (reqwest: 90 s), so that they are the ones to close: a call on a connection that is just being closed looks lost.
const HEAD: Duration = Duration::from_mins(5);

/// How long calls under way may take after the stop.
const GRACE: Duration = Duration::from_secs(1);

/// Between two tries to accept after the system refused, for example for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// A sandbox that listens, and serves as soon as it is run.
pub struct Sandbox {
    listener: TcpListener,
    addr: SocketAddr,
    state: Arc<State>,
}

impl Sandbox {
    /// Listens on `addr` (port 0 for any) after checking the configuration and reading the ledger file, if any.
    pub async fn bind(addr: &str, config: Config, clock: Clock) -> Result<Self, Error> {
        let url = |field, text: &Option<String>| match text.as_deref().map(http_url) {
            Some(None) => Err(Error::Url { field }),
            Some(url) => Ok(url),
            None => Ok(None),
        };
        let report_url = url("report_url", &config.report_url)?;
        let inbound_url = url("inbound_url", &config.inbound_url)?;
        let poster = Poster::new(config.report_header.as_ref())?;
        let (journal, messages) = match &config.ledger_file {
            Some(path) => {
                let wrap = |source| Error::LedgerFile { path: path.clone(), source };
                let (journal, messages) = Journal::open(path).map_err(wrap)?;
                (Some(journal), messages)
            }
            None => (None, Vec::new()),
        };
        let wrap = |source| Error::Listen { addr: addr.to_owned(), source };
        let listener = TcpListener::bind(addr).await.map_err(wrap)?;
        let local = listener.local_addr().map_err(wrap)?;
        let settings = Settings::new(&config);
        let ledger = Arc::new(Ledger::new(config.seed, journal, messages));
        let reports = Reports::new(Arc::clone(&ledger), clock.clone(), poster, report_url, config.report_delay);
        let state = State {
            api_key: config.api_key,
            settings,
            slow_answer: config.slow_answer,
            rate: Bucket::new(clock.now()),
            first: FirstTries::default(),
            ledger,
            reports: Arc::new(reports),
            inbound_url,
            clock,
        };
        Ok(Self { listener, addr: local, state: Arc::new(state) })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its handsets.
    #[must_use]
    pub fn handsets(&self) -> Handsets {
        Handsets(Arc::clone(&self.state))
    }

    /// Serves until it is stopped. Calls under way then get a second to finish.
    pub async fn run(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        tasks.spawn(Arc::clone(&self.state.reports).run(stop.clone()));
        let router = routes(self.state);
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (self.listener.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                () = stop.cancelled() => break,
                next = next => next,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (router, stop) = (router.clone(), stop.clone());
                    tasks.spawn(async move {
                        serve(stream, router, stop).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the sandbox cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        // The port is free at once, whatever the connections still do.
        drop(self.listener);
        tasks.close();
        tasks.wait().await;
    }
}

fn routes(state: Arc<State>) -> Router {
    let api = Router::new()
        .route("/api/v1.1/Messages/send", post(send::one))
        .route("/api/v1.1/Messages/sendmessagesbulk", post(send::many))
        .route("/api/v1.1/Messages/sendbulk", post(send::one_to_many))
        .route("/api/v1.1/Messages/{messageId}", get(read::message))
        .layer(from_fn_with_state(Arc::clone(&state), gate::pass));
    api.merge(control::routes()).layer(DefaultBodyLimit::max(BODY)).with_state(state)
}

/// One connection, until it ends, is cut by a call, or the sandbox stops.
async fn serve(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Small answers shall not wait for each other; without the option they only come later.
    let _set = stream.set_nodelay(true);
    let line = Line::default();
    let calls = line.clone();
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(calls.clone());
        router.clone().oneshot(request)
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
    // Leaving this function drops the connection, with the call that it may be waiting for.
    tokio::select! {
        biased;
        () = line.is_cut() => return,
        _ended = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        biased;
        () = line.is_cut() => {}
        _ended = connection.as_mut() => {}
        () = tokio::time::sleep(GRACE) => {}
    }
}
