//! When the provider got what: whether a rate limit held and was used, and whether those with little had their turn.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::evidence::ledger::Entry;
use crate::load::Told;

/// The promises beside those to single messages.
#[derive(Debug, Clone)]
pub enum Pace {
    /// Nobody sends faster than this, and while there is something to send nobody sends much slower.
    Limit { rate: u32, burst: u32 },
    /// After `from`, users with few messages wait for their turn only.
    Turns { from: Timestamp, few: HashSet<String>, owners: u32 },
}

/// A measurement, and its fault.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    pub line: String,
    pub wrong: Vec<String>,
}

/// By how much a window may be over the limit.
const OVER: f64 = 0.01;
/// How much of the rate has to be used while there is a backlog.
const USED: f64 = 0.95;
/// The shortest window that the limit is held against.
const WINDOW: f64 = 1.0;
/// The time at the beginning that is left out of the use, when campaigns are being filled and the burst goes out,
const BEGINNING: f64 = 2.0;
/// and at the end, when the last ones are on their way.
const END: f64 = 1.0;
/// How long a message of somebody's with few may wait beyond their fair share.
const PATIENCE: Duration = Duration::from_secs(5);

impl Pace {
    /// Measures it.
    pub fn measure(&self, ledger: &[Entry], told: &[Told]) -> Measured {
        match self {
            Self::Limit { rate, burst } => limit(ledger, f64::from(*rate), f64::from(*burst)),
            Self::Turns { from, few, owners } => turns(ledger, told, *from, few, *owners),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn limit(ledger: &[Entry], rate: f64, burst: f64) -> Measured {
    let mut times: Vec<f64> = ledger.iter().map(|entry| entry.at.as_microsecond() as f64 / 1e6).collect();
    times.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (times.first().copied(), times.last().copied()) else { return Measured::default() };
    // The fullest window: what it had against what it may have, and how long it was.
    let (mut worst, mut over) = ((0.0, 0, WINDOW), 0);
    for (i, from) in times.iter().enumerate() {
        for (n, to) in times[i..].iter().enumerate() {
            let length = (to - from).max(WINDOW);
            let share = (n + 1) as f64 / (rate * length + burst);
            if share > worst.0 {
                worst = (share, n + 1, length);
            }
            over += u32::from(share > 1.0 + OVER);
        }
    }
    let (from, to) = (first + BEGINNING, last - END);
    let used = times.iter().filter(|at| (from..to).contains(*at)).count() as f64 / (rate * (to - from));
    let (share, n, length) = worst;
    let fullest = format!("the fullest window of {length:.2} s had {n}, which is {:.1} %", share * 100.0);
    let mut wrong = Vec::new();
    if over > 0 {
        wrong.push(format!("{fullest} of what {rate} a second with a burst of {burst} allow; {over} are over"));
    }
    if used < USED {
        wrong.push(format!("{:.1} % of the rate were used while there was a backlog", used * 100.0));
    }
    let line = format!("{fullest} of what is allowed; {:.1} % of the rate used in {:.1} s", used * 100.0, to - from);
    Measured { line, wrong }
}

#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn turns(ledger: &[Entry], told: &[Told], from: Timestamp, few: &HashSet<String>, owners: u32) -> Measured {
    let mut at: HashMap<&str, f64> = HashMap::new();
    for entry in ledger {
        let wait = entry.at.duration_since(from).as_secs_f64();
        at.entry(&entry.destination).and_modify(|first| *first = first.min(wait)).or_insert(wait);
    }
    let mut waits: Vec<f64> = few.iter().filter_map(|number| at.get(number.as_str()).copied()).collect();
    waits.sort_by(f64::total_cmp);
    let Some(last) = waits.last().copied() else {
        return Measured { line: String::new(), wrong: vec!["nothing of those with few was sent".to_owned()] };
    };
    let rate = at.values().filter(|wait| (0.0..=last).contains(*wait)).count() as f64 / last.max(0.001);
    let p99 = waits[(waits.len() - 1) * 99 / 100];
    // In turns, everybody has had as many as one of them has when it is through.
    let turn = few.len() as f64 / f64::from(owners);
    let share = turn * f64::from(owners + 1) / rate;
    // And they are nearer to their share than to what they would wait behind all others, however fast a machine is.
    let behind_all = told.len() as f64 / rate;
    let allowed = share + PATIENCE.as_secs_f64().min((behind_all - share) / 2.0);
    let line = format!(
        "p99 of those with few {p99:.2} s, of which {share:.2} s are their share at {rate:.0} a second; first come, first \
         served it would be {behind_all:.1} s"
    );
    let wrong = if p99 > allowed { vec![format!("{line}; {allowed:.2} s are allowed")] } else { Vec::new() };
    Measured { line, wrong }
}
