//! Operators' commands: route accounts, and messages that were given up. The commands open the database themselves, and may
//! run beside a serving process.

use std::io::Write;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use crate::cli::Failure;
use crate::cli::admin::DatabaseArgs;
use crate::clock::Clock;
use crate::config;
use crate::config::Env;
use crate::domain::audit::Act;
use crate::domain::gate::{Gate, Holding, PROVIDER};
use crate::domain::ids::MessageId;
use crate::domain::message::Message;
use crate::domain::status::{Event, Refused};
use crate::proto::HistoryKind;
use crate::service::is_account;
use crate::store::{Job, Pick, Store};

#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// List what is known of route accounts, and of the provider as a whole (*): name, state, reason, until, rate, burst
    List {
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Limit an account's rate over all replicas, at once
    Limit {
        /// The account
        id: String,
        /// Segments a second; 0 for no limit
        #[arg(long, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
        rate: Option<u32>,
        /// Segments at once; the rate unless told
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        burst: Option<u32>,
        /// Go back to the configured default
        #[arg(long, conflicts_with_all = ["rate", "burst"])]
        default: bool,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Let sends pass again by an account that is blocked, or by the provider as a whole (*)
    Unblock {
        /// The account, or *
        id: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

impl Account {
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let now = Clock::system().now();
        match self {
            Self::List { database } => {
                for gate in database.store(env).await?.gates().await.map_err(Failure::other)? {
                    writeln!(out, "{}", line(&gate, now)).map_err(Failure::other)?;
                }
                Ok(())
            }
            Self::Limit { id, rate, burst, default, database } => {
                let id = account(&id)?;
                if rate.is_none() && !default {
                    return Err(config::Error::of("--rate", "is required, or --default").into());
                }
                let set = move |gate: &mut Gate, _: Timestamp| (gate.rate, gate.burst) = (rate, burst);
                let store = database.store(env).await?;
                let (gate, ()) = store.change_gate(&id, set).await.map_err(Failure::other)?;
                store.note_act(Act::AccountLimited, None, &line(&gate, now)).await.map_err(Failure::other)?;
                writeln!(out, "{}", line(&gate, now)).map_err(Failure::other)
            }
            Self::Unblock { id, database } => {
                let id = if id == PROVIDER { id } else { account(&id)? };
                let reset = |gate: &mut Gate, _: Timestamp| {
                    let was = gate.holding;
                    gate.reset();
                    was
                };
                let store = database.store(env).await?;
                let (gate, was) = store.change_gate(&id, reset).await.map_err(Failure::other)?;
                if was == Holding::Free {
                    return Err(Failure::Other(format!("{id} is not held; see messaging account list")));
                }
                store.note_act(Act::AccountUnblocked, None, &id).await.map_err(Failure::other)?;
                writeln!(out, "{}", line(&gate, now)).map_err(Failure::other)
            }
        }
    }
}

fn account(id: &str) -> Result<String, Failure> {
    let valid = is_account(id).then(|| id.to_owned());
    valid.ok_or_else(|| config::Error::of("<ID>", "must be a route account's id, a UUID").into())
}

fn line(gate: &Gate, now: Timestamp) -> String {
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let number = |value: Option<u32>| text(value.map(|n| n.to_string()));
    let held = gate.is_held(now);
    let holding = if held { gate.holding } else { Holding::Free };
    let until = gate.until.filter(|_| held).map(|at| at.to_string());
    let code = gate.code.clone().filter(|_| held);
    let (rate, burst) = (number(gate.rate), number(gate.burst));
    format!("{}\t{}\t{}\t{}\t{rate}\t{burst}", gate.name, holding.name(), text(code), text(until))
}

#[derive(Debug, Subcommand)]
pub(super) enum Dead {
    /// List messages that were given up: id, owner, attempts, reason, when; oldest first
    List {
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// Go on after this id
        #[arg(long)]
        after: Option<String>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Show one message's history, a JSON line for each thing that happened; never its number or its text
    Show {
        /// The message's id
        id: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Put a message that was given up, or whose state stays unknown, back into the queue
    Requeue(Requeue),
}

#[derive(Debug, Args)]
pub(super) struct Requeue {
    /// The message's id
    id: String,
    /// Also if an earlier try may have reached the recipient
    #[arg(long)]
    may_duplicate: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Dead {
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        match self {
            Self::List { limit, after, database } => {
                let after = after.as_deref().map(id).transpose()?;
                for m in database.store(env).await?.dead(after, limit).await.map_err(Failure::other)? {
                    let reason = m.state.error_code.as_deref().unwrap_or("-");
                    let at = m.state.failed_at.unwrap_or(m.state.updated_at);
                    let line = format!("{}\t{}\t{}\t{reason}\t{at}", m.id, m.owner, m.state.attempts);
                    writeln!(out, "{line}").map_err(Failure::other)?;
                }
                Ok(())
            }
            Self::Show { id: text, database } => {
                let store = database.store(env).await?;
                let message = found(&store, id(&text)?).await?;
                for entry in store.history(message.owner, message.id).await.map_err(Failure::other)? {
                    // What the provider answered or reported may quote what was sent.
                    let mut evidence = entry.evidence;
                    let _ = evidence.as_object_mut().map(|fields| (fields.remove("raw"), fields.remove("description")));
                    let kind = entry.kind.map_or(HistoryKind::Unspecified, Into::into).as_str_name();
                    let line = json!({"at": entry.at.to_string(), "kind": kind, "from": entry.from,
                        "to": entry.to, "attempt": entry.attempt, "evidence": evidence});
                    writeln!(out, "{line}").map_err(Failure::other)?;
                }
                Ok(())
            }
            Self::Requeue(requeue) => requeue.run(env, out).await,
        }
    }
}

impl Requeue {
    async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let store = self.database.store(env).await?;
        let message = found(&store, id(&self.id)?).await?;
        let job = Job { pick: Pick::Id(message.id), event: Event::Requeue { may_duplicate: self.may_duplicate } };
        let moved = store.apply(job).await.map_err(Failure::other)?;
        let why = match moved.into_iter().next().map(|moved| moved.result) {
            Some(Ok(_)) => {
                let (owner, id) = (Some(message.owner), message.id.to_string());
                store.note_act(Act::MessageRequeued, owner, &id).await.map_err(Failure::other)?;
                return writeln!(out, "queued").map_err(Failure::other);
            }
            Some(Err(Refused::MayDuplicate)) => {
                "an earlier try may have reached the recipient; --may-duplicate sends it all the same"
            }
            Some(Err(Refused::Erased)) => "its number and its text were erased; send it anew",
            Some(Err(Refused::Expired)) => "its validity has ended; send it anew",
            Some(Err(Refused::State | Refused::NotHolder | Refused::Known)) | None => {
                "it was not given up; see messaging dead show"
            }
        };
        Err(Failure::Other(format!("{} is not put back: {why}", self.id)))
    }
}

fn id(text: &str) -> Result<MessageId, Failure> {
    MessageId::parse(text).ok_or_else(|| config::Error::of("<ID>", "must be a message's id, a UUID").into())
}

async fn found(store: &Store, id: MessageId) -> Result<Message, Failure> {
    let found = store.message_of_anyone(id).await.map_err(Failure::other)?;
    found.ok_or_else(|| Failure::Other(format!("there is no message {id}")))
}
