//! Operators' commands on what the provider posted: `messaging replay-reports` reads all that was said of all messages
//! again, and tells or mends how the records differ; `messaging inbound` shows the recipients' messages to look at.

use std::io::Write;

use clap::{Args, Subcommand};
use sha2::{Digest as _, Sha256};

use crate::cli::Failure;
use crate::cli::admin::DatabaseArgs;
use crate::config::{self, Env};
use crate::store::{Standing, Store};

/// How many messages are read at once.
const PAGE: i64 = 500;

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Mend the records that lack something; without it they are only counted
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// How all messages stand.
#[derive(Default)]
struct Sum {
    messages: u64,
    statements: u64,
    differing: u64,
    digest: Sha256,
}

impl Sum {
    fn add(&mut self, page: &Standing) {
        self.messages += page.messages;
        self.statements += page.statements;
        self.differing += page.differing;
        self.digest.update(page.digest);
    }

    fn print(self, out: &mut (dyn Write + Send)) -> Result<String, Failure> {
        let digest = self.digest.finalize().iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"));
        let (messages, statements, differing) = (self.messages, self.statements, self.differing);
        writeln!(out, "{messages} messages, {statements} statements, {differing} differ").map_err(Failure::other)?;
        Ok(digest)
    }
}

impl Replay {
    /// Counts first, in any case; then mends, and counts again.
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let store = self.database.store(env).await?;
        let should_be = replay(&store, false).await?.print(out)?;
        if !self.apply {
            return writeln!(out, "digest {should_be}").map_err(Failure::other);
        }
        replay(&store, true).await?;
        let is = replay(&store, false).await?;
        let differing = is.differing;
        let digest = is.print(out)?;
        writeln!(out, "digest {digest}").map_err(Failure::other)?;
        if differing > 0 {
            return Err(Failure::Other("messages were reported on meanwhile; run it once more".to_owned()));
        }
        Ok(())
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Inbound {
    /// List those that may mean that no more messages are wanted: id, when, owner, number, text; oldest first
    Review {
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Take one off the list, once somebody has acted on it
    Done {
        /// The message's id
        id: uuid::Uuid,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

impl Inbound {
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        match self {
            Self::Review { limit, database } => {
                let all = database.store(env).await?.inbound_to_review(limit).await.map_err(Failure::other)?;
                for one in all {
                    let owner = one.owner.map_or_else(|| "-".to_owned(), |owner| owner.to_string());
                    let (from, text) = one.message.map(|m| (m.from, m.text)).unwrap_or_default();
                    let plain = |text: &str| text.replace(char::is_control, " ");
                    let line = format!("{}\t{}\t{owner}\t{}\t{}", one.id, one.received_at, plain(&from), plain(&text));
                    writeln!(out, "{line}").map_err(Failure::other)?;
                }
                Ok(())
            }
            Self::Done { id, database } => {
                if database.store(env).await?.reviewed_inbound(id).await.map_err(Failure::other)? {
                    writeln!(out, "done").map_err(Failure::other)
                } else {
                    Err(config::Error::of("<ID>", "names no message that is to be looked at").into())
                }
            }
        }
    }
}

/// Goes through all messages, and mends them if wanted.
async fn replay(store: &Store, mend: bool) -> Result<Sum, Failure> {
    let (mut sum, mut after) = (Sum::default(), None);
    while let Some(page) = store.replay(after, PAGE).await.map_err(Failure::other)? {
        sum.add(&page);
        after = Some(page.last);
        if mend && !page.lacking.is_empty() {
            store.apply_all(page.lacking).await.map_err(Failure::other)?;
        }
    }
    Ok(sum)
}
