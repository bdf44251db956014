//! The ledger's file: JSON lines, appended to, so that a restarted sandbox still knows its messages.
//!
//! A line is written to the system before its send is answered, but never synced: the file outlives a killed process,
//! not a power cut, and a load test pays a write and no disk.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;
use uuid::Uuid;

use super::message::{Draft, Message, e164};

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line<'a> {
    Accepted {
        message_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        bulk_id: Option<String>,
        at: Timestamp,
        traffic_account_id: String,
        destination: Cow<'a, str>,
        sender: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<Cow<'a, str>>,
        text: Cow<'a, str>,
    },
    Answered {
        answered: Vec<String>,
    },
}

/// The open file.
pub(super) struct Journal {
    file: File,
    /// The last write may have stopped in the middle of a line.
    torn: bool,
}

impl Journal {
    /// Opens or makes the file and reads the messages that it knows, in order of their ids.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<Message>)> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut messages = Vec::new();
        let mut answered = Vec::new();
        let mut skipped = 0_u64;
        let mut torn = false;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            torn = line.last() != Some(&b'\n');
            match serde_json::from_slice(&line) {
                Ok(Line::Answered { answered: ids }) => {
                    answered.extend(ids.iter().filter_map(|id| Ulid::from_string(id).ok()));
                }
                Ok(accepted) => match restore(&accepted) {
                    Some(message) => messages.push(message),
                    None => skipped += 1,
                },
                Err(_) if line.trim_ascii().is_empty() => {}
                Err(_) => skipped += 1,
            }
            line.clear();
        }
        if skipped > 0 {
            tracing::warn!(skipped, "the sandbox's ledger file has lines that cannot be read");
        }
        messages.sort_unstable_by_key(|message| message.id);
        messages.dedup_by_key(|message| message.id);
        for id in answered {
            let found = messages.binary_search_by_key(&id, |message| message.id).ok();
            if let Some(message) = found.and_then(|index| messages.get_mut(index)) {
                message.answered = true;
            }
        }
        Ok((Self { file, torn }, messages))
    }

    /// Writes the messages that are about to be accepted.
    pub(super) fn accepted(&mut self, messages: &[Message]) -> io::Result<()> {
        let mut lines = Vec::with_capacity(messages.len() * 320);
        for message in messages {
            let line = Line::Accepted {
                message_id: message.id.to_string().into(),
                bulk_id: message.bulk().map(|id| id.to_string()),
                at: message.at(),
                traffic_account_id: message.account.to_string(),
                destination: message.destination().into(),
                sender: message.sender().into(),
                reference: message.reference().map(Cow::Borrowed),
                text: message.text().into(),
            };
            serde_json::to_writer(&mut lines, &line)?;
            lines.push(b'\n');
        }
        self.write(&lines)
    }

    /// Writes that these messages were answered.
    pub(super) fn answered(&mut self, ids: &[Ulid]) -> io::Result<()> {
        let line = Line::Answered { answered: ids.iter().map(Ulid::to_string).collect() };
        let mut lines = serde_json::to_vec(&line)?;
        lines.push(b'\n');
        self.write(&lines)
    }

    /// Empties the file.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.torn = false;
        self.file.set_len(0)
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.write_all(b"\n")?;
        }
        // A write that fails half way leaves a torn line, which the next one must not be glued to.
        self.torn = true;
        self.file.write_all(lines)?;
        self.torn = false;
        Ok(())
    }
}

fn restore(line: &Line<'_>) -> Option<Message> {
    let Line::Accepted { message_id, bulk_id, at, traffic_account_id, destination, sender, reference, text } = line
    else {
        return None;
    };
    let draft = Draft {
        account: Uuid::parse_str(traffic_account_id).ok()?,
        destination: e164(destination)?,
        sender,
        text,
        reference: reference.as_deref(),
    };
    let bulk = bulk_id.as_deref().and_then(|id| Uuid::parse_str(id).ok());
    Some(Message::new(Ulid::from_string(message_id).ok()?, bulk, *at, &draft))
}
