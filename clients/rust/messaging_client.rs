//! A small client of the messaging service: sends that are safe to repeat, streams that go on after a cut, errors by reason.
//!
//! Crates: tonic, tonic-prost, tonic-types, prost, tokio, futures, async-stream, http, serde_json, standardwebhooks, thiserror. The types in `proto` are
//! generated from what `messaging proto --out proto` writes: `docs/ten-minutes-rust.md` has the `build.rs`. Copy it into your project.

use std::collections::HashMap;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use messaging::proto::{self, RefreshStatusBulkResponse as Refreshed, WatchMessagesResponse as Told};
use proto::add_recipients_request::Recipient;
use proto::campaign_service_client::CampaignServiceClient;
use proto::messaging_service_client::MessagingServiceClient;
use proto::refresh_status_bulk_response::Event as Step;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::StatusExt as _;

/// How often a send whose answer did not come is made in all.
const ATTEMPTS: u32 = 5;

/// A refused call: decide by `reason`, never by the words.
#[derive(Debug, thiserror::Error)]
#[error("{code:?} {reason}: {} {violations:?}", status.message())]
pub struct Error {
    pub code: Code,
    /// A stable word, such as `VALIDATION_ERROR`.
    pub reason: String,
    /// More of it for machines.
    pub metadata: HashMap<String, String>,
    /// The fields that cannot be used, each with its fault.
    pub violations: Vec<(String, String)>,
    /// How long to wait, where that helps.
    pub retry_after: Option<Duration>,
    pub status: Status,
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().cloned();
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        Self {
            code: status.code(),
            reason: info.as_ref().map(|info| info.reason.clone()).unwrap_or_default(),
            metadata: info.map(|info| info.metadata).unwrap_or_default(),
            violations: violations.iter().map(|v| (v.field.clone(), v.description.clone())).collect(),
            retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
            status,
        }
    }
}

/// Shows who calls.
#[derive(Clone)]
pub struct Bearer(AsciiMetadataValue);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

pub type Shown = InterceptedService<Channel, Bearer>;

/// Calls the service. Cheap to clone.
#[derive(Clone)]
pub struct Client(pub Shown);

impl Client {
    /// A client of the service at this URL, such as `http://127.0.0.1:50051`; it connects with its first call, and again where it was cut.
    pub fn new(url: &str, token: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let bearer = Bearer(format!("Bearer {token}").parse()?);
        let channel = Endpoint::from_shared(url.to_owned())?.connect_lazy();
        Ok(Self(InterceptedService::new(channel, bearer)))
    }

    /// All methods about messages, as they are generated; the clients of the other services are made the same way.
    pub fn messages(&self) -> MessagingServiceClient<Shown> {
        MessagingServiceClient::new(self.0.clone())
    }

    /// Sends one message. Whoever repeats it with the same key gets the same message, and no second SMS: so it is repeated here where no
    /// answer came.
    pub async fn send(&self, key: &str, message: proto::SendSingleRequest) -> Result<proto::Message, Error> {
        if key.is_empty() {
            return Err(Status::invalid_argument("key is required: without it a repeat is a second SMS").into());
        }
        let request = proto::SendSingleRequest { idempotency_key: key.to_owned(), ..message };
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.messages().send_single(request.clone()).await {
                Err(status) if attempt < ATTEMPTS && is_cut(&status) => pause(attempt).await,
                answer => return Ok(answer?.into_inner().message.unwrap_or_default()),
            }
        }
    }

    /// The changes of messages, for ever, each with the token behind it: keep that with what you made of the change, to go on after a
    /// restart. The first has no change. A cut stream is begun again after the last one.
    pub fn watch(
        &self,
        request: proto::WatchMessagesRequest,
    ) -> impl Stream<Item = Result<Told, Error>> + Send + use<> {
        let (messages, token) = (self.messages(), request.resume_token.clone());
        let open = move |resume_token| {
            let (mut messages, request) = (messages.clone(), request.clone());
            async move { messages.watch_messages(proto::WatchMessagesRequest { resume_token, ..request }).await }
        };
        steps(open, token, |told: &Told| told.resume_token.clone(), |_| false)
    }

    /// Brings a campaign or a list of the provider's ids up to date: its results, then the summary.
    pub fn refresh(
        &self,
        request: proto::RefreshStatusBulkRequest,
    ) -> impl Stream<Item = Result<Refreshed, Error>> + Send + use<> {
        let (messages, token) = (self.messages(), request.resume_token.clone());
        let open = move |resume_token| {
            let (mut messages, request) = (messages.clone(), request.clone());
            async move { messages.refresh_status_bulk(proto::RefreshStatusBulkRequest { resume_token, ..request }).await }
        };
        let is_end = |told: &Refreshed| matches!(told.event, Some(Step::Summary(_)));
        steps(open, token, |told: &Refreshed| told.resume_token.clone(), is_end)
    }

    /// Adds recipients to a campaign; those that are there already are `duplicates`.
    pub async fn add_recipients(&self, id: i64, all: &[Recipient]) -> Result<proto::AddRecipientsResponse, Error> {
        let part = |part: &[Recipient]| proto::AddRecipientsRequest { campaign_id: id, recipients: part.to_vec() };
        let requests: Vec<_> = all.chunks(500).map(part).collect();
        let mut campaigns = CampaignServiceClient::new(self.0.clone());
        Ok(campaigns.add_recipients(futures::stream::iter(requests)).await?.into_inner())
    }
}

/// The steps of a stream that is begun again after the last one, wherever it is cut, until the last.
fn steps<T: Send + 'static, F: Future<Output = Result<Response<Streaming<T>>, Status>> + Send>(
    open: impl Fn(String) -> F + Send,
    mut token: String,
    token_of: fn(&T) -> String,
    is_end: fn(&T) -> bool,
) -> impl Stream<Item = Result<T, Error>> + Send {
    async_stream::try_stream! {
        let mut attempt = 0;
        loop {
            let mut cut = Status::unavailable("the stream ended");
            match open(token.clone()).await {
                Err(status) => cut = status,
                Ok(stream) => {
                    let mut stream = stream.into_inner();
                    while let Some(told) = stream.next().await {
                        let told = match told {
                            Ok(told) => told,
                            Err(status) => { cut = status; break }
                        };
                        (attempt, token) = (0, token_of(&told));
                        let last = is_end(&told);
                        yield told;
                        if last {
                            return;
                        }
                    }
                }
            }
            if !is_cut(&cut) && cut.code() != Code::ResourceExhausted {
                Err(cut)?;
            }
            attempt += 1;
            pause(attempt).await;
        }
    }
}

/// Whether no answer came, rather than a refusal: the server is away, or the connection broke.
fn is_cut(status: &Status) -> bool {
    let pushed_back = status.metadata().contains_key("grpc-retry-pushback-ms");
    !pushed_back && (status.code() == Code::Unavailable || std::error::Error::source(status).is_some())
}

async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(100 << attempt.min(6))).await;
}

/// The events of a post: `body` is its bytes as they came. Several secrets while one takes the place of another. Fails if none of them signed it,
/// or if it is older than five minutes.
pub fn verify_webhook(
    body: &[u8],
    headers: &http::HeaderMap,
    secrets: &[&str],
) -> Result<Vec<serde_json::Value>, Box<dyn std::error::Error>> {
    let signed = |secret: &&str| standardwebhooks::Webhook::new(secret).is_ok_and(|w| w.verify(body, headers).is_ok());
    secrets.iter().find(|secret| signed(secret)).ok_or("no secret has signed these bytes lately")?;
    let told: serde_json::Value = serde_json::from_slice(body)?;
    Ok(told.get("events").and_then(serde_json::Value::as_array).cloned().unwrap_or_else(|| vec![told]))
}
