//! The judge: joins the four records, and names everything in which they do not agree or a promise was broken.

mod campaigns;
mod histories;
mod orders;
pub mod own;
pub mod pace;
mod races;
pub mod reports;
mod said;
mod verdict;

use std::collections::HashMap;

use messaging::domain::message::{Dispatch, Guarantee, Status};
use sha2::{Digest as _, Sha256};

use crate::evidence::ledger::Entry;
use crate::evidence::readback::ReadBack;
use crate::evidence::tables::{Message, Rows};
use crate::load::Told;

pub use said::Said;
pub use verdict::Verdict;

/// The four records of one fleet.
pub struct Records<'a> {
    pub told: &'a [Told],
    pub ledger: &'a [Entry],
    pub rows: &'a Rows,
    pub read: &'a ReadBack,
    /// The best that was said of a message's delivery, by its id, in runs that report.
    pub said: &'a HashMap<String, Said>,
    /// Whether the provider says 500 of what it has taken, as often as it is asked.
    pub failing: bool,
}

/// The error code of a message whose holder went away between fence and settle.
const PROCESS_LOST: &str = "PROCESS_LOST";

/// Holds the records against each other.
pub fn check(records: &Records<'_>) -> Verdict {
    let mut verdict = Verdict {
        messages: records.told.len(),
        recipients: records.told.iter().filter(|t| t.key.is_none()).count(),
        ..Verdict::default()
    };
    let by_id: HashMap<&str, &Message> = records.rows.messages.iter().map(|m| (m.id.as_str(), m)).collect();
    let by_destination = group(records.rows.messages.iter().map(|m| (m.destination.as_str(), m)));
    let accepted = group(records.ledger.iter().map(|e| (e.destination.as_str(), e)));
    for told in records.told {
        let rows = by_destination.get(told.destination.as_str()).map_or(&[][..], Vec::as_slice);
        let entries = accepted.get(told.destination.as_str()).map_or(&[][..], Vec::as_slice);
        was_kept(told, rows, records, &by_id, &mut verdict);
        was_sent_as_allowed(told, rows, entries, records.failing, &mut verdict);
        orders::check(told, entries, &mut verdict);
    }
    for entry in records.ledger {
        let known = entry.reference.as_ref().and_then(|r| by_id.get(r.replace('-', "").as_str()));
        if known.is_none_or(|row| row.destination != entry.destination) {
            verdict.lost.push(format!("{}: the provider has it, the tables have no such message", entry.message_id));
        }
    }
    let of_message = by_reference(records.ledger);
    for row in &records.rows.messages {
        let entries = of_message.get(&row.id).map_or(&[][..], Vec::as_slice);
        states_agree(row, entries, records.said.get(&row.id), &mut verdict);
        reads_like(row, records.read, &mut verdict);
        histories::check(row, records.rows.events.get(&row.id).map_or(&[][..], Vec::as_slice), &mut verdict);
    }
    counters(records, &mut verdict);
    campaigns::check(records, &mut verdict);
    verdict
}

fn group<'a, T>(pairs: impl Iterator<Item = (&'a str, T)>) -> HashMap<&'a str, Vec<T>> {
    let mut groups: HashMap<&str, Vec<T>> = HashMap::new();
    for (name, item) in pairs {
        groups.entry(name).or_default().push(item);
    }
    groups
}

/// The ledger's entries by the digits of our ids. One that names no message of ours is wrong for itself.
fn by_reference(ledger: &[Entry]) -> HashMap<String, Vec<&Entry>> {
    let mut groups: HashMap<String, Vec<&Entry>> = HashMap::new();
    for entry in ledger {
        let reference = entry.reference.as_ref().map(|reference| reference.replace('-', ""));
        groups.entry(reference.unwrap_or_default()).or_default().push(entry);
    }
    groups
}

/// Everything that a client was told is in the tables once, and is still true.
fn was_kept(
    told: &Told,
    rows: &[&Message],
    records: &Records<'_>,
    by_id: &HashMap<&str, &Message>,
    verdict: &mut Verdict,
) {
    let name = &told.text;
    if let Some(fault) = &told.fault {
        return verdict.contradictions.push(format!("{name}: the client was told {fault}"));
    }
    let Some(answer) = &told.answer else {
        return verdict.contradictions.push(format!("{name}: the client never got an answer"));
    };
    if rows.is_empty() && told.orders.as_ref().is_some_and(|orders| orders.cancelled) {
        return;
    }
    let named = match &answer.id {
        Some(id) => by_id.get(id.replace('-', "").as_str()),
        None => rows.first(),
    };
    let Some(row) = named.filter(|row| row.destination == told.destination) else {
        return verdict.lost.push(format!("{name}: acknowledged as {:?}, and in no row", answer.id));
    };
    if rows.len() != 1 {
        verdict.contradictions.push(format!("{name}: {} rows for one key", rows.len()));
    }
    if told.key.as_ref().is_some_and(|key| records.rows.keys.get(key) != Some(&row.id)) {
        verdict.contradictions.push(format!("{name}: its key does not stand for its message"));
    }
    if (row.guarantee == Guarantee::AtMostOnce as i16) != told.at_most_once {
        verdict.contradictions.push(format!("{name}: stored with another guarantee"));
    }
    if row.campaign != told.campaign || (row.lane != 0) != told.key.is_none() {
        verdict.contradictions.push(format!("{name}: stored as another campaign's"));
    }
    let sent = [Status::Sent, Status::Delivered].map(|s| s as i16);
    // What the carrier says decides: it is judged for itself.
    let reported = records.said.get(&row.id).is_some_and(Said::is_final);
    let is_sent = (reported || sent.contains(&row.status)) && row.provider_id == answer.provider_id;
    if sent.contains(&answer.status) && !is_sent {
        verdict.contradictions.push(format!("{name}: told SENT, and is {}", describe(row)));
    }
    if answer.status == Status::Failed as i16 && row.status != answer.status && !reported {
        verdict.contradictions.push(format!("{name}: told FAILED, and is {}", describe(row)));
    }
}

/// The provider has it as often as its guarantee allows.
fn was_sent_as_allowed(told: &Told, rows: &[&Message], entries: &[&Entry], failing: bool, verdict: &mut Verdict) {
    let name = &told.text;
    let digest = Sha256::digest(&told.text).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    if entries.iter().any(|entry| entry.text_sha256 != digest) {
        verdict.contradictions.push(format!("{name}: the provider has another text"));
    }
    let begun: i64 = rows.iter().map(|row| row.attempts).sum();
    if i64::try_from(entries.len()).unwrap() > begun {
        verdict.contradictions.push(format!("{name}: sent {} times, and {begun} sends were begun", entries.len()));
    }
    let marked = rows.iter().any(|row| row.possible_duplicate == 1);
    match entries.len() {
        0 | 1 => {}
        n if told.at_most_once => verdict.at_most_once.push(format!("{name}: sent {n} times")),
        n if marked && (n == 2 || failing) => verdict.explained += 1,
        n => verdict.unexplained.push(format!("{name}: sent {n} times, possible_duplicate {marked}")),
    }
}

/// A row against the provider's ledger.
fn states_agree(row: &Message, entries: &[&Entry], said: Option<&Said>, verdict: &mut Verdict) {
    let status = Status::from_number(i32::from(row.status));
    let wrong = |what: &str| format!("{}: {}, {what}", row.id, describe(row));
    let failed = said.is_some_and(Said::is_failure) && status == Some(Status::Failed);
    let is_sent = failed || matches!(status, Some(Status::Sent | Status::Delivered));
    match status {
        _ if is_sent => {
            let named = |entry: &&&Entry| {
                let ours = entry.reference.as_ref().is_some_and(|r| r.replace('-', "") == row.id);
                // What a report settled has no id of the provider's if its answer was lost.
                let nameless = row.provider_id.is_none() && said.is_some();
                ours && (nameless || row.provider_id.as_ref() == Some(&entry.message_id))
            };
            if entries.iter().find(named).is_none() {
                verdict.contradictions.push(wrong("and the provider has no such message"));
            }
        }
        Some(Status::Unknown) if row.due == 1 => {
            // At least once, and not settled by a report: it is sent again two minutes after the answer was lost.
            if row.guarantee == Guarantee::AtMostOnce as i16 {
                verdict.contradictions.push(wrong("and it waits for something that may not happen"));
            }
            verdict.waiting += 1;
        }
        Some(Status::Unknown | Status::Failed | Status::Cancelled | Status::Expired) => {}
        _ => verdict.contradictions.push(wrong("and nothing is left that would change that")),
    }
    if status == Some(Status::Unknown) {
        let lost = row.error_code.as_deref() == Some(PROCESS_LOST);
        *(match lost {
            true if row.in_bulk() => &mut verdict.unknown_in_bulk,
            true => &mut verdict.unknown,
            false => &mut verdict.unknown_by_outage,
        }) += 1;
    } else if !is_sent && !entries.is_empty() {
        verdict.contradictions.push(wrong("and the provider has it"));
    }
}

/// Clients read what the row says.
fn reads_like(row: &Message, read: &ReadBack, verdict: &mut Verdict) {
    let answers = read.messages.get(&row.id).map_or(&[][..], Vec::as_slice);
    if answers.is_empty() {
        verdict.contradictions.push(format!("{}: no client can read it", row.id));
    }
    for answer in answers {
        let same = i32::from(row.status) == answer.status
            && row.provider_id == answer.provider_message_id
            && row.attempts == i64::from(answer.attempts)
            && (row.possible_duplicate == 1) == answer.possible_duplicate
            && row.campaign == answer.campaign_id
            && row.error_code == answer.error_code;
        if !same {
            verdict.contradictions.push(format!("{}: {}, and reads otherwise", row.id, describe(row)));
        }
    }
}

fn describe(row: &Message) -> String {
    let status = Status::from_number(i32::from(row.status)).map_or("no status".to_owned(), |s| format!("{s:?}"));
    let dispatch = Dispatch::ALL.into_iter().find(|d| *d as i16 == row.dispatch);
    format!("{status} ({dispatch:?}, {:?}, attempts {})", row.error_code, row.attempts)
}

/// The counters are what counting the messages gives.
fn counters(records: &Records<'_>, verdict: &mut Verdict) {
    let (kept, counted) = (&records.rows.counters, &records.rows.counted);
    let mut names: Vec<_> = kept.keys().chain(counted.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let n = |table: &HashMap<(i64, i16), i64>| table.get(name).copied().unwrap_or(0);
        if n(kept) != n(counted) {
            let (campaign, status) = name;
            verdict.drift += (n(kept) - n(counted)).unsigned_abs();
            verdict.drifted.push(format!(
                "campaign {campaign}, status {status}: the counter says {}, {} are there",
                n(kept),
                n(counted)
            ));
        }
    }
}
