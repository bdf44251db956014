//! What the judge found, and the one line that says it.

use std::fmt;
use std::ops::AddAssign;

/// How many messages a kill may leave unknown: those that one replica has in flight.
pub const PER_CUT: u32 = 32;

/// What was found. The lists hold a line for each message.
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
    pub drift: u64,
    pub drifted: Vec<String>,
    pub contradictions: Vec<String>,
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
        if self.unknown.max(self.lost_answers) > self.limit() {
            let (now, ever) = (self.unknown, self.lost_answers);
            all.push(format!("unknown: {now} now and {ever} ever, and no more than {} may be", self.limit()));
        }
        all
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "lost {} · at-most-once duplicates {} · unexplained duplicates {} · unknown {} (≤ {PER_CUT} × {}) · \
             counter drift {} · contradictions {}",
            self.lost.len(),
            self.at_most_once.len(),
            self.unexplained.len(),
            self.unknown,
            self.cuts,
            self.drift,
            self.contradictions.len(),
        )
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
        self.drift += other.drift;
        self.drifted.extend_from_slice(&other.drifted);
        self.contradictions.extend_from_slice(&other.contradictions);
        self.explained += other.explained;
        self.unknown_by_outage += other.unknown_by_outage;
        self.waiting += other.waiting;
    }
}
