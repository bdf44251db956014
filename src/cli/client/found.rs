//! Where a call did not get through: the protocol that is spoken at the address, in place of the transport's own words.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{Channel, Uri};

/// How long the look takes at most.
const LOOK: Duration = Duration::from_secs(2);
/// The words that are answered in turn by whoever speaks HTTP/2 (RFC 9113, 3.4: the preface, with settings that say nothing), and by whoever
/// speaks HTTP/1 and has closed the connection on those. gRPC's own listener speaks both. TLS refuses either with an alert.
const QUESTIONS: [&[u8]; 2] = [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    b"GET / HTTP/1.1\r\nhost: messaging\r\nconnection: close\r\n\r\n",
];
/// The type of the frame that an HTTP/2 server begins with (RFC 9113, 3.4 and 6.5), which is the fourth byte.
const SETTINGS: u8 = 4;
/// The types of the records that a TLS server may answer with (RFC 8446, 5.1): an alert, or its part of the handshake.
const TLS: [u8; 2] = [21, 22];

/// The protocol that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoken {
    Http1,
    Http2,
    Tls,
    /// The connection was closed without a byte.
    Nothing,
}

/// The reason why gRPC does not get through at this address, if it can be seen there.
pub(super) async fn instead(uri: &Uri) -> Option<String> {
    let spoken = tokio::time::timeout(LOOK, look(uri)).await.ok()??;
    let secure = uri.scheme_str() == Some("https");
    let (at, address) = (uri.to_string(), uri.authority()?);
    let at = at.trim_end_matches('/');
    match (spoken, secure) {
        (Spoken::Http1, _) => Some(format!(
            "{at} answers in HTTP/1, which is no gRPC: is it the address of the HTTP API? gRPC is at GRPC_ADDR, port 50051 unless told"
        )),
        (Spoken::Http2, true) => Some(format!("{at} speaks no TLS but plain text: write http://{address}")),
        (Spoken::Tls, false) => Some(format!("{at} speaks TLS: write https://{address}")),
        (Spoken::Nothing, false) => {
            Some(format!("{at} closes the connection without a word: if it expects TLS, write https://{address}"))
        }
        // The transport's own words say more.
        (Spoken::Http2, false) | (Spoken::Tls | Spoken::Nothing, true) => None,
    }
}

async fn look(uri: &Uri) -> Option<Spoken> {
    for question in QUESTIONS {
        match ask(uri, question).await? {
            Spoken::Nothing => {}
            spoken => return Some(spoken),
        }
    }
    Some(Spoken::Nothing)
}

async fn ask(uri: &Uri, question: &[u8]) -> Option<Spoken> {
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let mut stream = TcpStream::connect((host, port)).await.ok()?;
    stream.write_all(question).await.ok()?;
    let mut seen = Vec::new();
    while seen.len() < 5 {
        match stream.read_buf(&mut seen).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    match seen.as_slice() {
        [] => Some(Spoken::Nothing),
        bytes if bytes.starts_with(b"HTTP/") => Some(Spoken::Http1),
        [first, ..] if TLS.contains(first) => Some(Spoken::Tls),
        [_, _, _, kind, ..] if *kind == SETTINGS => Some(Spoken::Http2),
        _ => None,
    }
}

/// A channel whose first failure is explained by what is found at its address.
#[derive(Clone)]
pub(super) struct Explaining {
    channel: Channel,
    uri: Uri,
    /// Whether anything ever got through: then it is gRPC, and was cut.
    spoke: Arc<AtomicBool>,
}

impl Explaining {
    pub(super) fn new(channel: Channel, uri: Uri) -> Self {
        Self { channel, uri, spoke: Arc::default() }
    }
}

impl tower::Service<Request<Body>> for Explaining {
    type Response = Response<Body>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        tower::Service::poll_ready(&mut self.channel, cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = tower::Service::call(&mut self.channel, request);
        let (uri, spoke) = (self.uri.clone(), self.spoke.clone());
        Box::pin(async move {
            match answer.await {
                Ok(answer) => {
                    spoke.store(true, Ordering::Relaxed);
                    Ok(answer)
                }
                Err(e) if spoke.load(Ordering::Relaxed) => Err(e.into()),
                // Without the transport's error behind it, a status is taken as the answer that it is, and is not tried again.
                Err(e) => Err(instead(&uri).await.map_or_else(|| e.into(), |words| Status::unknown(words).into())),
            }
        })
    }
}
