//! What those ask who have no credentials, or forged ones: streams of headers, bodies that nobody asked for, methods and keys that
//! nobody has, and whether the process is well, all the time.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use rand::RngExt as _;
use tokio::time::{sleep, timeout};
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::ServiceExt as _;

use super::sockets::Doors;
use super::{ATTACKERS, Attackers};

/// Between two of each kind.
const EVERY: Duration = Duration::from_millis(20);
/// How many streams one connection begins, whose ends never come.
const STREAMS: usize = 1024;
/// How many send a large message that nobody asked for.
const LARGE: usize = 64;
/// Its parts.
static PART: [u8; 64 << 10] = [b'x'; 64 << 10];
const PARTS: usize = 64;
/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(10);

const SEND: &str = "/messaging.v1.MessagingService/SendSingle";

/// A connection of its own.
pub fn channel(doors: &Doors) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", doors.grpc)).unwrap();
    endpoint.local_address(Some(IpAddr::from(ATTACKERS))).connect_lazy()
}

/// A client of the HTTP door.
pub fn web() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER);
    client.local_address(IpAddr::from(ATTACKERS)).build().unwrap()
}

/// A request with these parts, and then nothing, or its end.
fn request(path: &str, header: (&str, &str), parts: usize, ends: bool) -> Request<Body> {
    let parts = stream::iter((0..parts).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(&PART)))));
    let body = if ends {
        Body::new(StreamBody::new(parts))
    } else {
        Body::new(StreamBody::new(parts.chain(stream::pending())))
    };
    let request = Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
    request.header(header.0, header.1).body(body).unwrap()
}

async fn ask(channel: &Channel, request: Request<Body>) -> Option<Response<Body>> {
    timeout(ANSWER, channel.clone().oneshot(request)).await.ok()?.ok()
}

/// Begins all of it.
pub fn all(attackers: &mut Attackers, doors: &Doors) {
    attackers.add(endless(doors.clone()));
    for number in 0..LARGE {
        attackers.add(unasked(doors.clone(), number));
    }
    attackers.add(invented(doors.clone()));
    attackers.add(keys(doors.clone()));
    attackers.add(well(doors.clone()));
}

/// Streams on one connection, whose requests never end.
async fn endless(doors: Doors) {
    let channel = channel(&doors);
    loop {
        let begin = stream::iter(0..STREAMS).map(|_| async {
            doors.did("endless");
            ask(&channel, request(SEND, ("x-none", "none"), 0, false)).await
        });
        // As many at once as one connection may have, and their answers kept as long.
        let answers: Vec<_> = begin.buffer_unordered(64).collect().await;
        sleep(EVERY * 200).await;
        drop(answers);
    }
}

/// A message of four megabytes from nobody.
async fn unasked(doors: Doors, number: usize) {
    sleep(EVERY * u32::try_from(number).unwrap()).await;
    loop {
        let channel = channel(&doors);
        doors.did("unasked");
        ask(&channel, request(SEND, ("authorization", "Bearer forged"), PARTS, true)).await;
        sleep(EVERY * 400).await;
    }
}

/// Methods that nobody has, of services that are counted and that are not.
async fn invented(doors: Doors) {
    let channel = channel(&doors);
    for number in 0_u64.. {
        let service = if number.is_multiple_of(2) { "messaging.v1.MessagingService" } else { "invented.Service" };
        doors.did("invented");
        ask(&channel, request(&format!("/{service}/Invented{number}"), ("x-none", "none"), 0, true)).await;
        sleep(EVERY / 2).await;
    }
}

/// Keys that nobody has, at both doors: some look as ours do.
async fn keys(doors: Doors) {
    let (channel, web) = (channel(&doors), web());
    for number in 0_u64.. {
        let random: u128 = rand::rng().random();
        let key =
            if number.is_multiple_of(2) { format!("{random:032x}") } else { format!("mk_{random:032x}{random:08x}") };
        doors.did("keys");
        if number.is_multiple_of(4) {
            let url = format!("http://{}/api/v1/messages", doors.web);
            let _ = web.get(url).header("x-api-key", &key).send().await;
        } else {
            ask(&channel, request(SEND, ("x-api-key", &key), 0, true)).await;
        }
        sleep(EVERY / 2).await;
    }
}

/// Whether the process is well, all the time.
async fn well(doors: Doors) {
    let web = web();
    loop {
        for path in ["/readyz", "/readyz", "/readyz", "/metrics"] {
            let _ = web.get(format!("http://{}{path}", doors.web)).send().await;
            sleep(EVERY).await;
        }
    }
}
