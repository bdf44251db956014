//! The beginning of every route of the API: who calls, and the body within its limits.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio_util::sync::CancellationToken;

use crate::admission::{Admission, Permit, Quota, Who};
use crate::auth::{Caller, Credentials};
use crate::domain::trace::TraceContext;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::service::Service;

/// How long the next bytes of a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest body of JSON, in bytes; the same as the gRPC API's longest message.
pub(super) const MAX_JSON: usize = 4 << 20;

/// The state that the routes of the API share.
#[derive(Clone)]
pub(super) struct HttpApi {
    pub(super) service: Service,
    /// Set when the process stops: streams end.
    pub(super) stop: CancellationToken,
}

/// The context of a call besides its request.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    /// The caller, once it is known, for the log.
    pub(super) owner: Arc<OnceLock<i64>>,
    /// Its place among the calls in flight, held until its answer has been sent.
    pub(super) permit: Permit,
    /// Its span, which what follows from it is a child of.
    pub(super) trace: Option<TraceContext>,
}

impl Call {
    /// Lets the caller in by what was shown from this address.
    pub(super) async fn admit(
        &self,
        service: &Service,
        shown: Option<Credentials>,
        address: Option<IpAddr>,
    ) -> Result<Caller, Error> {
        let caller = service.authenticate(shown, address).await?;
        let _ = self.owner.set(caller.user.0);
        self.permit.take(service.admission(), Quota::Calls, caller.share())?;
        Ok(caller.within(self.trace))
    }
}

/// The caller that was let in, and the call's context.
pub(super) fn admitted(head: &Parts) -> Result<(Caller, Call), Problem> {
    let caller = head.extensions.get::<Caller>().cloned();
    let caller = caller.ok_or_else(|| Error::Internal { cause: "a route without admission".to_owned() })?;
    Ok((caller, head.extensions.get::<Call>().cloned().unwrap_or_default()))
}

/// The one name in a route's path.
pub(super) struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, Problem> {
        let names = RawPathParams::from_request_parts(head, state).await;
        let names = names.map_err(|_| Problem::invalid("path", "is not UTF-8"))?;
        let name = names.iter().next().map(|(_, value)| value.to_owned());
        name.map(Self).ok_or(Problem::NoRoute)
    }
}

/// The media type that the headers name, in lower case and without parameters; empty if none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let named = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The bytes of a body as they come: at most so many, and never too slowly. Whoever keeps them counts them.
pub(super) fn chunks(body: Body, most: usize) -> impl futures::Stream<Item = Result<Bytes, Problem>> + Send {
    async_stream::try_stream! {
        let mut body = body.into_data_stream().map_err(|_| Problem::invalid("body", "broke off"));
        let mut length = 0;
        loop {
            let next = tokio::time::timeout(PATIENCE, body.next()).await.map_err(|_| Error::TooSlow)?;
            let Some(chunk) = next.transpose()? else { break };
            length += chunk.len();
            if length > most {
                Err(Error::TooLarge(most))?;
            }
            yield chunk;
        }
    }
}

/// Whether a body has so many values for its length that reading them would take a hundred times the memory that its bytes do: a list of
/// the shortest recipients has one in fifteen bytes, a short body any.
fn is_crowded(body: &[u8]) -> bool {
    const BYTES_A_VALUE: usize = 8;
    const ANY: usize = 4096;
    let values = body.iter().filter(|byte| matches!(byte, b',' | b'{' | b'[')).count();
    values > ANY && values > body.len() / BYTES_A_VALUE
}

/// A body of JSON; `None` if there is none. Its bytes are counted until the call has ended.
pub(super) async fn json(
    admission: &Admission,
    (caller, call): (&Caller, &Call),
    headers: &HeaderMap,
    body: Body,
) -> Result<Option<serde_json::Value>, Problem> {
    let mut bytes = Vec::new();
    let mut room = admission.bytes(Who::Owner(caller.user));
    let chunks = chunks(body, MAX_JSON);
    let mut chunks = std::pin::pin!(chunks);
    while let Some(chunk) = chunks.try_next().await? {
        admission.resize(&mut room, bytes.len() + chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    call.permit.keep(room);
    if bytes.is_empty() {
        return Ok(None);
    }
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Problem::MediaType("as it is, without a Content-Encoding"));
    }
    let kind = media_type(headers);
    if kind != "application/json" && !(kind.starts_with("application/") && kind.ends_with("+json")) {
        return Err(Problem::MediaType("application/json"));
    }
    if is_crowded(&bytes) {
        return Err(Problem::invalid("body", "holds more values than anything that is asked for here"));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|e| Problem::invalid("body", format_args!("is not JSON: {e}")))
}
