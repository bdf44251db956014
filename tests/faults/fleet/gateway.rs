//! The provider's address as one replica sees it: a small HTTP proxy that knows which moment a call is at, and can act on it.
//!
//! It reads and writes the bytes itself, because a framework would hide the two moments that matter most: the head is
//! there and the body is not, and the last byte of the answer has just been handed over.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::mood::Mood;

/// Where a send is on its way through the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Its head has arrived: the fence is behind it, the provider has nothing.
    Head,
    /// Its last byte has arrived: the provider takes it, whatever happens now.
    Body,
    /// The provider has answered, and the replica does not know.
    Answered,
    /// The replica has the answer, and has not settled it.
    PassedOn,
}

impl Moment {
    pub const ALL: [Self; 4] = [Self::Head, Self::Body, Self::Answered, Self::PassedOn];
}

/// The fate of the call after a trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It goes on.
    GoOn,
    /// Its connection is dropped.
    Drop,
    /// The answer is replaced by a 503, which says that nothing was sent.
    Unavailable,
}

/// A message that the provider has just taken.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Our id.
    pub reference: String,
    pub provider_id: String,
    /// The number that it goes to.
    pub destination: String,
}

/// Somebody who hears of messages that the provider took, before the replica does: it gets its answer afterwards.
pub type Ear = Arc<dyn Fn(Vec<Sent>) -> BoxFuture<'static, ()> + Send + Sync>;

/// Waits for a send at a moment.
struct Trap {
    moment: Moment,
    /// How many sends pass before.
    passing: u32,
    act: Box<dyn FnOnce() + Send>,
    then: Then,
    sprung: oneshot::Sender<()>,
}

struct Shared {
    provider: String,
    client: reqwest::Client,
    trap: Mutex<Option<Trap>>,
    ear: OnceLock<Ear>,
    mood: Mood,
}

/// A listener of its own for one replica. It closes, with its connections, when it is dropped.
pub struct Gateway {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: Mutex<Option<DropGuard>>,
}

impl Gateway {
    /// Listens on a free port, in front of the provider.
    pub async fn open(provider: String) -> Self {
        // No second connection for a call that was cut, no proxy: what happens is what the replica sees.
        let client = reqwest::Client::builder().no_proxy().http1_only().retry(reqwest::retry::never());
        let client = client.build().unwrap();
        let shared = Shared { provider, client, trap: Mutex::default(), ear: OnceLock::new(), mood: Mood::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let gateway = Self { address, shared: Arc::new(shared), serving: Mutex::default() };
        gateway.serve(listener);
        gateway
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on connections are refused by the system, and those that were open are gone.
    pub fn go_down(&self) {
        *self.serving.lock().unwrap() = None;
    }

    /// Takes connections again.
    pub async fn come_up(&self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is still free");
        self.serve(listener);
    }

    fn serve(&self, listener: TcpListener) {
        let stop = CancellationToken::new();
        *self.serving.lock().unwrap() = Some(stop.clone().drop_guard());
        let shared = self.shared.clone();
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    () = stop.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok((stream, _)) = stream else { continue };
                let (shared, stop) = (shared.clone(), stop.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        _ = serve_connection(stream, &shared) => {}
                    }
                });
            }
        });
    }

    /// Lets somebody hear of every message that the provider takes. Once for each gateway.
    pub fn listen(&self, ear: Ear) {
        assert!(self.shared.ear.set(ear).is_ok(), "somebody listens already");
    }

    /// The way in which every answer is passed on.
    pub fn mood(&self) -> &Mood {
        &self.shared.mood
    }

    /// Lets `act` happen when a send is at `moment`, after `passing` others. The answer comes when it has happened.
    pub fn trap(
        &self,
        moment: Moment,
        passing: u32,
        then: Then,
        act: impl FnOnce() + Send + 'static,
    ) -> oneshot::Receiver<()> {
        let (sprung, told) = oneshot::channel();
        *self.shared.trap.lock().unwrap() = Some(Trap { moment, passing, act: Box::new(act), then, sprung });
        told
    }
}

impl Shared {
    /// A send is at this moment.
    fn reach(&self, moment: Moment) -> Then {
        let mut place = self.trap.lock().unwrap();
        let Some(trap) = place.as_mut().filter(|trap| trap.moment == moment) else { return Then::GoOn };
        if trap.passing > 0 {
            trap.passing -= 1;
            return Then::GoOn;
        }
        let Some(trap) = place.take() else { return Then::GoOn };
        (trap.act)();
        let _ = trap.sprung.send(());
        trap.then
    }

    /// Hands the call to the provider. `None` if it gave no whole answer.
    async fn forward(&self, head: &Head, body: Vec<u8>) -> Option<Vec<u8>> {
        let listening = self.ear.get().filter(|_| is_send(head)).map(|ear| (ear, body.clone()));
        let method = head.method.parse().ok()?;
        let mut request = self.client.request(method, format!("{}{}", self.provider, head.path)).body(body);
        for (name, value) in head.headers.iter().filter(|(name, _)| name != "host" && name != "content-length") {
            request = request.header(name, value);
        }
        let answer = request.send().await.ok()?;
        let mut bytes = format!("HTTP/1.1 {}\r\n", answer.status()).into_bytes();
        for name in ["content-type", "retry-after"] {
            if let Some(value) = answer.headers().get(name) {
                bytes.extend([name.as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
            }
        }
        let body = answer.bytes().await.ok()?;
        if let Some((ear, request)) = listening {
            ear(taken(&request, &body).unwrap_or_default()).await;
        }
        bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
        bytes.extend(body);
        Some(bytes)
    }
}

/// The messages of a call that were taken: their answers pair by position.
fn taken(request: &[u8], answer: &[u8]) -> Option<Vec<Sent>> {
    let request: Value = serde_json::from_slice(request).ok()?;
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let one = [request.clone()];
    let asked = request["messages"].as_array().map_or(&one[..], Vec::as_slice);
    let answers = answer["messages"].as_array()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let sent = |(asked, answer): (&Value, &Value)| {
        let (reference, destination) = (text(&asked["reference"])?, text(&asked["destination"])?);
        Some(Sent { reference, provider_id: text(&answer["messageId"])?, destination })
    };
    Some(asked.iter().zip(answers).filter_map(sent).collect())
}

/// The head of a call.
struct Head {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    length: usize,
}

impl Head {
    async fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|n| *n > 0)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok().filter(|n| *n > 0)?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, n)| n.parse().ok());
        Some(Self { method, path, headers, length: length.unwrap_or(0) })
    }
}

/// Whether it asks for messages to be sent.
fn is_send(head: &Head) -> bool {
    head.method == "POST" && head.path.contains("/Messages/send")
}

pub(super) const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

/// Calls one after the other, until one ends the connection. A caller that dies meanwhile does not stop a call that has
/// arrived whole: the provider has it.
async fn serve_connection(stream: TcpStream, shared: &Shared) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    loop {
        let head = Head::read(&mut stream).await?;
        let reach = |moment| if is_send(&head) { shared.reach(moment) } else { Then::GoOn };
        let go_on = |then: Then| (then != Then::Drop).then_some(then);
        go_on(reach(Moment::Head))?;
        let mut body = vec![0; head.length];
        stream.read_exact(&mut body).await.ok()?;
        go_on(reach(Moment::Body))?;
        let answer = shared.forward(&head, body).await?;
        let then = go_on(reach(Moment::Answered))?;
        let mood = if is_send(&head) { shared.mood.answered().await } else { None };
        let answer = if then == Then::Unavailable { UNAVAILABLE } else { mood.unwrap_or(&answer) };
        stream.write_all(answer).await.ok()?;
        stream.flush().await.ok()?;
        go_on(reach(Moment::PassedOn))?;
    }
}
