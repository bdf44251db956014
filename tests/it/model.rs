//! The model test: whatever happens in whatever order, everything comes to rest, and as was promised.
//!
//! A seed makes a story: sends, campaigns, reports, wishes to be left alone, a provider that refuses, fails and lies, a
//! database that fails at BEGIN, at COMMIT and after it, a clock that goes forth and back, processes that end in the middle. Then
//! the inputs stop, all is well, 400 days pass, and the oracle looks at what is there.
//!
//! `MODEL_SEEDS=0..10000` tells other stories than the few of every run, `MODEL_SEEDS=4711` one; `scripts/model` does.

mod oracle;
mod provider;
mod story;
mod world;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::database::Kind;
use world::World;

/// How many steps a story has.
const STEPS: usize = 40;
/// How many stories are told at once.
const TELLERS: usize = 2;

/// What the environment asks for by this name.
fn asked(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "whoever runs the tests says how many stories are told")]
    std::env::var(name).ok()
}

/// The seeds that are asked for, or the first `few`.
fn seeds(few: u64) -> Range<u64> {
    let Some(asked) = asked("MODEL_SEEDS") else { return 0..few };
    let number = |text: &str| text.parse::<u64>().expect("MODEL_SEEDS is a number, or two with .. between them");
    match asked.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(&asked)..number(&asked) + 1,
    }
}

/// How many stories that end badly are enough.
fn enough() -> usize {
    asked("MODEL_ENOUGH").map_or(usize::MAX, |asked| asked.parse().expect("MODEL_ENOUGH is a number"))
}

/// Tells the story of a seed. Returns what is wrong at its end, with the story.
async fn tell(kind: Kind, seed: u64) -> Result<(), String> {
    let mut world = World::new(kind, seed).await;
    for _ in 0..STEPS {
        world.step().await;
    }
    Box::pin(world.come_to_rest()).await;
    let wrong = oracle::judge(&world).await;
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("seed {seed} on {kind:?}:\n  {}\n{}", wrong.join("\n  "), world.told()))
    }
}

/// Tells the stories of these seeds, each in a runtime of its own, which takes with it whatever the story left hanging.
fn tell_all(kind: Kind, few: u64) {
    let (seeds, enough) = (seeds(few), enough());
    let next = AtomicU64::new(seeds.start);
    let faults = Mutex::new(Vec::new());
    let teller = || {
        while faults.lock().unwrap().len() < enough {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
            let fault = runtime.block_on(tell(kind, seed)).err();
            faults.lock().unwrap().extend(fault);
            runtime.shutdown_background();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..TELLERS {
            scope.spawn(teller);
        }
    });
    let faults = faults.into_inner().unwrap();
    let told = next.into_inner().min(seeds.end) - seeds.start;
    let brief = faults.iter().map(|fault| fault.lines().take(2).collect::<Vec<_>>().join("\n"));
    let brief = brief.collect::<Vec<_>>().join("\n");
    assert!(faults.is_empty(), "{} of {told} stories end badly:\n{brief}\nThe first:\n{}", faults.len(), faults[0]);
}

#[test]
fn everything_comes_to_rest_as_promised_on_sqlite() {
    tell_all(Kind::Sqlite, 150);
}

#[test]
fn everything_comes_to_rest_as_promised_on_postgres() {
    tell_all(Kind::Postgres, 50);
}
