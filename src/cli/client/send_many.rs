//! `send-many`: the messages of a file over one stream; where it is cut, those of which nothing was told are given again.

mod lines;
mod told;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::connection::{Connection, Messages};
use super::failure::Failure;
use super::refresh::was_cut;
use super::{Console, Exit};
use crate::proto::{SendManyRequest, SendManyResponse};
use lines::Lines;
use told::Tally;

/// How many messages may be given of which nothing was told yet: more than the service has in hand.
const UNTOLD: usize = 1024;

/// Send the messages of a file over one stream. Ends with exit status 1 if one of them was not sent.
///
/// Each line is a message in JSON, as `POST /api/v1/messages` takes it, with an `idempotencyKey` of its own: run again with the same file, the
/// command sends nothing twice.
#[derive(clap::Args)]
pub struct SendMany {
    #[command(flatten)]
    connection: Connection,
    /// The file, one message in JSON a line; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Give each line without an idempotencyKey the key PREFIX-LINE
    #[arg(long, value_name = "PREFIX")]
    keys: Option<String>,
}

impl SendMany {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut client = self.connection.open(console.env).await?.messages();
        let opened;
        let input: &mut dyn Read = if self.file == Path::new("-") {
            &mut *console.input
        } else {
            opened = std::fs::File::open(&self.file);
            &mut opened.map_err(|e| Failure::Usage(format!("cannot read {}: {e}", self.file.display())))?
        };
        let mut lines = Lines::of(BufReader::new(input), self.keys);
        let mut tally = Tally::new(self.connection.json, console.progress);
        let mut given = BTreeMap::new();
        let mut attempt = 0;
        loop {
            let before = tally.told();
            let ended = stream(&mut client, &mut lines, &mut given, &mut tally, console.out, console.err).await?;
            let Some(cut) = ended else { return tally.finish(console.out) };
            attempt = if tally.told() > before { 1 } else { attempt + 1 };
            if !was_cut(&cut) {
                return Err(cut.into());
            }
            match console.patience.before(attempt, Some(&cut), rand::random()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(cut.into()),
            }
        }
    }
}

/// Gives what was not told and then the rest of the lines, until all is told. Returns why the stream ended before.
async fn stream<R: BufRead>(
    client: &mut Messages,
    lines: &mut Lines<R>,
    given: &mut BTreeMap<i64, SendManyRequest>,
    tally: &mut Tally,
    out: &mut dyn std::io::Write,
    err: &mut dyn std::io::Write,
) -> Result<Option<Status>, Failure> {
    let (requests, taken) = mpsc::channel(1);
    let mut told: Streaming<SendManyResponse> = match client.send_many(ReceiverStream::new(taken)).await {
        Ok(told) => told.into_inner(),
        Err(cut) => return Ok(Some(cut)),
    };
    let mut again: Vec<SendManyRequest> = given.values().rev().cloned().collect();
    let (mut next, mut requests) = (None, Some(requests));
    loop {
        if next.is_none() && requests.is_some() && (!again.is_empty() || given.len() < UNTOLD) {
            next = match again.pop() {
                Some(request) => Some(request),
                None => lines.next(tally, err)?,
            };
            match &next {
                Some(request) => drop(given.insert(request.sequence, request.clone())),
                // The last one is given.
                None => requests = None,
            }
        }
        let ready = requests.clone().filter(|_| next.is_some());
        tokio::select! {
            room = reserve(ready) => if let Ok(room) = room {
                next.take().map(|request| room.send(request));
            } else {
                // The stream has ended; it says why.
                (requests, next) = (None, None);
            },
            one = told.message() => match one {
                Ok(Some(one)) => {
                    given.remove(&one.sequence);
                    tally.tell(&one, out)?;
                }
                Ok(None) if given.is_empty() && lines.ended() => return Ok(None),
                Ok(None) => return Ok(Some(Status::unavailable("the stream ended before all was told"))),
                Err(cut) => return Ok(Some(cut)),
            },
        }
    }
}

/// Waits for room for a request, for ever if there is none to give.
async fn reserve(
    requests: Option<mpsc::Sender<SendManyRequest>>,
) -> Result<mpsc::OwnedPermit<SendManyRequest>, mpsc::error::SendError<()>> {
    match requests {
        Some(requests) => requests.reserve_owned().await,
        None => std::future::pending().await,
    }
}
