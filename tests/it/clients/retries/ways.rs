//! Ways to a server that misbehave: one that loses answers as a proxy between does, and one whose connections are cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint, Server};
use tower::ServiceExt as _;

const ATTEMPTS: &str = "grpc-previous-rpc-attempts";

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes through.
    Passes,
    /// It is carried out, and the caller hears that the server is away.
    AnswerLost,
    /// It is not carried out, and the caller hears the same.
    Refused,
    /// It goes through as if a library had tried it before.
    RepeatsAtOnce,
}

/// Thirty of a hundred, spread evenly and the same in every run.
fn is_lost(n: u64) -> bool {
    let spread = (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) & 0xFFFF;
    spread * 10 < 0xFFFF * 3
}

/// A proxy that speaks gRPC.
pub struct Way {
    pub address: SocketAddr,
    inner: Arc<Inner>,
    _serving: AbortOnDropHandle<()>,
}

struct Inner {
    to: Channel,
    fate: Box<dyn Fn(u64) -> Fate + Send + Sync>,
    calls: AtomicU64,
    lost: AtomicU64,
    repeats: AtomicU64,
}

/// The calls that came along a way.
#[derive(Debug)]
pub struct Seen {
    pub calls: u64,
    pub lost: u64,
    /// Those that a library repeated.
    pub repeats: u64,
}

/// The way that loses answers.
pub struct Lossy;

impl Lossy {
    pub async fn start(to: &str) -> Way {
        let fate = |n| match (is_lost(n), n % 3) {
            (false, _) => Fate::Passes,
            (true, 0) => Fate::Refused,
            (true, _) => Fate::AnswerLost,
        };
        Way::start(to, fate).await
    }
}

impl Way {
    pub async fn start(to: &str, fate: impl Fn(u64) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let to = Endpoint::from_shared(format!("http://{to}")).unwrap().connect_lazy();
        let (calls, lost, repeats) = Default::default();
        let inner = Arc::new(Inner { to, fate: Box::new(fate), calls, lost, repeats });
        let router = Router::new().fallback(pass).with_state(inner.clone());
        let serving = async move {
            let server = Server::builder().add_routes(Routes::from(router));
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        };
        Self { address, inner, _serving: AbortOnDropHandle::new(tokio::spawn(serving)) }
    }

    pub fn seen(&self) -> Seen {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        let Inner { calls, lost, repeats, .. } = &*self.inner;
        Seen { calls: read(calls), lost: read(lost), repeats: read(repeats) }
    }
}

async fn pass(State(way): State<Arc<Inner>>, mut request: Request) -> Response<Body> {
    if request.headers().contains_key(ATTEMPTS) {
        way.repeats.fetch_add(1, Ordering::SeqCst);
    }
    let fate = (way.fate)(way.calls.fetch_add(1, Ordering::SeqCst));
    if fate == Fate::RepeatsAtOnce {
        request.headers_mut().insert(ATTEMPTS, HeaderValue::from_static("1"));
    }
    // As proxies do it: an answer without a word of the server's.
    let away = || Status::unavailable("upstream connect error or disconnect/reset before headers").into_http();
    if fate == Fate::Refused {
        way.lost.fetch_add(1, Ordering::SeqCst);
        return away();
    }
    let answer = way.to.clone().oneshot(request.map(tonic::body::Body::new)).await.unwrap();
    if fate == Fate::AnswerLost {
        way.lost.fetch_add(1, Ordering::SeqCst);
        return away();
    }
    answer.map(Body::new)
}

/// A wire whose connections are cut again and again.
pub struct Cutting {
    pub address: SocketAddr,
    cuts: Arc<AtomicU64>,
    _serving: AbortOnDropHandle<()>,
}

impl Cutting {
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }
}

/// How much of a connection is let through before it may be cut: the settings of both sides.
const BEGINNING: u64 = 2;

/// Cuts a connection in place of thirty of a hundred of the server's bytes.
pub async fn cutting(to: &str) -> Cutting {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, to) = (listener.local_addr().unwrap(), to.to_owned());
    let (cuts, counted) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let told = cuts.clone();
    let serving = async move {
        while let Ok((near, _)) = listener.accept().await {
            let (to, cuts, counted) = (to.clone(), cuts.clone(), counted.clone());
            tokio::spawn(async move {
                let far = TcpStream::connect(to).await.unwrap();
                let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.into_split(), far.into_split());
                let up = tokio::spawn(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
                let up = AbortOnDropHandle::new(up);
                let (mut part, mut parts) = (vec![0; 65536], 0);
                while let Ok(n @ 1..) = far_in.read(&mut part).await {
                    parts += 1;
                    if parts > BEGINNING && is_lost(counted.fetch_add(1, Ordering::SeqCst)) {
                        cuts.fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                    if near_out.write_all(&part[..n]).await.is_err() {
                        break;
                    }
                }
                drop(up);
            });
        }
    };
    Cutting { address, cuts: told, _serving: AbortOnDropHandle::new(tokio::spawn(serving)) }
}
