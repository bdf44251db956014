//! Operators' commands: route accounts, messages that were given up, numbers that opted out. The commands open the
//! database themselves, and may run beside a serving process.

use std::io::{BufRead as _, BufReader, Read, Write};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;

use crate::cli::Failure;
use crate::cli::admin::{DatabaseArgs, existing};
use crate::clock::Clock;
use crate::config;
use crate::config::Env;
use crate::domain::audit::Act;
use crate::domain::gate::{Gate, Holding, PROVIDER};
use crate::domain::ids::{MessageId, OwnerId};
use crate::domain::message::Message;
use crate::domain::phone::Msisdn;
use crate::domain::status::{Event, Refused};
use crate::proto::HistoryKind;
use crate::service::is_account;
use crate::store::{Job, OptOutSource, Pick, Store};

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
    valid.ok_or_else(|| {
        config::Error::of("<ID>", "must be a route account's id: 1 to 64 letters, digits and dashes").into()
    })
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

#[derive(Debug, Subcommand)]
pub(super) enum OptOut {
    /// Put a number on a user's list: nothing more is sent to it for this user
    Add(Entry),
    /// Put the numbers of a file on a user's list, one on each line; `-` reads standard input. What is there already stays
    Import {
        /// The file
        file: std::path::PathBuf,
        /// Whose list
        #[arg(long)]
        user: i64,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Take a number off a user's list
    Remove(Entry),
    /// List the numbers on a user's list, with who put them there and when
    List {
        /// Whose list
        #[arg(long)]
        user: i64,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct Entry {
    /// The number
    number: String,
    /// Whose list
    #[arg(long)]
    user: i64,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// How many numbers are read at once.
const PAGE: i64 = 1000;

impl OptOut {
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let number = |text: &str| Msisdn::parse(text).map_err(|e| config::Error::of("<NUMBER>", e));
        match self {
            Self::Add(entry) => {
                let number = number(&entry.number)?;
                let store = entry.database.store(env).await?;
                existing(&store, entry.user).await?;
                let added = store.add_opt_out(OwnerId(entry.user), &number, OptOutSource::Owner).await;
                let said = if added.map_err(Failure::other)? { "added" } else { "it was there already" };
                writeln!(out, "{said}").map_err(Failure::other)
            }
            Self::Import { file, user, database } => {
                let store = database.store(env).await?;
                existing(&store, user).await?;
                import(&store, OwnerId(user), &file, out).await
            }
            Self::Remove(entry) => {
                let number = number(&entry.number)?;
                let removed = entry.database.store(env).await?.remove_opt_out(OwnerId(entry.user), &number).await;
                if removed.map_err(Failure::other)? {
                    writeln!(out, "removed").map_err(Failure::other)
                } else {
                    Err(Failure::Other("the number is not on the list".to_owned()))
                }
            }
            Self::List { user, database } => {
                let store = database.store(env).await?;
                let mut after = None;
                loop {
                    let page = store.opt_outs(OwnerId(user), after.as_ref(), PAGE).await.map_err(Failure::other)?;
                    for entry in &page {
                        let source = if entry.source == OptOutSource::Recipient { "recipient" } else { "owner" };
                        let line = format!("{}\t{source}\t{}", entry.destination.as_str(), entry.created_at);
                        writeln!(out, "{line}").map_err(Failure::other)?;
                    }
                    match page.into_iter().last() {
                        Some(last) => after = Some(last.destination),
                        None => return Ok(()),
                    }
                }
            }
        }
    }
}

/// Puts the numbers of a file on a list. A line that is no number is told by its place, and keeps no other from it.
async fn import(
    store: &Store,
    owner: OwnerId,
    file: &std::path::Path,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let unreadable = |e: std::io::Error| config::Error::of("<FILE>", format_args!("cannot be read: {e}"));
    let input: Box<dyn Read + Send> = if file == std::path::Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(unreadable)?)
    };
    let (mut added, mut there, mut wrong) = (0_usize, 0_usize, 0_usize);
    for (place, line) in BufReader::new(input).lines().enumerate() {
        let line = line.map_err(unreadable)?;
        // The list that `list` prints can be read again: its first column is the number.
        let text = line.split('\t').next().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        let Ok(number) = Msisdn::parse(text) else {
            wrong += 1;
            writeln!(out, "line {}: is no phone number", place + 1).map_err(Failure::other)?;
            continue;
        };
        let new = store.add_opt_out(owner, &number, OptOutSource::Owner).await.map_err(Failure::other)?;
        added += usize::from(new);
        there += usize::from(!new);
    }
    writeln!(out, "added: {added}; there already: {there}").map_err(Failure::other)?;
    if wrong == 0 { Ok(()) } else { Err(Failure::Other(format!("{wrong} lines are no phone number"))) }
}
