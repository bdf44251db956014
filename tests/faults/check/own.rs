//! The promises of single scenarios, beside those to every message.

use messaging::domain::message::Status;

use super::{Records, Verdict, races};
use crate::load::{Raced, Unkeyed};

/// The checks of one scenario.
#[derive(Debug, Default)]
pub struct Own {
    /// What was measured while it went on, and what of it is wrong.
    pub measured: Vec<String>,
    pub wrong: Vec<String>,
    /// Whether the provider says 500 of what it has taken: at-least-once messages may be taken as often as they are tried.
    pub failing: bool,
    /// Nobody may be in doubt about any message.
    pub none_unknown: bool,
    /// Each message is at the provider exactly once.
    pub once_each: bool,
    /// The calls without a key.
    pub unkeyed: Vec<Unkeyed>,
    /// The messages that were taken back when they were due, and how many there should be.
    pub raced: Vec<Raced>,
    pub races: usize,
}

/// Adds what is wrong to the verdict.
pub fn check(own: &Own, records: &Records<'_>, verdict: &mut Verdict) {
    verdict.measured.extend_from_slice(&own.measured);
    verdict.pace.extend_from_slice(&own.wrong);
    let copies = |destination: &str| records.ledger.iter().filter(|entry| entry.destination == destination).count();
    races::check(&own.raced, own.races, records, verdict);
    if own.none_unknown {
        let unknown = records.rows.messages.iter().filter(|row| row.status == Status::Unknown as i16);
        verdict.pace.extend(unknown.map(|row| format!("{}: UNKNOWN, {:?}", row.id, row.error_code)));
    }
    if own.once_each {
        for told in records.told.iter().filter(|told| told.at_most_once || !own.failing) {
            let copies = copies(&told.destination);
            if copies != 1 {
                verdict.pace.push(format!("{}: {copies} copies instead of one", told.text));
            }
        }
    }
    for call in &own.unkeyed {
        let copies = copies(&call.destination);
        let rows = records.rows.messages.iter().filter(|row| row.destination == call.destination).count();
        let (fewest, most) = match call.told {
            Some(true) => (1, 1),
            Some(false) => (0, 0),
            None => (0, 1),
        };
        if copies < fewest || copies > most || rows < fewest || rows > 1 {
            let (text, told) = (&call.destination, call.told);
            verdict.pace.push(format!("{text}: without a key, told {told:?}, in {rows} rows, {copies} copies"));
        }
    }
}
