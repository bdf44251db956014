//! A stream that is followed until it is interrupted: what cuts it is waited out, and it goes on after what was read last.

use std::io::Write;

use tonic::{Code, Response, Status, Streaming};

use super::failure::Failure;
use super::refresh::was_cut;
use super::{Console, Exit};

/// One answer of a stream that has no end of its own.
pub(super) trait Told {
    /// Where to go on after it.
    fn token(&self) -> &str;
    /// Prints it, unless it is a heartbeat.
    fn show(&self, out: &mut dyn Write) -> Result<(), Failure>;
    /// Prints it as JSON.
    fn json(&self, out: &mut dyn Write) -> Result<(), Failure>;
}

/// Follows what `open` opens after a token, from `token` on, until Ctrl-C. At the end the last token goes to standard error.
pub(super) async fn follow<T: Told>(
    console: &mut Console<'_>,
    json: bool,
    mut token: String,
    open: impl AsyncFnMut(String) -> Result<Response<Streaming<T>>, Status>,
) -> Result<Exit, Failure> {
    let given = token.clone();
    let followed = tokio::select! {
        ended = for_ever(console, json, &mut token, open) => ended,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Success),
    };
    if token != given {
        let _ = writeln!(console.err, "to go on: --resume-token {token}");
    }
    followed
}

/// Goes on by itself where the stream is cut.
async fn for_ever<T: Told>(
    console: &mut Console<'_>,
    json: bool,
    token: &mut String,
    mut open: impl AsyncFnMut(String) -> Result<Response<Streaming<T>>, Status>,
) -> Result<Exit, Failure> {
    let mut attempt = 0;
    loop {
        let cut = match open(token.clone()).await {
            Ok(stream) => read(stream.into_inner(), token, &mut attempt, json, &mut *console.out).await?,
            Err(status) => status,
        };
        attempt += 1;
        if !is_worth_another_try(&cut) {
            return Err(cut.into());
        }
        match console.patience.before(attempt, Some(&cut), rand::random()) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(cut.into()),
        }
    }
}

/// Reads one stream to its end, and returns what cut it.
async fn read<T: Told>(
    mut stream: Streaming<T>,
    token: &mut String,
    attempt: &mut u32,
    json: bool,
    out: &mut dyn Write,
) -> Result<Status, Failure> {
    loop {
        let told = match stream.message().await {
            Ok(Some(told)) => told,
            Ok(None) => return Ok(Status::unavailable("the stream ended without a word")),
            Err(status) => return Ok(status),
        };
        *attempt = 0;
        if json {
            told.json(out)?;
        } else {
            told.show(out)?;
        }
        // After it was told: an end in between tells something again and never leaves it out.
        told.token().clone_into(token);
    }
}

/// Whether the stream was cut, or ended because it was not read fast enough, rather than refused.
fn is_worth_another_try(status: &Status) -> bool {
    was_cut(status) || matches!(status.code(), Code::Aborted | Code::ResourceExhausted)
}
