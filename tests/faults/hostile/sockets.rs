//! What is done with bare sockets: silence, half of what a request needs, and bodies that do not come.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::owner::Hostile;
use super::{ATTACKERS, Attackers};
use crate::fleet::Replica;

/// How many sockets do nothing, on the gRPC door and on the other one.
const IDLE: (usize, usize) = (400, 1600);
/// How many posts are announced to the webhooks and do not come: as many as there are connections, and more.
const ANNOUNCED: usize = 1200;
/// How many CSV files come slowly, and how fast.
const SLOW: usize = 260;
const TRICKLE: Duration = Duration::from_secs(1);
/// How many columns the wide file has.
const COLUMNS: usize = 58_000;
/// Between a socket's end and the next one in its place: a machine whose cores are all the attackers' would judge itself.
const REST: Duration = Duration::from_secs(12);
/// How far apart the first ones come.
const APART: Duration = Duration::from_millis(4);
/// How long an answer may take to end a socket that asked for something.
const ANSWER: Duration = Duration::from_secs(30);

/// The replica's two doors, and how often each thing was done there.
#[derive(Clone)]
pub struct Doors {
    pub grpc: SocketAddr,
    pub web: SocketAddr,
    counts: Arc<[AtomicU64; KINDS.len()]>,
}

/// What is counted.
const KINDS: [&str; 14] = [
    "idle",
    "announced",
    "slow",
    "wide",
    "heads",
    "endless",
    "invented",
    "unasked",
    "watched",
    "listed",
    "resumed",
    "refreshed",
    "arrays",
    "keys",
];

impl Doors {
    pub fn of(replica: &Replica) -> Self {
        let grpc = replica.grpc().expect("it is up").parse().unwrap();
        let web = replica.web().expect("it is up").parse().unwrap();
        Self { grpc, web, counts: Arc::default() }
    }

    /// It was done once more.
    pub fn did(&self, kind: &str) {
        let place = KINDS.iter().position(|known| *known == kind).expect("it is counted");
        self.counts[place].fetch_add(1, Ordering::Relaxed);
    }

    /// How often each was.
    pub fn tried(&self) -> String {
        let mut line = String::new();
        for (kind, count) in KINDS.iter().zip(&*self.counts) {
            let _ = write!(line, "{kind} {} ", count.load(Ordering::Relaxed));
        }
        line.trim_end().to_owned()
    }

    async fn open(&self, web: bool) -> Option<TcpStream> {
        let socket = TcpSocket::new_v4().ok()?;
        socket.bind(SocketAddr::new(IpAddr::from(ATTACKERS), 0)).ok()?;
        socket.connect(if web { self.web } else { self.grpc }).await.ok()
    }

    /// Says this and waits until it is shown out, and then comes again.
    async fn say_and_wait(self, kind: &'static str, number: usize, web: bool, said: Vec<u8>) {
        sleep(APART * u32::try_from(number).unwrap()).await;
        loop {
            if let Some(mut socket) = self.open(web).await {
                self.did(kind);
                let _ = socket.write_all(&said).await;
                until_closed(&mut socket).await;
            }
            sleep(REST).await;
        }
    }
}

async fn until_closed(socket: &mut TcpStream) {
    let mut heard = [0; 1024];
    while socket.read(&mut heard).await.is_ok_and(|n| n > 0) {}
}

/// Begins all of it.
pub fn all(attackers: &mut Attackers, doors: &Doors, hostile: &Hostile) {
    for number in 0..IDLE.0 + IDLE.1 {
        let web = number >= IDLE.0;
        let beginning: &[u8] = match (number % 2, web) {
            (0, _) => b"",
            (_, true) => b"GET /healthz HTTP/1.1\r\nHost: ",
            (_, false) => b"PRI * HTTP/2.0\r\n",
        };
        attackers.add(doors.clone().say_and_wait("idle", number, web, beginning.to_vec()));
    }
    for number in 0..ANNOUNCED {
        let hook = if number % 2 == 0 { "dlr" } else { "inbound" };
        let proof = "0".repeat(64);
        let head = format!(
            "POST /webhooks/mitto/{hook} HTTP/1.1\r\nHost: x\r\nX-Webhook-Signature: {proof}\r\n\
             Content-Type: application/json\r\nContent-Length: 1048576\r\n\r\n"
        );
        attackers.add(doors.clone().say_and_wait("announced", number, true, head.into_bytes()));
    }
    for number in 0..SLOW {
        attackers.add(slow(doors.clone(), number, hostile.upload_head()));
    }
    attackers.add(wide(doors.clone(), hostile.upload_head()));
    // Headers whose end never comes: the frame that would have it is not sent.
    for number in 0..64 {
        let said =
            [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..], b"\0\0\x01\x01\0\0\0\0\x01\x82"].concat();
        attackers.add(doors.clone().say_and_wait("heads", number, false, said));
    }
}

/// A CSV file that comes line by line, as slowly as is put up with.
async fn slow(doors: Doors, number: usize, head: String) {
    sleep(APART * 10 * u32::try_from(number).unwrap()).await;
    loop {
        if let Some(mut socket) = doors.open(true).await {
            doors.did("slow");
            let _ = socket.write_all(head.as_bytes()).await;
            let trickle = async {
                let mut line = "destination,n\n".to_owned();
                for number in 1000.. {
                    let chunk = format!("{:x}\r\n{line}\r\n", line.len());
                    if socket.write_all(chunk.as_bytes()).await.is_err() {
                        break;
                    }
                    sleep(TRICKLE).await;
                    line = format!("+30696000{number},1\n");
                }
            };
            trickle.await;
        }
        sleep(REST).await;
    }
}

/// A CSV file with more columns than anybody has.
async fn wide(doors: Doors, head: String) {
    let mut line = "destination".to_owned();
    (0..COLUMNS).for_each(|n| write!(line, ",c{n}").unwrap());
    let row = format!("+306960001000{}", ",x".repeat(COLUMNS));
    let body = format!("{line}\n{}", format!("{row}\n").repeat(20));
    let said = format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    loop {
        if let Some(mut socket) = doors.open(true).await {
            doors.did("wide");
            let _ = socket.write_all(said.as_bytes()).await;
            let _ = timeout(ANSWER, socket.read(&mut [0; 64])).await;
        }
        sleep(TRICKLE).await;
    }
}
