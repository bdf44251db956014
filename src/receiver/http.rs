//! Calls to receivers over HTTP: one request each, to addresses that may be called and to no others.
//!
//! The rule of addresses is asked where a connection is made: a name is looked up at each attempt, what it leads to is held to the
//! rule, and the connection is made to what is left. So a name that leads elsewhere a moment later leads nowhere.

use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use ::http::{HeaderMap, HeaderName, HeaderValue};
use async_trait::async_trait;
use reqwest::{Client, Response};

use crate::domain::retry;
use crate::domain::trace;
use crate::domain::webhook::address::Nets;
use crate::domain::webhook::health::{Called, Outcome};
use crate::domain::webhook::target;
use crate::receiver::names::{Guarded, Names, NoName, NotAllowed, System, on_behalf_of};
use crate::receiver::{Post, Receiver};
use crate::turns::Turns;

/// How long a call may take, from the look-up of the name to the end of the answer.
const LIMIT: Duration = Duration::from_secs(15);
/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(30);
/// How many names are looked up at once: each takes a thread, and what is sent needs such threads, too. Of one owner half as many, so that
/// names which nobody answers for keep no other owner's calls waiting.
const LOOK_UPS: usize = 32;
/// How much of an answer is read, so that its connection can be used again.
const READ: usize = 1024;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// See the module.
pub struct Http {
    nets: Nets,
    encrypted: Client,
    in_clear: Client,
}

impl Http {
    /// Calls public addresses, and those of `nets`, by the names that the system knows.
    pub fn new(nets: Nets) -> Result<Self, reqwest::Error> {
        Self::with_names(nets, Arc::new(System))
    }

    /// The same by other names.
    pub fn with_names(nets: Nets, names: Arc<dyn Names>) -> Result<Self, reqwest::Error> {
        let shared = (names, Arc::new(Turns::new(LOOK_UPS)));
        let client = |in_clear| {
            let (names, turns) = shared.clone();
            let guarded = Guarded { names, turns, nets: nets.clone(), in_clear };
            Client::builder()
                .user_agent(concat!("messaging/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(Arc::new(guarded))
                .connect_timeout(CONNECT_LIMIT)
                .timeout(LIMIT)
                .pool_idle_timeout(IDLE)
                .tcp_nodelay(true)
                .http1_only()
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .retry(reqwest::retry::never())
                .no_proxy()
                .build()
        };
        Ok(Self { encrypted: client(false)?, in_clear: client(true)?, nets })
    }

    async fn call(&self, post: Post) -> Result<Called, Outcome> {
        let in_clear = post.url.scheme() == "http";
        // An address in the URL itself is looked up by nobody.
        if target::literal(&post.url).is_some_and(|address| !target::allows(&self.nets, address, in_clear)) {
            return Err(Outcome::NotAllowed);
        }
        let client = if in_clear { &self.in_clear } else { &self.encrypted };
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Outcome::Broken);
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, JSON),
            (ID, value(&post.id)?),
            (TIMESTAMP, value(&post.seconds.to_string())?),
            (SIGNATURE, value(&post.signature)?),
        ]);
        if let Some(trace) = post.trace {
            headers.insert(trace::HEADER, value(&trace.to_string())?);
        }
        let sent = on_behalf_of(post.owner, client.post(post.url).headers(headers).body(post.body).send()).await;
        let mut answer = sent.map_err(|e| outcome(&e))?;
        let status = answer.status().as_u16();
        let retry_after = retry_after(answer.headers());
        drain(&mut answer).await;
        Ok(Called { outcome: Outcome::of_status(status), status: Some(status), retry_after })
    }
}

#[async_trait]
impl Receiver for Http {
    async fn post(&self, post: Post) -> Called {
        self.call(post).await.unwrap_or_else(|outcome| Called { outcome, status: None, retry_after: None })
    }
}

/// Reads a short answer to its end; of a longer one nothing is needed, and its connection is not used again.
async fn drain(answer: &mut Response) {
    let mut read = 0;
    while let Ok(Some(piece)) = answer.chunk().await {
        read += piece.len();
        if read > READ {
            return;
        }
    }
}

/// The observation of a failed call. The error itself is dropped: it names the address.
fn outcome(e: &reqwest::Error) -> Outcome {
    let mut source = std::error::Error::source(e);
    while let Some(cause) = source {
        if cause.is::<NotAllowed>() {
            return Outcome::NotAllowed;
        }
        if cause.is::<NoName>() {
            return Outcome::NoName;
        }
        source = cause.source();
    }
    if e.is_timeout() {
        Outcome::TimedOut
    } else if e.is_connect() || e.is_dns() {
        Outcome::NoConnection
    } else {
        Outcome::Broken
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    retry::asked(text(RETRY_AFTER)?, text(DATE))
}
