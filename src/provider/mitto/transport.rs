//! HTTP to Mitto: one request on the wire for one call, never a second one behind the caller's back.
//!
//! Everything that could resend, in reqwest 0.13 over hyper-util 0.1, and what is done about it:
//! - Redirects are followed by default, up to ten: off.
//! - A retry policy for "protocol NACKs" (HTTP/2 and HTTP/3 refusing a stream) is on by default: off, and HTTP/1 only.
//! - A proxy from the environment, which could resend on its own: off.
//! - hyper-util sends again a request that found its idle connection closed. reqwest offers no switch for it, and it
//!   needs none: hyper hands a request back only while it still lies in the connection's queue, before its first byte is
//!   written. As soon as a byte may have left, the error is final (`IncompleteMessage` or a reset), which is ambiguous.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::{Client, Request, Response};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use crate::domain::retry;
use crate::domain::trace::{self, TraceContext};

use super::classify::{Body, Fault};
use super::config::{Config, Error};

const API_KEY: HeaderName = HeaderName::from_static("x-mitto-api-key");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Mitto's addresses, and the connections to them.
pub(super) struct Endpoint {
    client: Client,
    send: Url,
    send_bulk: Url,
    messages: Url,
}

/// An answer whose status came, whatever became of its body.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Result<Bytes, Fault>,
    pub(super) retry_after: Option<Duration>,
}

impl Endpoint {
    pub(super) fn new(config: &Config) -> Result<Self, Error> {
        if config.connect_timeout.is_zero() || config.connect_timeout >= config.timeout {
            return Err(Error::Timeouts);
        }
        let mut key = HeaderValue::from_str(config.api_key.expose_secret()).map_err(|_| Error::ApiKey)?;
        if key.is_empty() {
            return Err(Error::ApiKey);
        }
        key.set_sensitive(true);
        let headers = HeaderMap::from_iter([(API_KEY, key), (ACCEPT, JSON)]);
        let client = Client::builder()
            .user_agent(concat!("messaging/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(config.connect_timeout)
            .timeout(config.timeout)
            .pool_idle_timeout(config.pool_idle)
            .tcp_nodelay(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()
            .map_err(|e| Error::Client(e.without_url()))?;
        Ok(Self {
            client,
            send: below(&config.base, &["api", "v1.1", "Messages", "send"])?,
            send_bulk: below(&config.base, &["api", "v1.1", "Messages", "sendmessagesbulk"])?,
            messages: below(&config.base, &["api", "v1.1", "Messages"])?,
        })
    }

    pub(super) async fn send(&self, body: Vec<u8>, trace: Option<TraceContext>, max: usize) -> Result<Answer, Fault> {
        self.post(self.send.clone(), body, trace, max).await
    }

    pub(super) async fn send_bulk(&self, body: Vec<u8>, max: usize) -> Result<Answer, Fault> {
        self.post(self.send_bulk.clone(), body, None, max).await
    }

    /// Asks for one message. `None` if the id cannot be one segment of a path: `.` and `..` mean other resources, even
    /// encoded.
    pub(super) async fn read(&self, id: &str, max: usize) -> Option<Result<Answer, Fault>> {
        if matches!(id, "" | "." | "..") {
            return None;
        }
        let url = below(&self.messages, &[id]).ok()?;
        Some(self.call(Request::new(Method::GET, url), max).await)
    }

    async fn post(&self, url: Url, body: Vec<u8>, trace: Option<TraceContext>, max: usize) -> Result<Answer, Fault> {
        let mut request = Request::new(Method::POST, url);
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        if let Some(trace) = trace.and_then(|trace| HeaderValue::try_from(trace.to_string()).ok()) {
            request.headers_mut().insert(trace::HEADER, trace);
        }
        *request.body_mut() = Some(body.into());
        self.call(request, max).await
    }

    async fn call(&self, request: Request, max: usize) -> Result<Answer, Fault> {
        let mut response = self.client.execute(request).await.map_err(|e| fault(&e))?;
        let retry_after = retry_after(response.headers());
        Ok(Answer { status: response.status(), body: collect(&mut response, max).await, retry_after })
    }
}

impl Answer {
    /// The body as JSON, if it came whole and is JSON; a byte order mark in front of it is not held against it.
    pub(super) fn json(&self) -> Option<Value> {
        let bytes = self.body.as_deref().ok()?;
        serde_json::from_slice(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)).ok()
    }

    /// Whether the body came whole.
    pub(super) fn completeness(&self) -> Body {
        match self.body {
            Ok(_) => Body::Whole,
            Err(fault) => Body::Cut(fault),
        }
    }
}

/// The base with more segments, each encoded as one.
fn below(base: &Url, segments: &[&str]) -> Result<Url, Error> {
    let plain = base.username().is_empty()
        && base.password().is_none()
        && base.query().is_none()
        && base.fragment().is_none()
        && base.has_host();
    if !plain || !matches!(base.scheme(), "http" | "https") {
        return Err(Error::Base);
    }
    let mut url = base.clone();
    url.path_segments_mut().map_err(|()| Error::Base)?.pop_if_empty().extend(segments);
    Ok(url)
}

/// Reads a body of `max` bytes at most, without copying one that comes in one piece.
async fn collect(response: &mut Response, max: usize) -> Result<Bytes, Fault> {
    let announced = response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced > max {
        return Err(Fault::AnswerTooLarge);
    }
    let mut pieces = Pieces::None;
    while let Some(piece) = response.chunk().await.map_err(|e| fault(&e))? {
        pieces = match pieces {
            Pieces::None => Pieces::One(piece),
            Pieces::One(first) => {
                let mut all = BytesMut::with_capacity(announced.max(first.len() + piece.len()));
                all.extend_from_slice(&first);
                all.extend_from_slice(&piece);
                Pieces::Many(all)
            }
            Pieces::Many(mut all) => {
                all.extend_from_slice(&piece);
                Pieces::Many(all)
            }
        };
        if pieces.len() > max {
            return Err(Fault::AnswerTooLarge);
        }
    }
    Ok(pieces.into_bytes())
}

enum Pieces {
    None,
    One(Bytes),
    Many(BytesMut),
}

impl Pieces {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::None => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes.freeze(),
        }
    }
}

/// The observation of a failed call. The error itself is dropped here: it names the address, and with it a message's id.
fn fault(error: &reqwest::Error) -> Fault {
    if error.is_connect() || error.is_dns() {
        // The connector failed, TLS handshake included: the request was never given to a connection.
        return match (error.is_dns(), error.is_timeout()) {
            (true, _) => Fault::Dns,
            (false, true) => Fault::ConnectTimeout,
            (false, false) => Fault::Connect,
        };
    }
    if error.is_builder() {
        Fault::Unsendable
    } else if error.is_timeout() {
        Fault::Timeout
    } else {
        Fault::ConnectionLost
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    retry::asked(text(RETRY_AFTER)?, text(DATE))
}
