//! `/api/v1/campaigns/{campaign_id}/recipients`: recipients as JSON, or as CSV, which is stored while it comes: as the body, or as
//! the first file of a form.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::routing::post;
use futures::{Stream, TryStreamExt as _};
use multer::Multipart;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::io::StreamReader;

use crate::admission::Quota;
use crate::auth::Caller;
use crate::contract::campaigns::Recipients;
use crate::csv::{Records, Variables};
use crate::http::endpoint::{About, Endpoint};
use crate::http::entry::{self, HttpApi, Named};
use crate::http::openapi::operations;
use crate::http::problem::Problem;
use crate::http::transcode::{Answer, from_json};
use crate::proto::{AddRecipientsRequest, AddRecipientsResponse};

/// The media type of a form with files.
pub(super) const FORM: &str = "multipart/form-data";
/// The longest CSV, in bytes: a million recipients and more.
const MAX_CSV: usize = 64 << 20;
/// How many recipients of a CSV are handed on at once.
pub(super) const BATCH: usize = 500;
/// The route.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let about = About::Operation(operations::recipients);
    vec![Endpoint::new(Method::POST, "/api/v1/campaigns/{campaign_id}/recipients", about, post(add))]
}

async fn add(
    State(api): State<HttpApi>,
    Named(id): Named,
    request: Request,
) -> Result<Answer<AddRecipientsResponse>, Problem> {
    let (head, body) = request.into_parts();
    let (caller, call) = entry::admitted(&head)?;
    call.permit.take(api.service.admission(), Quota::Uploads, caller.share())?;
    let campaign =
        id.parse().map_err(|_| Problem::invalid("campaign_id", "must be a whole number of at most 64 bits"))?;
    let kind = entry::media_type(&head.headers);
    if kind == "text/csv" || kind == FORM {
        let boundary = (kind == FORM).then(|| boundary(&head.headers)).transpose()?;
        return csv(&api, &caller, campaign, body, boundary).await.map(Answer);
    }
    let json = match entry::json(api.service.admission(), (&caller, &call), &head.headers, body).await {
        Err(Problem::MediaType(_)) => Err(Problem::MediaType("application/json, text/csv or multipart/form-data")),
        json => json,
    };
    let mut request: AddRecipientsRequest = match json? {
        Some(Value::Array(list)) => from_json(&json!({"recipients": list}))?,
        Some(object @ Value::Object(_)) => from_json(&object)?,
        _ => return Err(Problem::invalid("body", "must be a list of recipients, or an object with one")),
    };
    request.campaign_id = campaign;
    let mut recipients = Recipients::new(&api.service, &caller);
    recipients.take(request).await?;
    Ok(Answer(recipients.finish().await?))
}

/// Reads the CSV as it comes: no thread waits for whoever sends it, and what was read is stored before more is.
pub(super) async fn csv(
    api: &HttpApi,
    caller: &Caller,
    campaign_id: i64,
    body: Body,
    boundary: Option<String>,
) -> Result<AddRecipientsResponse, Problem> {
    let mut recipients = Recipients::new(&api.service, caller);
    // What is wrong with the campaign is told before the body is read.
    recipients.take(AddRecipientsRequest { campaign_id, recipients: Vec::new() }).await?;
    let wanted = Variables::Named(recipients.names());
    // The reader knows I/O errors alone; what was wrong with the body is kept beside it.
    let (broken, mut why) = mpsc::channel::<Problem>(1);
    let chunks = entry::chunks(body, MAX_CSV).map_err(move |problem| {
        let _ = broken.try_send(problem);
        std::io::Error::other("the body broke off")
    });
    let chunks: BodyChunks = match boundary {
        Some(boundary) => Box::pin(file(chunks, boundary)),
        None => Box::pin(chunks),
    };
    let mut records = Records::open(StreamReader::new(chunks), &wanted).await;
    loop {
        let batch = match &mut records {
            Ok(records) => records.next(BATCH).await,
            Err(e) => Err(std::mem::take(e)),
        };
        let batch = match batch {
            Ok(batch) => batch,
            Err(e) => {
                // What came before it was added, as the words say.
                recipients.finish().await?;
                return Err(why.try_recv().unwrap_or_else(|_| Problem::invalid("body", e)));
            }
        };
        if batch.is_empty() {
            return Ok(recipients.finish().await?);
        }
        recipients.take(AddRecipientsRequest { campaign_id, recipients: batch }).await?;
    }
}

type BodyChunks = std::pin::Pin<Box<dyn futures::Stream<Item = std::io::Result<Bytes>> + Send>>;

/// The boundary of a form's parts.
pub(super) fn boundary(headers: &HeaderMap) -> Result<String, Problem> {
    let named = headers.get(CONTENT_TYPE).and_then(|kind| multer::parse_boundary(kind.to_str().ok()?).ok());
    named.ok_or_else(|| Problem::invalid("Content-Type", "names no boundary between the parts of the form"))
}

/// How much of a form may come before a file begins in it, and between two pieces of that.
const BESIDE_THE_FILE: usize = 1 << 20;

/// A form's bytes at the pace of its reader, who would else keep all that has come, and look through it again and again for the end of
/// a part's head. `unread` is how many have come since it found something.
fn paced(
    form: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    unread: Arc<AtomicUsize>,
) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    async_stream::try_stream! {
        let mut form = std::pin::pin!(form);
        while let Some(chunk) = form.try_next().await? {
            if unread.fetch_add(chunk.len(), Ordering::Relaxed) > BESIDE_THE_FILE {
                Err(std::io::Error::new(ErrorKind::InvalidData, "is a form with too much beside its file"))?;
            }
            yield chunk;
            tokio::task::yield_now().await;
        }
    }
}

/// The first file of a form, as it comes.
fn file(
    form: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    boundary: String,
) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    let no_form = |_: multer::Error| std::io::Error::new(ErrorKind::InvalidData, "is not a form with a file");
    let unread = Arc::<AtomicUsize>::default();
    async_stream::try_stream! {
        let mut form = Multipart::new(paced(form, unread.clone()), boundary);
        loop {
            let part = form.next_field().await.map_err(no_form)?;
            let Some(mut part) = part else { Err(std::io::Error::new(ErrorKind::InvalidData, "is a form without a file"))? };
            if part.file_name().is_none() {
                continue;
            }
            while let Some(chunk) = part.chunk().await.map_err(no_form)? {
                unread.store(0, Ordering::Relaxed);
                yield chunk;
            }
            break;
        }
        // To its end, which a form that broke off does not have.
        while form.next_field().await.map_err(no_form)?.is_some() {}
    }
}
