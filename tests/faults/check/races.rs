//! Races: what was taken back is never sent, or was on its way already, and its client was told which.

use std::collections::HashMap;

use messaging::domain::message::Status;

use super::{Records, Verdict};
use crate::load::Raced;

/// Holds the answers against the provider's ledger and the rows.
pub fn check(raced: &[Raced], wanted: usize, records: &Records<'_>, verdict: &mut Verdict) {
    if wanted == 0 {
        return;
    }
    let mut copies = HashMap::<String, u32>::new();
    for reference in records.ledger.iter().filter_map(|entry| entry.reference.as_ref()) {
        *copies.entry(reference.replace('-', "")).or_default() += 1;
    }
    let copies = |id: &str| copies.get(&id.replace('-', "")).copied().unwrap_or(0);
    let rows: HashMap<&str, i16> = records.rows.messages.iter().map(|row| (row.id.as_str(), row.status)).collect();
    let is_cancelled = |id: &str| rows.get(id.replace('-', "").as_str()) == Some(&(Status::Cancelled as i16));
    let (mut taken_back, mut under_way, mut unanswered) = (0, 0, 0);
    for race in raced {
        let (sent, cancelled) = (copies(&race.id), is_cancelled(&race.id));
        let holds = match race.never_sent {
            Some(true) => sent == 0 && cancelled,
            Some(false) => sent == 1 && !cancelled,
            None => u32::from(cancelled) + sent == 1,
        };
        if !holds {
            let told = race.never_sent;
            verdict
                .contradictions
                .push(format!("{}: told never sent {told:?}, cancelled {cancelled}, sent {sent} times", race.id));
        }
        if let Some(newer) = race.newer.as_ref().filter(|newer| copies(newer) != 1) {
            verdict.contradictions.push(format!("{newer}: took a place, and was sent {} times", copies(newer)));
        }
        *(match race.never_sent {
            Some(true) => &mut taken_back,
            Some(false) => &mut under_way,
            None => &mut unanswered,
        }) += 1;
    }
    let all = raced.len();
    if all < wanted {
        verdict.pace.push(format!("{all} of {wanted} races were run"));
    }
    verdict
        .measured
        .push(format!("{all} races: {taken_back} taken back, {under_way} under way, {unanswered} unanswered"));
    if taken_back * 20 < all || under_way * 20 < all || unanswered * 100 > all {
        verdict
            .pace
            .push(format!("no race: {taken_back} taken back, {under_way} under way, {unanswered} unanswered of {all}"));
    }
}
