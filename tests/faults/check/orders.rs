//! Clients' orders for their campaigns: nothing of one reaches the provider while it is paused, before its time, or
//! after it was cancelled.

use super::Verdict;
use crate::evidence::ledger::Entry;
use crate::load::Told;

/// Holds the provider's times of arrival against a recipient's orders.
pub fn check(told: &Told, entries: &[&Entry], verdict: &mut Verdict) {
    let silences = told.orders.iter().flat_map(|orders| &orders.silences);
    for (from, to, why) in silences {
        let arrived = entries.iter().filter(|entry| (*from..*to).contains(&entry.at)).count();
        if arrived > 0 {
            verdict.contradictions.push(format!("{}: sent {why}", told.text));
        }
    }
}
