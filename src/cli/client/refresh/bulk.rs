//! A bulk refresh: reads the stream to its summary, and goes on by itself where the stream is cut.

use tonic::{Status, Streaming};

use super::super::connection::Messages;
use super::super::failure::Failure;
use super::super::output;
use super::super::text::plain;
use super::super::{Console, Exit};
use super::patience::was_cut;
use super::progress::Progress;
use crate::proto::refresh_status_bulk_response::{Event, Summary};
use crate::proto::{RefreshOutcome, RefreshStatusBulkRequest, RefreshStatusBulkResponse};

/// Runs it to its summary, or until it is interrupted. Where it ended before, the token of the last event goes to standard error.
pub(super) async fn run(
    client: Messages,
    mut request: RefreshStatusBulkRequest,
    json: bool,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let given = request.resume_token.clone();
    let done = tokio::select! {
        done = to_summary(client, &mut request, json, console) => Some(done),
        _ = tokio::signal::ctrl_c() => None,
    };
    if !matches!(done, Some(Ok(_))) && request.resume_token != given {
        let _ = writeln!(console.err, "to go on: --resume-token {}", request.resume_token);
    }
    // An interrupted one is not done.
    done.unwrap_or(Ok(Exit::Failed))
}

/// Goes on by itself where the stream is cut. The request keeps the last token.
async fn to_summary(
    mut client: Messages,
    request: &mut RefreshStatusBulkRequest,
    json: bool,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let mut progress = Progress::new(console.progress);
    let mut attempt = 0;
    loop {
        let cut = match client.refresh_status_bulk(request.clone()).await {
            Ok(stream) => {
                let before = request.resume_token.clone();
                let end = read(stream.into_inner(), &mut request.resume_token, json, &mut progress, console).await?;
                if request.resume_token != before {
                    attempt = 0;
                }
                match end {
                    End::Summary(summary) => {
                        // The bar goes before the summary comes.
                        drop(progress);
                        return finish(&summary, json, console);
                    }
                    End::Cut(cut) => cut,
                }
            }
            Err(status) => Some(status),
        };
        attempt += 1;
        if let Some(refusal) = cut.as_ref().filter(|status| !was_cut(status)) {
            return Err(refusal.clone().into());
        }
        match console.patience.before(attempt, cut.as_ref(), rand::random()) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(given_up(cut)),
        }
    }
}

/// How one stream ended.
enum End {
    /// As it should.
    Summary(Summary),
    /// Before its summary, with a status or without a word.
    Cut(Option<Status>),
}

/// Reads one stream and keeps the token of the last event.
async fn read(
    mut stream: Streaming<RefreshStatusBulkResponse>,
    token: &mut String,
    json: bool,
    progress: &mut Progress,
    console: &mut Console<'_>,
) -> Result<End, Failure> {
    loop {
        let event = match stream.message().await {
            Ok(Some(event)) => event,
            Ok(None) => return Ok(End::Cut(None)),
            Err(status) => return Ok(End::Cut(Some(status))),
        };
        token.clone_from(&event.resume_token);
        if json {
            progress.around(|| output::json(console.out, &event))?;
        }
        match &event.event {
            Some(Event::Result(result)) => {
                progress.see(&event, result.outcome());
                if result.outcome() == RefreshOutcome::Failed && !json {
                    progress.around(|| {
                        let (id, why) = (plain(&result.provider_message_id), plain(&result.error));
                        Ok(writeln!(console.out, "failed  {id}  {why}")?)
                    })?;
                }
            }
            Some(Event::Summary(summary)) => return Ok(End::Summary(*summary)),
            // A kind of event that this client does not know yet.
            None => {}
        }
    }
}

/// Tells the summary, which counts what was done before a cut, too.
fn finish(summary: &Summary, json: bool, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let Summary { total, updated, unchanged, failed } = summary;
    if !json {
        writeln!(console.out, "{total} in all: {updated} updated, {unchanged} unchanged, {failed} failed")?;
    }
    Ok(if *failed > 0 { Exit::Failed } else { Exit::Success })
}

fn given_up(cut: Option<Status>) -> Failure {
    cut.map_or_else(|| Failure::Answer("the stream ends again and again without a summary".to_owned()), Into::into)
}
