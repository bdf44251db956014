//! `messaging opt-out`: the numbers that do not want a user's messages, one by one and as files. The commands open the
//! database themselves, and may run beside a serving process.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::cli::Failure;
use crate::cli::admin::{DatabaseArgs, existing};
use crate::config::{self, Env};
use crate::domain::ids::OwnerId;
use crate::domain::phone::Msisdn;
use crate::store::{NewOptOut, OptOut as Listed, OptOutSource, Store};

#[derive(Debug, Subcommand)]
pub(super) enum OptOut {
    /// Put a number on a user's list: nothing more is sent to it for this user
    Add(Entry),
    /// Put the numbers of a file on a user's list, one on each line; `-` reads standard input. What is there already stays.
    /// Takes what `export` and `list` print, with who put a number there and when
    Import {
        /// The file
        file: PathBuf,
        /// Whose list
        #[arg(long)]
        user: i64,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Print a user's list as CSV, for `import`: number, who put it there, when. Erased numbers are left out and counted
    Export(Whose),
    /// Take a number off a user's list
    Remove(Entry),
    /// List the numbers on a user's list, with who put them there and when
    List(Whose),
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

#[derive(Debug, Args)]
pub(super) struct Whose {
    /// Whose list
    #[arg(long)]
    user: i64,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// How many numbers are read, or written, at once.
const PAGE: i64 = 1000;
const AT_ONCE: usize = 500;

/// The first line of an export.
const HEAD: &str = "number,source,created_at";

impl OptOut {
    pub(super) async fn run(
        self,
        env: Env,
        out: &mut (dyn Write + Send),
        err: &mut (dyn Write + Send),
    ) -> Result<(), Failure> {
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
            Self::Export(whose) => {
                let store = whose.database.store(env).await?;
                existing(&store, whose.user).await?;
                export(&store, OwnerId(whose.user), out, err).await
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
            Self::List(whose) => {
                let store = whose.database.store(env).await?;
                let mut after = None;
                while let Some(page) = page(&store, OwnerId(whose.user), &mut after).await? {
                    for entry in page {
                        let (number, source) = (entry.destination.as_str(), source(entry.source));
                        writeln!(out, "{number}\t{source}\t{}", entry.created_at).map_err(Failure::other)?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// The next numbers of a list; `None` after the last.
async fn page(store: &Store, owner: OwnerId, after: &mut Option<Msisdn>) -> Result<Option<Vec<Listed>>, Failure> {
    let page = store.opt_outs(owner, after.as_ref(), PAGE).await.map_err(Failure::other)?;
    *after = page.last().map(|last| last.destination.clone());
    Ok(Some(page).filter(|page| !page.is_empty()))
}

fn source(source: OptOutSource) -> &'static str {
    match source {
        OptOutSource::Owner => "owner",
        OptOutSource::Recipient => "recipient",
    }
}

async fn export(
    store: &Store,
    owner: OwnerId,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let (mut after, mut erased) = (None, 0_usize);
    writeln!(out, "{HEAD}").map_err(Failure::other)?;
    while let Some(page) = page(store, owner, &mut after).await? {
        for entry in page {
            // A pseudonym means something beside this database's key alone.
            if entry.destination.is_erased() {
                erased += 1;
                continue;
            }
            let (number, source) = (entry.destination.as_str(), source(entry.source));
            writeln!(out, "{number},{source},{}", entry.created_at).map_err(Failure::other)?;
        }
    }
    if erased > 0 {
        writeln!(err, "left out, because their numbers were erased: {erased}").map_err(Failure::other)?;
    }
    Ok(())
}

/// A line of a file: a number, and perhaps who put it on a list and when, as `list` and `export` print it.
fn entry(owner: OwnerId, line: &str) -> Option<NewOptOut> {
    let mut cells = line.split(['\t', ',', ';']).map(|cell| cell.trim().trim_matches('"'));
    let number = Msisdn::parse(cells.next()?).ok()?;
    let by_recipient = cells.next().is_some_and(|cell| cell.eq_ignore_ascii_case("recipient"));
    let source = if by_recipient { OptOutSource::Recipient } else { OptOutSource::Owner };
    Some(NewOptOut { owner, number, source, created_at: cells.next().and_then(|at| at.parse().ok()) })
}

/// Puts the numbers of a file on a list. A line that is no number is told by its place, and keeps no other from it.
async fn import(store: &Store, owner: OwnerId, file: &Path, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let unreadable = |e: std::io::Error| config::Error::of("<FILE>", format_args!("cannot be read: {e}"));
    let input: Box<dyn Read + Send> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(unreadable)?)
    };
    let (mut added, mut all, mut wrong) = (0_usize, 0_usize, 0_usize);
    let mut waiting = Vec::new();
    for (place, line) in BufReader::new(input).lines().enumerate() {
        let line = line.map_err(unreadable)?;
        let line = line.trim_start_matches('\u{feff}').trim();
        let is_head = place == 0 && line.split([',', '\t', ';']).next().is_some_and(|cell| cell == "number");
        if line.is_empty() || is_head {
            continue;
        }
        let Some(entry) = entry(owner, line) else {
            wrong += 1;
            writeln!(out, "line {}: is no phone number", place + 1).map_err(Failure::other)?;
            continue;
        };
        all += 1;
        waiting.push(entry);
        if waiting.len() >= AT_ONCE {
            added += store.add_opt_outs(std::mem::take(&mut waiting)).await.map_err(Failure::other)?;
        }
    }
    added += store.add_opt_outs(waiting).await.map_err(Failure::other)?;
    writeln!(out, "added: {added}; there already: {}", all - added).map_err(Failure::other)?;
    if wrong == 0 { Ok(()) } else { Err(Failure::Other(format!("{wrong} lines are no phone number"))) }
}
