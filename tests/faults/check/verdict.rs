//! The judge's findings, and the one line that says it.

use std::fmt;
use std::ops::AddAssign;

use crate::fleet::{BULK_IN_FLIGHT, QUEUED_IN_FLIGHT};

/// How many messages a kill may leave unknown: those that one replica has in flight one by one,
pub const PER_CUT: u32 = 2 * QUEUED_IN_FLIGHT as u32;
/// and those of campaigns that may be sent again, which are in flight in bulk calls. Unless a report settles one, it is
/// sent again two minutes later.
pub const IN_BULK_PER_CUT: u32 = BULK_IN_FLIGHT as u32;

/// The findings. The lists hold a line for each message.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    pub messages: usize,
    /// How often a process, or the database under it, was cut off.
    pub cuts: u32,
    pub lost: Vec<String>,
    pub at_most_once: Vec<String>,
    pub unexplained: Vec<String>,
    /// Unknown because a process went away.
    pub unknown: u32,
    /// How often an answer was lost with a process, whatever became of the message.
    pub lost_answers: u32,
    /// The same of the messages that go out in bulk calls.
    pub unknown_in_bulk: u32,
    pub lost_in_bulk: u32,
    pub drift: u64,
    pub drifted: Vec<String>,
    pub contradictions: Vec<String>,
    /// How many different reports were acknowledged; those that are not kept; messages and reports that read otherwise than
    /// they should; and what replaying would change.
    pub reports: usize,
    pub missing: Vec<String>,
    pub wrong: Vec<String>,
    pub replay: Vec<String>,
    /// A rate limit that did not hold, or somebody who did not have their turn; and what was measured.
    pub pace: Vec<String>,
    pub measured: Vec<String>,
    /// How many of the messages were campaigns' recipients.
    pub recipients: usize,
    /// Sent twice, and marked so.
    pub explained: u32,
    /// Unknown because the provider's answer was lost.
    pub unknown_by_outage: u32,
    /// Unknown, and sent again two minutes after.
    pub waiting: u32,
}

impl Verdict {
    /// How many may be unknown.
    pub fn limit(&self) -> u32 {
        PER_CUT * self.cuts
    }

    /// How many of those in bulk calls may be.
    pub fn bulk_limit(&self) -> u32 {
        IN_BULK_PER_CUT * self.cuts
    }

    /// Whether every promise was kept.
    pub fn held(&self) -> bool {
        self.violations().is_empty()
    }

    /// Everything that is wrong.
    pub fn violations(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut add = |name: &str, lines: &[String]| all.extend(lines.iter().map(|line| format!("{name}: {line}")));
        add("lost", &self.lost);
        add("at-most-once duplicate", &self.at_most_once);
        add("unexplained duplicate", &self.unexplained);
        add("counter drift", &self.drifted);
        add("contradiction", &self.contradictions);
        add("pace", &self.pace);
        add("acked but missing", &self.missing);
        add("wrong state", &self.wrong);
        add("replay", &self.replay);
        if self.unknown.max(self.lost_answers) > self.limit() {
            let (now, ever) = (self.unknown, self.lost_answers);
            all.push(format!("unknown: {now} now and {ever} ever, and no more than {} may be", self.limit()));
        }
        if self.unknown_in_bulk.max(self.lost_in_bulk) > self.bulk_limit() {
            let (now, ever) = (self.unknown_in_bulk, self.lost_in_bulk);
            all.push(format!(
                "unknown in bulk: {now} now and {ever} ever, and no more than {} may be",
                self.bulk_limit()
            ));
        }
        all
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "lost {} · at-most-once duplicates {} · unexplained duplicates {} · unknown {} (≤ {PER_CUT} × {}) · \
             unknown in bulk {} (≤ {IN_BULK_PER_CUT} × {}) · counter drift {} · contradictions {} · pace {}",
            self.lost.len(),
            self.at_most_once.len(),
            self.unexplained.len(),
            self.unknown,
            self.cuts,
            self.unknown_in_bulk,
            self.cuts,
            self.drift,
            self.contradictions.len(),
            self.pace.len(),
        )?;
        if self.reports > 0 {
            let (missing, wrong) = (self.missing.len(), self.wrong.len());
            let replay = if self.replay.is_empty() { "equal" } else { "DIFFERS" };
            write!(f, " · acked but missing {missing} · wrong state {wrong} · replay digest {replay}")?;
        }
        Ok(())
    }
}

impl AddAssign<&Self> for Verdict {
    fn add_assign(&mut self, other: &Self) {
        self.messages += other.messages;
        self.cuts += other.cuts;
        self.lost.extend_from_slice(&other.lost);
        self.at_most_once.extend_from_slice(&other.at_most_once);
        self.unexplained.extend_from_slice(&other.unexplained);
        self.unknown += other.unknown;
        self.lost_answers += other.lost_answers;
        self.unknown_in_bulk += other.unknown_in_bulk;
        self.lost_in_bulk += other.lost_in_bulk;
        self.pace.extend_from_slice(&other.pace);
        self.measured.extend_from_slice(&other.measured);
        self.recipients += other.recipients;
        self.drift += other.drift;
        self.drifted.extend_from_slice(&other.drifted);
        self.contradictions.extend_from_slice(&other.contradictions);
        self.reports += other.reports;
        self.missing.extend_from_slice(&other.missing);
        self.wrong.extend_from_slice(&other.wrong);
        self.replay.extend_from_slice(&other.replay);
        self.explained += other.explained;
        self.unknown_by_outage += other.unknown_by_outage;
        self.waiting += other.waiting;
    }
}
