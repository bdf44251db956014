//! URLs that open one stream and nothing else, for clients that can show no credentials: a browser's `EventSource`.
//!
//! A URL says who asked for it and for which stream, and is signed. It can be connected to for a minute. After that only
//! a reader who was connected comes back, for an hour from its issue: with the id of an event, which is signed for this
//! URL, too. So a URL that is found in a log is worth nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::auth::{Caller, Proof};
use crate::domain::ids::OwnerId;
use crate::error::Error;
use crate::service::Service;

/// How long a URL can be connected to.
const CONNECT: SignedDuration = SignedDuration::from_secs(60);
/// How long from its issue a reader can come back.
const RECONNECT: SignedDuration = SignedDuration::from_hours(1);
/// The longest stream's request, in bytes: a URL holds it.
const MAX_REQUEST: usize = 4096;
/// The separator of an event's id and its signature.
const MARK: char = '~';
/// How many bytes of an event's signature are shown.
const SHORT: usize = 16;

/// The content of a URL's token.
#[derive(Serialize, Deserialize)]
struct Claims {
    user: i64,
    scopes: String,
    at: i64,
    stream: String,
    request: String,
    /// The proof that the caller had shown; the stream ends when it does.
    issued: Option<i64>,
    until: Option<i64>,
    key: Option<i64>,
}

/// A URL's last part, and until when it is good for what.
#[derive(Debug, Clone)]
pub struct StreamGrant {
    /// The last part of the URL.
    pub token: String,
    /// Until when it can be connected to.
    pub connect_before: Timestamp,
    /// Until when a reader can come back.
    pub reconnect_until: Timestamp,
}

/// A stream that a URL opens.
#[derive(Debug, Clone)]
pub struct OpenedStream {
    /// Who asked for the URL, with what was allowed then.
    pub caller: Caller,
    /// Which stream.
    pub stream: String,
    /// Its request.
    pub request: Vec<u8>,
    /// Where to go on; empty means at the start.
    pub resume: String,
}

impl Service {
    /// A URL for this stream of the caller's.
    pub fn grant_stream(&self, caller: &Caller, stream: &str, request: &[u8]) -> Result<StreamGrant, Error> {
        if request.len() > MAX_REQUEST {
            return Err(Error::invalid("body", "is too long for a URL: name a campaign, or fewer ids"));
        }
        let now = self.inner.clock.now();
        // A stream ends with the credentials that opened it.
        let (issued, until, key) = match caller.proof() {
            Proof::None | Proof::Database(_) => (None, None, None),
            Proof::Token { issued, until } => (*issued, *until, None),
            Proof::Key(id) => (None, None, Some(*id)),
        };
        let claims = Claims {
            user: caller.user.0,
            scopes: caller.scopes(),
            at: now.as_second(),
            issued: issued.map(Timestamp::as_second),
            until: until.map(Timestamp::as_second),
            key,
            stream: stream.to_owned(),
            request: URL_SAFE_NO_PAD.encode(request),
        };
        let claims = serde_json::to_vec(&claims).map_err(|e| Error::Internal { cause: e.to_string() })?;
        let signature = self.inner.tokens.signatures().sign("stream-url", &[&claims]);
        let token = format!("{}.{}", URL_SAFE_NO_PAD.encode(&claims), URL_SAFE_NO_PAD.encode(signature));
        let after = |span| now.checked_add(span).unwrap_or(now);
        Ok(StreamGrant { token, connect_before: after(CONNECT), reconnect_until: after(RECONNECT) })
    }

    /// The stream that the URL opens, for a reader who has read up to `last_event`, or nothing yet.
    pub async fn open_stream(&self, token: &str, last_event: Option<&str>) -> Result<OpenedStream, Error> {
        let invalid = || Error::Unauthenticated("Invalid token");
        let claims = self.stream_claims(token).ok_or_else(invalid)?;
        let request = URL_SAFE_NO_PAD.decode(&claims.request).map_err(|_| invalid())?;
        let age = self.inner.clock.now().as_second().saturating_sub(claims.at);
        let (resume, limit) = match last_event {
            None => (String::new(), CONNECT),
            Some(id) => (self.event_named(token, id).ok_or_else(invalid)?, RECONNECT),
        };
        if !(-CONNECT.as_secs()..=limit.as_secs()).contains(&age) {
            return Err(Error::Unauthenticated("The stream URL has expired"));
        }
        let until = claims.until.and_then(|until| Timestamp::from_second(until).ok());
        let issued = claims.issued.and_then(|issued| Timestamp::from_second(issued).ok());
        let proof = claims.key.map_or(Proof::Token { issued, until }, Proof::Key);
        let caller = Caller::new(OwnerId(claims.user), &claims.scopes).by(proof);
        // Whoever was taken out in the meantime is refused.
        let refused = |e| match e {
            Error::Unauthenticated(_) => invalid(),
            e => e,
        };
        let user = self.still_counts(&caller).await.map_err(refused)?;
        self.goes_on(&caller).await.map_err(refused)?;
        let caller = caller.with(user.at_once);
        Ok(OpenedStream { caller, stream: claims.stream, request, resume })
    }

    /// The id of an event of this URL's stream, from which a reader can go on at `resume`.
    #[must_use]
    pub fn name_event(&self, token: &str, resume: &str) -> String {
        let signature = self.inner.tokens.signatures().sign("stream-event", &[token.as_bytes(), resume.as_bytes()]);
        let short = signature.get(..SHORT).unwrap_or_default();
        format!("{resume}{MARK}{}", URL_SAFE_NO_PAD.encode(short))
    }

    fn event_named(&self, token: &str, id: &str) -> Option<String> {
        let (resume, signature) = id.rsplit_once(MARK)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let right =
            self.inner.tokens.signatures().signed("stream-event", &[token.as_bytes(), resume.as_bytes()], &signature);
        right.then(|| resume.to_owned())
    }

    fn stream_claims(&self, token: &str) -> Option<Claims> {
        let (claims, signature) = token.split_once('.')?;
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let right =
            signature.len() == 32 && self.inner.tokens.signatures().signed("stream-url", &[&claims], &signature);
        right.then(|| serde_json::from_slice(&claims).ok()).flatten()
    }
}
