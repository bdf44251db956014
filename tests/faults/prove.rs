//! The proof that the harness can fail: each planted bug (`tests/faults/bugs`) is run, and the
//! check that is meant for it has to find it.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::check::Verdict;
use crate::options::{Kind, Options, Scenario};
use crate::run::{self, Turn};

/// A bug, where it shows, and the check that has to see it.
struct Plant {
    bug: &'static str,
    scenario: Scenario,
    kind: Kind,
    check: &'static str,
    finds: fn(&Verdict) -> usize,
}

impl Plant {
    /// One that a scenario's own promises have to show, which are counted as `pace`.
    const fn of_the_scenario(bug: &'static str, scenario: Scenario, kind: Kind) -> Self {
        Self { bug, scenario, kind, check: "pace", finds: |v| v.pace.len() }
    }
}

const PLANTS: &[Plant] = &[
    Plant {
        bug: "retry-on-timeout",
        scenario: Scenario::Provider,
        kind: Kind::Sqlite,
        check: "at-most-once duplicates",
        finds: |v| v.at_most_once.len(),
    },
    Plant {
        bug: "no-epoch-check",
        scenario: Scenario::Pause,
        kind: Kind::Postgres,
        check: "contradictions",
        finds: |v| v.contradictions.len(),
    },
    Plant {
        bug: "requeue-sending",
        scenario: Scenario::Moments,
        kind: Kind::Sqlite,
        check: "at-most-once duplicates",
        finds: |v| v.at_most_once.len(),
    },
    Plant {
        bug: "lost-order",
        scenario: Scenario::Orders,
        kind: Kind::Sqlite,
        check: "contradictions",
        finds: |v| v.contradictions.len(),
    },
    Plant {
        bug: "early-ack",
        scenario: Scenario::Reports,
        kind: Kind::Postgres,
        check: "acked but missing",
        finds: |v| v.missing.len(),
    },
    Plant {
        bug: "last-wins",
        scenario: Scenario::Reports,
        kind: Kind::Sqlite,
        check: "wrong state",
        finds: |v| v.wrong.len(),
    },
    Plant {
        bug: "lost-report",
        scenario: Scenario::Reports,
        kind: Kind::Postgres,
        check: "replay digest",
        finds: |v| v.replay.len(),
    },
    Plant {
        bug: "unproven",
        scenario: Scenario::Reports,
        kind: Kind::Sqlite,
        check: "contradictions",
        finds: |v| v.contradictions.len(),
    },
    Plant {
        bug: "lost-counter",
        scenario: Scenario::Upgrade,
        kind: Kind::Sqlite,
        check: "counter drift",
        finds: |v| v.drifted.len(),
    },
    Plant {
        bug: "lost-accept",
        scenario: Scenario::Upgrade,
        kind: Kind::Sqlite,
        check: "lost",
        finds: |v| v.lost.len(),
    },
    Plant {
        bug: "double-claim",
        scenario: Scenario::Kills,
        kind: Kind::Postgres,
        check: "duplicates",
        finds: |v| v.at_most_once.len() + v.unexplained.len(),
    },
    Plant {
        bug: "rate-per-process",
        scenario: Scenario::Rate,
        kind: Kind::Postgres,
        check: "pace",
        finds: |v| v.pace.len(),
    },
    Plant {
        bug: "bulk-forgets",
        scenario: Scenario::Rate,
        kind: Kind::Sqlite,
        check: "unknown in bulk",
        finds: |v| if v.unknown_in_bulk > v.bulk_limit() { v.unknown_in_bulk as usize } else { 0 },
    },
    Plant {
        bug: "bulk-shifts",
        scenario: Scenario::Rate,
        kind: Kind::Sqlite,
        check: "contradictions",
        finds: |v| v.contradictions.len(),
    },
    Plant {
        bug: "lost-recipient",
        scenario: Scenario::Rate,
        kind: Kind::Sqlite,
        check: "lost",
        finds: |v| v.lost.len(),
    },
    Plant::of_the_scenario("first-come", Scenario::Fair, Kind::Postgres),
    Plant::of_the_scenario("rows-for-ever", Scenario::Frozen, Kind::Postgres),
    Plant::of_the_scenario("waits-for-ever", Scenario::Swallowed, Kind::Postgres),
    Plant::of_the_scenario("commit-failed", Scenario::CommitLost, Kind::Postgres),
    Plant::of_the_scenario("answers-given-up", Scenario::OutageLong, Kind::Postgres),
    Plant::of_the_scenario("nothing-spooled", Scenario::OutageKilled, Kind::Postgres),
    Plant {
        bug: "errors-are-refusals",
        scenario: Scenario::TakesAnd500,
        kind: Kind::Sqlite,
        check: "at-most-once duplicates",
        finds: |v| v.at_most_once.len(),
    },
    Plant::of_the_scenario("believed-at-once", Scenario::Clock, Kind::Sqlite),
    Plant::of_the_scenario("start-believed", Scenario::Clock, Kind::Sqlite),
    Plant::of_the_scenario("one-refuses-all", Scenario::RefusedRow, Kind::Postgres),
    Plant::of_the_scenario("ready-unasked", Scenario::ReadOnly, Kind::Postgres),
    Plant::of_the_scenario("last-read-wins", Scenario::StopStart, Kind::Postgres),
    Plant {
        bug: "cancelled-anyway",
        scenario: Scenario::Races,
        kind: Kind::Postgres,
        check: "contradictions",
        finds: |v| v.contradictions.len(),
    },
    Plant {
        bug: "lost-settle",
        scenario: Scenario::Upgrade,
        kind: Kind::Postgres,
        check: "unknown",
        finds: |v| if v.unknown > v.limit() { v.unknown as usize } else { 0 },
    },
];

/// Runs them all, and one case without a bug. True if every check did its work.
pub async fn all(options: &Options) -> bool {
    let size = options.size();
    let seed = options.seed.unwrap_or_else(rand::random);
    println!("seed {seed}");
    let disturbing = Arc::new(Semaphore::new(size.at_once));
    let mut runs = JoinSet::new();
    let wanted = options.scenarios();
    for plant in PLANTS.iter().filter(|plant| wanted.contains(&plant.scenario)) {
        let case = options.case(plant.scenario, plant.kind, Some(plant.bug));
        let turn = Turn::of(&case, size, &disturbing).await;
        runs.spawn(async move {
            let found = (plant.finds)(&run::one(case, size, seed, turn).await);
            let word = if found > 0 { "is found" } else { "IS NOT FOUND" };
            (found > 0, format!("{} {word} by `{}` ({found})", plant.bug, plant.check))
        });
    }
    let case = options.case(Scenario::Upgrade, Kind::Postgres, None);
    let turn = Turn::of(&case, size, &disturbing).await;
    runs.spawn(async move {
        let held = run::one(case, size, seed, turn).await.held();
        (held, format!("without a bug {}", if held { "nothing is found" } else { "SOMETHING IS FOUND" }))
    });
    let mut proven = true;
    let mut lines = Vec::new();
    while let Some(done) = runs.join_next().await {
        let (well, line) = done.unwrap_or_else(|e| (false, format!("a run could not be made: {e}")));
        proven &= well;
        lines.push(line);
    }
    lines.sort();
    lines.iter().for_each(|line| println!("{line}"));
    proven
}
