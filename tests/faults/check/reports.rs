//! The reports: each that was acknowledged is kept, each message reads as the best that was said of it, what nobody's is waits,
//! what cannot be read is kept apart, what was refused is not there, and replaying changes nothing.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use messaging::domain::message::Status;
use sha2::{Digest as _, Sha256};

use super::said::{Reading, Said};
use super::{Records, Verdict};
use crate::evidence::readback::ReadBack;
use crate::evidence::tables::{Message, Report, Rows};
use crate::reports::{Acknowledged, Counts};

/// How a report stands.
const WAITING: i16 = 1;
const APPLIED: i16 = 2;
const NOBODYS: i16 = 3;
const UNREADABLE: i16 = 4;
/// How many messages a page of the program's replay has.
const PAGE: usize = 500;

/// The messages that reports name.
struct Names<'a> {
    ids: HashSet<&'a str>,
    provider_ids: HashMap<&'a str, Vec<&'a str>>,
}

impl<'a> Names<'a> {
    fn of(rows: &'a Rows) -> Self {
        let mut names = Self { ids: HashSet::new(), provider_ids: HashMap::new() };
        for row in &rows.messages {
            names.ids.insert(&row.id);
            if let Some(id) = &row.provider_id {
                names.provider_ids.entry(id).or_default().push(&row.id);
            }
        }
        names
    }

    /// Whom a report concerns: our id decides where it names a message, else the provider's does.
    fn whom(&self, reading: &Reading) -> Vec<&'a str> {
        if let Some(id) = reading.reference.as_deref().and_then(|id| self.ids.get(id)) {
            return vec![id];
        }
        let named = reading.provider_id.as_deref().and_then(|id| self.provider_ids.get(id));
        named.cloned().unwrap_or_default()
    }
}

/// The best of what was said of each message, as far as it was acknowledged.
pub fn said(rows: &Rows, acknowledged: &Acknowledged) -> HashMap<String, Said> {
    let names = Names::of(rows);
    let mut best: HashMap<String, Said> = HashMap::new();
    for reading in acknowledged.reports.iter().filter_map(|body| Reading::of(body)) {
        for id in names.whom(&reading) {
            let said = &reading.said;
            best.entry(id.to_owned()).and_modify(|b| *b = said.max(b).clone()).or_insert_with(|| said.clone());
        }
    }
    best
}

/// Holds all of it against the records. `replay` is what the program's own replay said.
pub fn check(records: &Records<'_>, acknowledged: Acknowledged, counts: &Counts, replay: &str, verdict: &mut Verdict) {
    let kept: HashMap<Vec<u8>, &Report> = records.rows.reports.iter().map(|row| (from_hex(&row.body), row)).collect();
    let names = Names::of(records.rows);
    verdict.reports = acknowledged.reports.len();
    verdict.contradictions.extend(acknowledged.faults);
    for body in &acknowledged.reports {
        match kept.get(body) {
            None => verdict.missing.push(format!("acknowledged, and in no row: {}", show(body))),
            Some(row) => stands(row, body, &names, verdict),
        }
    }
    for body in kept.keys().filter(|body| !acknowledged.reports.contains(*body)) {
        verdict.contradictions.push(format!("a report that was not posted, or refused, is in a row: {}", show(body)));
    }
    for row in &records.rows.messages {
        if let Some(said) = records.said.get(&row.id) {
            let wrong = reads(row, said);
            verdict.wrong.extend(wrong.map(|what| format!("{}: {what}, and was said to be {said:?}", row.id)));
        } else if row.rank != 0 {
            verdict.wrong.push(format!("{}: has rank {}, and nothing was said of it", row.id, row.rank));
        }
        times_read_alike(row, records.read, verdict);
    }
    let (messages, digest) = (records.rows.messages.len(), digest(&records.rows.messages));
    let differing = replay.lines().next().unwrap_or_default();
    if !(differing.starts_with(&format!("{messages} messages, ")) && differing.ends_with(", 0 differ")) {
        verdict.replay.push(format!("of {messages} messages: {differing}"));
    }
    if replay.lines().last() != Some(&format!("digest {digest}")) {
        verdict.replay.push(format!("the rows' digest is {digest}, and not what it should be: {replay}"));
    }
    verdict.measured.push(summary(counts, acknowledged.refused.len()));
}

fn summary(counts: &Counts, refused: usize) -> String {
    let n = |count: &AtomicU64| count.load(Ordering::Relaxed);
    format!(
        "{} reports in {} posts were acknowledged, {} of them before the answer to the send; {} posts were made again; {} orphans, {} \
         conflicts, {} pieces of garbage, {refused} of which were refused",
        n(&counts.reports),
        n(&counts.posts),
        n(&counts.early),
        n(&counts.again),
        n(&counts.orphans),
        n(&counts.conflicts),
        n(&counts.garbage),
    )
}

/// How a report is filed.
fn stands(row: &Report, body: &[u8], names: &Names<'_>, verdict: &mut Verdict) {
    let right: &[i16] = match Reading::of(body) {
        None => &[UNREADABLE],
        Some(reading) if names.whom(&reading).is_empty() => &[WAITING, NOBODYS],
        Some(_) => &[APPLIED],
    };
    if !right.contains(&row.state) || row.form != 1 {
        let what = format!("filed as {} in form {}, and should be {right:?}: {}", row.state, row.form, show(body));
        verdict.wrong.push(what);
    }
}

/// The fault of a message of which this is the best that was said.
fn reads(row: &Message, said: &Said) -> Option<String> {
    let is = (row.rank, row.evidence_at, row.evidence_hash, row.word.as_deref());
    if is != (said.rank, said.at, said.hash, Some(said.word.as_str())) {
        return Some(format!("is {is:?}"));
    }
    let status = if said.is_delivery() {
        Status::Delivered
    } else if said.is_failure() {
        Status::Failed
    } else {
        Status::Sent
    };
    let why = said.is_failure().then(|| said.why.as_ref().unwrap_or(&said.word));
    let right = row.status == status as i16
        && row.delivered_at.is_some() == said.is_delivery()
        && row.failed_at.is_some() == said.is_failure()
        && (said.at.is_none() || !said.is_final() || row.delivered_at.or(row.failed_at) == said.at)
        && row.error.as_ref() == why
        && row.error_code.as_deref() == why.map(|_| "DELIVERY_FAILED");
    let all = (row.status, row.delivered_at, row.failed_at, &row.error_code, &row.error);
    (!right).then(|| format!("has status {all:?}"))
}

/// Clients read of its delivery what the row says.
fn times_read_alike(row: &Message, read: &ReadBack, verdict: &mut Verdict) {
    let micros = |at: &pbjson_types::Timestamp| at.seconds * 1_000_000 + i64::from(at.nanos / 1000);
    for answer in read.messages.get(&row.id).into_iter().flatten() {
        let is = (answer.delivered_at.as_ref().map(micros), answer.failed_at.as_ref().map(micros), &answer.error);
        if is != (row.delivered_at, row.failed_at, &row.error) {
            verdict.wrong.push(format!("{}: reads {is:?}, and its row says otherwise", row.id));
        }
    }
}

/// The digest of all delivery states, as `messaging replay-reports` makes it.
fn digest(messages: &[Message]) -> String {
    let mut sorted: Vec<&Message> = messages.iter().collect();
    sorted.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    let mut whole = Sha256::new();
    for page in sorted.chunks(PAGE) {
        let mut hash = Sha256::new();
        for row in page {
            hash.update(from_hex(&row.id));
            hash.update([row.status, row.dispatch, row.rank].map(|n| u8::try_from(n).unwrap()));
            hash.update(row.evidence_at.unwrap_or(i64::MIN).to_be_bytes());
            hash.update(row.evidence_hash.to_be_bytes());
        }
        whole.update(hash.finalize());
    }
    whole.finalize().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|n| u8::try_from(n).ok()).unwrap_or_default();
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn show(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}
