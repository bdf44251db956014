//! The steps of a story, drawn from a seed.

use jiff::SignedDuration;
use messaging::store::{Interruption, Point};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt as _};

use super::provider::Mood;

/// A step. Owners, campaigns and messages are picked by number, from whatever there is.
#[derive(Debug, Clone)]
pub enum Step {
    Send {
        owner: usize,
        number: usize,
        at_most_once: bool,
        key: Option<u8>,
        later: Option<SignedDuration>,
        brief: bool,
    },
    Campaign {
        owner: usize,
        recipients: usize,
        at_most_once: bool,
    },
    Pause(usize),
    Resume(usize),
    Cancel(usize),
    OptOut {
        owner: usize,
        number: usize,
    },
    OptIn {
        owner: usize,
        number: usize,
    },
    Inbound {
        number: usize,
        text: &'static str,
    },
    Report {
        message: usize,
        word: &'static str,
        by_reference: bool,
    },
    Requeue {
        message: usize,
        may_duplicate: bool,
    },
    Loops {
        which: u8,
    },
    Clock(SignedDuration),
    Mood {
        mood: Mood,
        calls: usize,
    },
    Fault {
        point: Point,
        how: Interruption,
        after: usize,
        times: usize,
    },
    /// The database refuses to change a number's messages, or only to write down what came of their sends.
    Refuse {
        number: usize,
        settling: bool,
    },
    /// It refuses nothing any more.
    Mend,
    Crash {
        taken: bool,
        sends: bool,
    },
}

/// How many numbers there are.
pub const NUMBERS: usize = 6;

fn one<T: Copy>(rng: &mut StdRng, of: &[T]) -> T {
    *of.choose(rng).unwrap()
}

fn delay(rng: &mut StdRng) -> Option<SignedDuration> {
    let later = [30, 600, 3 * 24 * 3600, 20 * 24 * 3600].map(|s| Some(SignedDuration::from_secs(s)));
    if rng.random_bool(0.6) { None } else { one(rng, &later) }
}

fn mood(rng: &mut StdRng) -> Mood {
    let taken = rng.random();
    let moods = [Mood::Accept, Mood::Reject, Mood::Unreachable, Mood::Throttle, Mood::Block];
    match rng.random_range(0..8) {
        n @ 0..5 => moods[n],
        5 => Mood::Fail { taken },
        _ => Mood::Lose { taken },
    }
}

fn fault(rng: &mut StdRng) -> Step {
    let (point, how) = match rng.random_range(0..7) {
        0 => (Point::Begin, Interruption::Unavailable),
        1 => (Point::Begin, Interruption::Race),
        2 => (Point::Commit, Interruption::Unavailable),
        3 => (Point::Commit, Interruption::Race),
        4 => (Point::Commit, Interruption::Refused),
        _ => (Point::Committed, Interruption::Unavailable),
    };
    // Soon, where the next sends begin, or later, among what follows them.
    let reach = one(rng, &[4, 16]);
    Step::Fault { point, how, after: rng.random_range(0..reach), times: rng.random_range(1..4) }
}

/// The next step.
pub fn next(rng: &mut StdRng) -> Step {
    let owner = rng.random_range(0..2);
    let number = rng.random_range(0..NUMBERS);
    let any = rng.next_u32() as usize;
    match rng.random_range(0..100) {
        0..22 => Step::Send {
            owner,
            number,
            at_most_once: rng.random(),
            key: rng.random_bool(0.4).then(|| rng.random_range(0..4)),
            later: delay(rng),
            brief: rng.random_bool(0.2),
        },
        22..28 => Step::Campaign { owner, recipients: rng.random_range(1..5), at_most_once: rng.random() },
        28..30 => Step::Pause(any),
        30..32 => Step::Resume(any),
        32..35 => Step::Cancel(any),
        35..38 => Step::OptOut { owner, number },
        38..40 => Step::OptIn { owner, number },
        40..44 => Step::Inbound { number, text: one(rng, &["STOP", "START"]) },
        44..50 => {
            let word = one(rng, &["Delivered", "Failure", "Sent"]);
            Step::Report { message: any, word, by_reference: rng.random() }
        }
        50..55 => Step::Requeue { message: any, may_duplicate: rng.random() },
        55..70 => Step::Loops { which: rng.random() },
        70..80 => {
            let by = one(rng, &[1, 30, 61, 121, 901, 3 * 3600, 24 * 3600, -1, -20]);
            Step::Clock(SignedDuration::from_secs(by))
        }
        80..88 => Step::Mood { mood: mood(rng), calls: rng.random_range(1..6) },
        88..94 => fault(rng),
        94..96 if rng.random_bool(0.25) => Step::Mend,
        94..96 => Step::Refuse { number, settling: rng.random() },
        _ => Step::Crash { taken: rng.random(), sends: rng.random() },
    }
}
