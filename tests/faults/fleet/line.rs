//! A replica's way to Postgres: it carries bytes, and can fall silent, or lose what is said about a COMMIT.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long the server's end of a silent connection stays open: as long as it takes a server to notice, or a bit more than
/// the five seconds that a transaction may stand still.
const HELD: Duration = Duration::from_secs(15);

/// The way in which a COMMIT is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It is done, and the connection ends instead of saying so.
    Closed,
    /// It is done, and the connection falls silent.
    Silent,
    /// It does not arrive, and the connection falls silent.
    Undelivered,
}

/// Waits for a COMMIT.
struct Trap {
    passing: u32,
    loss: Loss,
    act: Box<dyn FnOnce() + Send>,
    sprung: oneshot::Sender<()>,
}

struct Shared {
    server: String,
    trap: Mutex<Option<Trap>>,
    /// Rises when all that are open fall silent.
    silenced: watch::Sender<u32>,
}

/// A listener in front of the server. It closes, with its connections, when it is dropped.
pub struct Line {
    url: String,
    shared: Arc<Shared>,
    _serving: DropGuard,
}

impl Line {
    /// Listens on a free port, in front of the server of this URL.
    pub async fn open(url: &str) -> Self {
        let mut url = url::Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(address.port())).unwrap();
        let shared = Arc::new(Shared { server, trap: Mutex::default(), silenced: watch::Sender::new(0) });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(listener, shared.clone(), stop.clone())));
        Self { url: url.into(), shared, _serving: stop.drop_guard() }
    }

    /// The value of `DATABASE_URL` for who shall go this way.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Every connection that is open now falls silent: nothing arrives any more, in either direction, and neither end is told.
    /// How many those are.
    pub fn swallow(&self) -> usize {
        self.shared.silenced.send_modify(|times| *times += 1);
        self.shared.silenced.receiver_count()
    }

    /// Loses a COMMIT after `passing` others; `act` happens when it comes. The answer comes when it has happened.
    pub fn lose(&self, passing: u32, loss: Loss, act: impl FnOnce() + Send + 'static) -> oneshot::Receiver<()> {
        let (sprung, told) = oneshot::channel();
        *self.shared.trap.lock().unwrap() = Some(Trap { passing, loss, act: Box::new(act), sprung });
        told
    }
}

impl Shared {
    /// A COMMIT has come.
    fn reach(&self) -> Option<Loss> {
        let mut place = self.trap.lock().unwrap();
        let trap = place.as_mut()?;
        if trap.passing > 0 {
            trap.passing -= 1;
            return None;
        }
        let trap = place.take()?;
        (trap.act)();
        let _ = trap.sprung.send(());
        Some(trap.loss)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = shared.clone();
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move { carry(stream, &shared).await }));
    }
}

/// Whether what a client says asks for a commit: a simple query, or one that is parsed first.
fn is_commit(said: &[u8]) -> bool {
    said.windows(7).any(|part| part == b"COMMIT\0")
}

/// Carries one connection's bytes.
async fn carry(mut client: TcpStream, shared: &Shared) -> Option<()> {
    let mut silenced = shared.silenced.subscribe();
    let mut server = TcpStream::connect(&shared.server).await.ok()?;
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    let (mut asked, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut lost = None;
    loop {
        tokio::select! {
            _ = silenced.changed() => break,
            n = client.read(&mut asked) => {
                let asked = &asked[..n.ok().filter(|n| *n > 0)?];
                lost = lost.or_else(|| is_commit(asked).then(|| shared.reach()).flatten());
                if lost == Some(Loss::Undelivered) {
                    break;
                }
                server.write_all(asked).await.ok()?;
            }
            n = server.read(&mut answered) => {
                let answered = &answered[..n.ok().filter(|n| *n > 0)?];
                match lost {
                    None => client.write_all(answered).await.ok()?,
                    Some(Loss::Closed) => return None,
                    Some(_) => break,
                }
            }
        }
    }
    drop(silenced);
    // What the client says is taken and goes nowhere, until it gives up, which goes nowhere, too.
    while client.read(&mut asked).await.is_ok_and(|n| n > 0) {}
    tokio::time::sleep(HELD).await;
    Some(())
}
