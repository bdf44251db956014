//! `messaging queue`: what waits to be sent, and taking it back: after a restore, for example, when it was sent since.

use pbjson_types::Timestamp;

use super::exactly;
use super::place::Place;
use crate::cli::client::failure::Failure;
use crate::cli::client::output::status;
use crate::cli::client::pages::Pages;
use crate::cli::client::send::moment;
use crate::cli::client::text::plain;
use crate::cli::client::{Console, Exit, output};
use crate::proto::{CancelWaitingMessagesRequest, GetQueueRequest, ListWaitingMessagesRequest, OperatedMessage};

/// How many messages are listed at most.
const LISTED: u32 = 10_000;

/// Commands on what waits.
#[derive(clap::Subcommand)]
pub enum Queue {
    /// Tell how many messages wait, by lane with the time since when the oldest has been due, and by what they wait for
    Depth(Place),
    /// List the messages that wait to be sent: id, owner, status, when they were accepted; no more than 10,000
    List(Which),
    /// Cancel the messages that wait to be sent. One that may be at the provider already becomes UNKNOWN, one that is being sent
    /// is left
    Cancel {
        #[command(flatten)]
        which: Which,
        /// Cancels them if no more than so many wait; without it their number is said, and nothing done
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
        at_most: Option<i64>,
        /// Only say how many wait
        #[arg(long, conflicts_with = "at_most")]
        dry_run: bool,
    },
}

/// Which of the messages that wait.
#[derive(clap::Args)]
pub struct Which {
    /// Those accepted until then, for example 2026-01-31T12:00:00Z
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    before: Timestamp,
    /// Only this user's
    #[arg(long, value_name = "ID")]
    user: Option<i64>,
    #[command(flatten)]
    place: Place,
}

impl Queue {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Depth(place) => depth(place, console).await,
            Self::List(which) => list(which, console).await,
            Self::Cancel { which, at_most, dry_run } => cancel(which, at_most, dry_run, console).await,
        }
    }
}

async fn depth(place: Place, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let queue = place.open(console).await?.get_queue(GetQueueRequest {}).await?.into_inner();
    if place.json() {
        output::json(console.out, &queue)?;
        return Ok(Exit::Success);
    }
    for (lane, of) in [("single", queue.single), ("campaign", queue.campaign)] {
        let of = of.unwrap_or_default();
        writeln!(console.out, "{lane}\t{}\t{}", of.waiting, exactly(of.oldest_due_at.as_ref()))?;
    }
    let others = [
        ("scheduled", queue.scheduled),
        ("claimed", queue.claimed),
        ("sending", queue.sending),
        ("unknown", queue.unknown),
        ("dead", queue.dead),
    ];
    for (what, n) in others {
        writeln!(console.out, "{what}\t{n}\t-")?;
    }
    Ok(Exit::Success)
}

async fn list(which: Which, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut admin = which.place.open(console).await?;
    let (accepted_until, owner_id) = (Some(which.before), which.user);
    let ask = async |page_size, page_token| {
        let request = ListWaitingMessagesRequest { page_size, page_token, accepted_until, owner_id };
        let page = admin.list_waiting_messages(request).await?.into_inner();
        Ok((page.messages, page.next_page_token))
    };
    let line = |console: &mut Console<'_>, message: &OperatedMessage| {
        let (id, owner, status) = (plain(&message.id), message.owner_id, status(message.status()));
        Ok(writeln!(console.out, "{id}\t{owner}\t{status}\t{}", exactly(message.created_at.as_ref()))?)
    };
    Pages { limit: Some(LISTED), json: which.place.json() }.show(console, ask, line).await
}

/// Cancels as many as the caller was told of at most.
async fn cancel(which: Which, at_most: Option<i64>, dry_run: bool, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut admin = which.place.open(console).await?;
    let (accepted_until, owner_id) = (Some(which.before), which.user);
    let request = CancelWaitingMessagesRequest { accepted_until, owner_id, dry_run, at_most };
    if at_most.is_none() {
        let counted = CancelWaitingMessagesRequest { dry_run: true, ..request };
        let count = admin.cancel_waiting_messages(counted).await?.into_inner();
        which.place.print(console, &count, |count| Ok(format!("{} messages wait", count.count)))?;
        if !dry_run {
            writeln!(console.err, "nothing was cancelled; if these are to be: --at-most {}", count.count)?;
        }
        return Ok(Exit::Success);
    }
    let answer = admin.cancel_waiting_messages(request).await?.into_inner();
    which.place.print(console, &answer, |done| {
        let (cancelled, unknown) = (done.cancelled, done.unknown);
        Ok(format!("cancelled: {cancelled}; may be at the provider, and are UNKNOWN now: {unknown}"))
    })?;
    Ok(Exit::Success)
}
