//! The spool: a file of each process that keeps, on the disk, what the process alone knows of messages while the database is
//! away. Whoever starts beside it tells the database what a process that is no more has left.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::ids::{MessageId, ProviderMessageId};
use crate::domain::message::Lease;
use crate::domain::outcome::{Acceptance, Outcome, Quote, Reason};
use crate::domain::status::Event;

/// One thing that is known of a message. Never a number or a text: not what the provider said, but what it comes to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    message: Uuid,
    by: Option<Uuid>,
    epoch: Option<i32>,
    what: What,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Accepted { provider_message_id: String, bulk_id: Option<String> },
    Rejected,
    ServerFailed,
    NotSent,
    Withdrawn,
}

impl Entry {
    /// The entry for an event that nobody but its message's holder knows of; `None` for other events.
    #[must_use]
    pub fn of(id: MessageId, event: &Event) -> Option<Self> {
        let (lease, what) = match event {
            Event::Settle { lease, outcome, .. } => (Some(*lease), What::of(outcome)?),
            Event::Release { lease } => (Some(*lease), What::NotSent),
            Event::Withdraw { lease } => (*lease, What::Withdrawn),
            _ => return None,
        };
        Some(Self { message: id.0, by: lease.map(|l| l.by), epoch: lease.map(|l| l.epoch), what })
    }

    fn event(self) -> Option<(MessageId, Event)> {
        let lease = self.by.zip(self.epoch).map(|(by, epoch)| Lease { by, epoch });
        let reason = |code, words: &str| Reason { code, description: Quote(words.to_owned()) };
        let settled = |outcome| Some(Event::Settle { lease: lease?, outcome, random: 0.5 });
        let event = match self.what {
            What::Accepted { provider_message_id, bulk_id } => {
                let provider_message_id = ProviderMessageId::from_provider(&provider_message_id)?;
                settled(Outcome::Accepted(Acceptance { provider_message_id, bulk_id, raw: Value::Null }))
            }
            What::Rejected => {
                settled(Outcome::Rejected(reason("PROVIDER_REJECTED", "The provider refused the message.")))
            }
            What::ServerFailed => settled(Outcome::ServerFailed(reason("PROVIDER_ERROR", "The provider failed."))),
            What::NotSent => lease.map(|lease| Event::Release { lease }),
            What::Withdrawn => Some(Event::Withdraw { lease }),
        };
        Some((MessageId(self.message), event?))
    }
}

impl What {
    fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Accepted(acceptance) => Some(Self::Accepted {
                provider_message_id: acceptance.provider_message_id.to_string(),
                bulk_id: acceptance.bulk_id.clone(),
            }),
            Outcome::Rejected(_) => Some(Self::Rejected),
            Outcome::ServerFailed(_) => Some(Self::ServerFailed),
            Outcome::NotSent(_) => Some(Self::NotSent),
            // Whoever finds the lease ended says the same.
            Outcome::Ambiguous(_) => None,
        }
    }
}

/// The spool of this process. Clones are the same.
#[derive(Debug, Clone)]
pub struct Spool {
    directory: Arc<Path>,
    own: Arc<Mutex<Own>>,
}

#[derive(Debug)]
struct Own {
    path: PathBuf,
    file: Option<File>,
    /// How many groups of entries the database does not have yet.
    waiting: usize,
}

/// Entries in the spool, which are needed until it is said that they are told: dropped, as at the end of the process, they
/// stay.
#[derive(Debug)]
#[must_use]
pub struct Kept(Arc<Mutex<Own>>);

impl Kept {
    /// The database has them.
    pub(crate) fn told(self) {
        let mut own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        own.waiting -= 1;
        if own.waiting == 0 {
            // What stays because this fails is told again by the next process, and changes nothing.
            own.file = None;
            let _ = std::fs::remove_file(&own.path);
        }
    }
}

impl Spool {
    /// The spool in this folder, which is made if there is none.
    ///
    /// # Errors
    /// If the folder cannot be made or written to.
    pub fn open(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join(format!("{}.jsonl", Uuid::new_v4()));
        // To fail now and not when it is needed.
        drop(new_file(&path)?);
        std::fs::remove_file(&path)?;
        let own = Arc::new(Mutex::new(Own { path, file: None, waiting: 0 }));
        Ok(Self { directory: directory.into(), own })
    }

    /// Puts entries on the disk.
    pub(crate) async fn keep(&self, entries: Vec<Entry>) -> io::Result<Kept> {
        let own = self.own.clone();
        let write = move || {
            // A group before these may have stopped in the middle of a line, which its reader leaves out: not with one of these.
            let mut lines = vec![b'\n'];
            for entry in &entries {
                serde_json::to_writer(&mut lines, entry)?;
                lines.push(b'\n');
            }
            let mut locked = own.lock().unwrap_or_else(PoisonError::into_inner);
            locked.write(&lines)?;
            locked.waiting += 1;
            drop(locked);
            Ok(Kept(own))
        };
        tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?
    }

    /// The files of processes that are no more. Each is locked for as long as its value lives.
    #[must_use]
    pub fn leftovers(&self) -> Vec<Leftover> {
        let Ok(files) = std::fs::read_dir(&self.directory) else { return Vec::new() };
        let paths = files.filter_map(|entry| Some(entry.ok()?.path()));
        let spools = paths.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        spools.filter_map(Leftover::open).collect()
    }
}

impl Own {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(new_file(&self.path)?);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(lines)?;
        file.sync_data()
    }
}

/// A file of ours alone: what is in it belongs to the owners of messages.
fn new_file(path: &Path) -> io::Result<File> {
    // It is empty nearly always, and whoever tidies up may have taken it.
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    loop {
        let file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)?;
        file.lock()?;
        // A process that began just then may have found it empty and without a lock, and removed it.
        if file.metadata()?.nlink() == 0 {
            continue;
        }
        // The name has to be on the disk, too.
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())?;
        return Ok(file);
    }
}

/// The entries that a process that is no more has left.
#[derive(Debug)]
pub struct Leftover {
    path: PathBuf,
    /// Holds the lock.
    file: File,
}

impl Leftover {
    fn open(path: PathBuf) -> Option<Self> {
        let file = OpenOptions::new().read(true).append(true).open(&path).ok()?;
        match file.try_lock() {
            Ok(()) => Some(Self { path, file }),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
        }
    }

    /// The messages and what happened to them. A line that a kill or a full disk has cut, within a character too, is left out, and no
    /// other with it.
    pub fn entries(&self) -> impl Iterator<Item = (MessageId, Event)> {
        let mut file = &self.file;
        let _ = file.rewind();
        let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
        lines.filter_map(|line| serde_json::from_slice::<Entry>(&line).ok()?.event())
    }

    /// Removes the file: the database has what was in it.
    pub fn forget(self) {
        if let Err(cause) = std::fs::remove_file(&self.path) {
            tracing::warn!(%cause, "a file of the spool cannot be removed; it will be told again, which changes nothing");
        }
    }
}

#[cfg(test)]
mod tests;
