//! A run: every scenario on its fleets, a line for each, and the line for all.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::check::{self, Records, Verdict};
use crate::evidence::tables::Tables;
use crate::evidence::{ledger, readback};
use crate::fleet::{Fleet, LEASE, SmallDisk};
use crate::options::{Case, Kind, Options, Scenario, Size};
use crate::scenarios;

/// How many of the things that are wrong are shown.
const SHOWN: usize = 20;
/// Beyond leases, what messages may need to come to rest: their backoff, and the machine's.
const REST: Duration = Duration::from_secs(60);
/// How many messages of a backlog are sent in a second, at the worst.
const SLOWEST: u64 = 100;
/// The wait before a resend, the resend, and its backoff.
const RESEND: Duration = Duration::from_secs(180);

/// Runs what is asked for, and says what it came to. True if every promise was kept.
pub async fn all(options: &Options) -> bool {
    let size = options.size();
    let seed = options.seed.unwrap_or_else(rand::random);
    println!("seed {seed}");
    let begun = Instant::now();
    let disturbing = Arc::new(Semaphore::new(size.at_once));
    let mut cases = JoinSet::new();
    for scenario in options.scenarios() {
        for kind in options.database.kinds() {
            if let Some(why) = skipped(scenario, *kind, options) {
                println!("{:<11} {:<9} skipped: {why}", scenario.name(), kind.name());
                continue;
            }
            let case = options.case(scenario, *kind, None);
            // In their order: whoever comes first has its turn first.
            let turn = Turn::of(&case, size, &disturbing).await;
            cases.spawn(async move { one(case, size, seed, turn).await });
        }
    }
    let mut sum = Verdict::default();
    let mut held = true;
    while let Some(done) = cases.join_next().await {
        match done {
            Ok(verdict) => {
                held &= verdict.held();
                sum += &verdict;
            }
            Err(e) => {
                println!("a scenario could not be run: {e}");
                held = false;
            }
        }
    }
    println!("{} s, {} messages", begun.elapsed().as_secs(), sum.messages);
    println!("{sum}");
    held
}

/// Why a case is not run, if it is not.
fn skipped(scenario: Scenario, kind: Kind, options: &Options) -> Option<&'static str> {
    let unnamed = options.small && options.scenarios.is_empty();
    let sqlite = kind == Kind::Sqlite;
    if sqlite && scenario == Scenario::Database {
        Some("it is part of the process, which the other scenarios kill")
    } else if sqlite && scenario.is_for_postgres() {
        Some("it is about Postgres")
    } else if scenario.has_small_disk() && !SmallDisk::is_possible() {
        Some("NOT RUN: a file system of its own cannot be mounted here")
    } else if unnamed && (scenario.is_long() || (scenario.is_about_pace() && sqlite)) {
        Some("for the full run, or by its name")
    } else {
        None
    }
}

/// The right to disturb: few at a time, or they would disturb each other. What mostly waits needs none.
pub struct Turn(Option<OwnedSemaphorePermit>);

impl Turn {
    /// Waits for it.
    pub async fn of(case: &Case, size: Size, places: &Arc<Semaphore>) -> Self {
        if case.scenario.is_waiting() {
            return Self(None);
        }
        // What is measured in seconds needs the machine for itself, and a whole storm takes it.
        let alone = case.scenario.is_about_pace()
            || matches!(case.scenario, Scenario::Readers | Scenario::Hostile)
            || (case.scenario == Scenario::Reports && size.resends);
        let wanted = if alone { size.at_once } else { 1 };
        Self(places.clone().acquire_many_owned(u32::try_from(wanted).unwrap()).await.ok())
    }

    fn end(self) {
        drop(self.0);
    }
}

/// Runs one case and prints its line.
pub async fn one(case: Case, size: Size, seed: u64, turn: Turn) -> Verdict {
    let (scenario, kind) = (case.scenario, case.kind);
    // The same name, the same chance: whatever else is run beside it.
    let name = scenario.name();
    let salt = name.bytes().chain(kind.name().bytes()).fold(seed, |salt, b| salt.wrapping_mul(31) ^ u64::from(b));
    let mut rng = StdRng::seed_from_u64(salt);
    let begun = Instant::now();
    let fleet = Arc::new(Fleet::start(format!("{name}-{seed:x}"), &case).await);
    let scenarios::Done { told, pace, own, reporter } = scenarios::disturb(scenario, &fleet, size, &mut rng).await;
    let turn = if scenario.is_about_pace() {
        Some(turn)
    } else {
        turn.end();
        None
    };

    let backlog = Duration::from_secs(u64::try_from(told.len()).unwrap() / SLOWEST);
    let limit = LEASE + REST + backlog + if size.resends { RESEND } else { Duration::ZERO };
    let rested = fleet.rest(size.resends, limit).await;
    turn.into_iter().for_each(Turn::end);
    let mut reported = true;
    if let Some(reporter) = &reporter {
        // Of what was sent again meanwhile, too.
        reporter.drain(REST).await;
        reported = fleet.reported(REST).await;
    }
    let read = readback::read(&fleet).await;
    let ended = fleet.stop().await;
    let rows = Tables::open(&fleet.database).await.read().await;
    let ledger = ledger::read(&fleet.ledger_url()).await;
    let acknowledged = reporter.as_ref().map(|reporter| reporter.acknowledged());
    let said = acknowledged.as_ref().map_or_else(HashMap::new, |heard| check::reports::said(&rows, heard));
    let records = Records { told: &told, ledger: &ledger, rows: &rows, read: &read, said: &said, failing: own.failing };
    let mut verdict = check::check(&records);
    if let (Some(reporter), Some(acknowledged)) = (&reporter, acknowledged) {
        let replay = fleet.replicas[0].ask(&["replay-reports"]).await;
        check::reports::check(&records, acknowledged, &reporter.counts, &replay, &mut verdict);
    }
    check::own::check(&own, &records, &mut verdict);
    verdict.cuts = fleet.cuts.load(Ordering::Relaxed);
    if let Some(measured) = pace.map(|pace| pace.measure(&ledger, &told)) {
        verdict.pace.extend(measured.wrong);
        verdict.measured.push(measured.line);
    }
    if !rested {
        verdict.contradictions.push(format!("messages still wait for something after {} s", limit.as_secs()));
    }
    if !reported {
        verdict.wrong.push("reports still wait whose message is there".to_owned());
    }
    if !ended {
        verdict.contradictions.push("a replica did not stop in order".to_owned());
    }
    drop(reporter);
    print(&case, &verdict, begun.elapsed(), fleet);
    verdict
}

fn print(case: &Case, verdict: &Verdict, took: Duration, fleet: Arc<Fleet>) {
    let (scenario, kind) = (case.scenario.name(), case.kind.name());
    let name = case.bug.unwrap_or(&scenario);
    let Verdict { messages, recipients, cuts, explained, unknown_by_outage, waiting, .. } = verdict;
    let Verdict { lost_answers, lost_in_bulk, .. } = verdict;
    let mut lines = format!(
        "{name:<11} {kind:<9} {messages} messages ({recipients} in campaigns), {cuts} cuts, {} s: {verdict} [answers lost with a process \
         {lost_answers} and {lost_in_bulk} in bulk, unknown by the provider's outage {unknown_by_outage}, waiting for their resend {waiting}, \
         duplicates that are marked {explained}]",
        took.as_secs()
    );
    for line in &verdict.measured {
        lines.push_str("\n  ");
        lines.push_str(line);
    }
    let violations = verdict.violations();
    if case.bug.is_none() && !violations.is_empty() {
        for line in violations.iter().take(SHOWN) {
            lines.push_str("\n  ");
            lines.push_str(line);
        }
        let kept = Arc::into_inner(fleet).map(Fleet::keep);
        lines.push_str(&format!("\n  {} in all; logs in {kept:?}", violations.len()));
    }
    println!("{lines}");
}
