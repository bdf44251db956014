//! `messaging queue`: what waits to be sent, and taking it back: after a restore, for example, when it was sent since.

use std::io::Write;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::cli::Failure;
use crate::cli::admin::{DatabaseArgs, existing};
use crate::config::Env;
use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::domain::message::{Dispatch, Message};
use crate::domain::status::Event;
use crate::store::{Job, Pick, Store};

/// How many messages one transaction takes at most.
const PAGE: i64 = 500;

#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// List the messages that wait to be sent: id, owner, status, when they were accepted; no more than 10,000
    List(Which),
    /// Cancel the messages that wait to be sent. One that may be at the provider already becomes UNKNOWN, one that is being sent
    /// is left
    Cancel(Which),
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// Those accepted until then, for example 2026-01-31T12:00:00Z
    #[arg(long)]
    before: Timestamp,
    /// Only this user's
    #[arg(long)]
    user: Option<i64>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// How many messages are listed at most.
const LISTED: i64 = 10_000;

impl Queue {
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let (which, cancels) = match self {
            Self::List(which) => (which, false),
            Self::Cancel(which) => (which, true),
        };
        let store = which.database.store(env).await?;
        if let Some(user) = which.user {
            existing(&store, user).await?;
        }
        let owner = which.user.map(OwnerId);
        for dispatch in [Dispatch::Scheduled, Dispatch::Queued] {
            if !cancels {
                for message in waiting(&store, dispatch, owner, which.before, LISTED).await? {
                    let (id, owner, status) = (message.id, message.owner, message.status().name());
                    writeln!(out, "{id}\t{owner}\t{status}\t{}", message.created_at).map_err(Failure::other)?;
                }
            }
        }
        if cancels { cancel(&store, owner, which.before, out).await } else { Ok(()) }
    }
}

async fn waiting(
    store: &Store,
    dispatch: Dispatch,
    owner: Option<OwnerId>,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<Message>, Failure> {
    store.waiting(dispatch, owner, before, limit).await.map_err(Failure::other)
}

/// Cancels page after page, until nothing more can be.
async fn cancel(
    store: &Store,
    owner: Option<OwnerId>,
    before: Timestamp,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let (mut cancelled, mut unknown) = (0_usize, 0_usize);
    for dispatch in [Dispatch::Scheduled, Dispatch::Queued] {
        loop {
            let page = waiting(store, dispatch, owner, before, PAGE).await?;
            let job = |message: Message| Job { pick: Pick::Id(message.id), event: Event::Cancel };
            let moved = store.apply_all(page.into_iter().map(job).collect()).await.map_err(Failure::other)?;
            let mut done = moved.iter().flatten().filter(|moved| moved.result.is_ok()).peekable();
            // Those that are left are in somebody's hands now.
            if done.peek().is_none() {
                break;
            }
            for moved in done {
                let is_cancelled = moved.message.state.dispatch == Dispatch::Cancelled;
                cancelled += usize::from(is_cancelled);
                unknown += usize::from(!is_cancelled);
            }
        }
    }
    let subject = format!("accepted before {before}: {}", cancelled + unknown);
    store.note_act(Act::QueueCancelled, owner, &subject).await.map_err(Failure::other)?;
    writeln!(out, "cancelled: {cancelled}; may be at the provider, and are UNKNOWN now: {unknown}")
        .map_err(Failure::other)
}
