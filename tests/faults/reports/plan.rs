//! The provider's reports on a message, decided by the seed and the message's number alone: its final word and when, the
//! words before it, and for one in a hundred each a contradiction, a report of a message that nobody has, and garbage.

use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Map, Value};

use super::Counts;
use super::mixer::WINDOWS;
use super::post::Proof;
use crate::fleet::Sent;

/// How many reports ten messages come to, about: three times a final word each, three times a word before it for three of
/// them.
pub(super) const REPORTS_OF_TEN_MESSAGES: u64 = 39;
/// How often each report is posted.
const TIMES: usize = 3;

const WHY: [&str; 4] = ["Absent subscriber", "Unknown subscriber", "Blocked by the operator", "Handset memory full"];
const ON_THE_WAY: [&str; 5] = ["Sent", "Buffered", "enroute", "Accepted", "Parked"];

/// A report that is to be posted once.
pub(super) struct Letter {
    pub(super) body: Vec<u8>,
    pub(super) proof: Proof,
    /// How many windows later than the next one.
    pub(super) window: usize,
    /// It may spoil an array.
    pub(super) alone: bool,
}

/// Everything about a message.
pub(super) struct Plan {
    /// The posts before the replica has the answer to its send.
    pub(super) early: Option<Vec<u8>>,
    pub(super) letters: Vec<Letter>,
}

impl Plan {
    pub(super) fn reports(&self) -> usize {
        self.letters.len()
    }
}

/// One statement, from which reports are written.
struct Statement {
    text: &'static str,
    at: Timestamp,
    why: Option<String>,
}

/// How reports name the message.
#[derive(Clone, Copy)]
struct Names<'a> {
    reference: Option<&'a str>,
    provider_id: Option<&'a str>,
}

/// The plan of a message that was just accepted.
pub(super) fn of(seed: u64, sent: &Sent, counts: &Counts) -> Plan {
    let number: u64 = sent.destination.trim_start_matches('+').parse().unwrap_or_default();
    let mut rng = StdRng::seed_from_u64(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let names = match rng.random_range(0..4) {
        0 => Names { reference: Some(&sent.reference), provider_id: None },
        1 => Names { reference: None, provider_id: Some(&sent.provider_id) },
        _ => Names { reference: Some(&sent.reference), provider_id: Some(&sent.provider_id) },
    };
    let at = moment(&mut rng);
    let mut words = vec![if rng.random_bool(0.85) {
        Statement { text: "Delivered", at, why: None }
    } else {
        Statement { text: "Failure", at, why: WHY.choose(&mut rng).map(|why| (*why).to_owned()) }
    }];
    let mut letters = Vec::new();
    if rng.random_bool(0.01) {
        counts.conflicts.fetch_add(1, Ordering::Relaxed);
        words.push(contradiction(&words[0], &mut rng));
    }
    if rng.random_bool(0.3) {
        let text = ON_THE_WAY.choose(&mut rng).copied().unwrap_or("Sent");
        words.push(Statement { text, at: at - SignedDuration::from_millis(rng.random_range(1..9000)), why: None });
    }
    let early = rng.random_bool(0.1);
    let first = words[0].write(names, &sent.destination, false);
    for (place, word) in words.iter().enumerate() {
        // What is not the final word comes as late as it may.
        let window = if place == 0 { rng.random_range(0..2) } else { 1 };
        let other = rng.random_bool(0.25);
        for time in 0..TIMES {
            if place == 0 && time == 0 && early {
                continue;
            }
            // The third one may say the same in other words: it has to be kept for itself.
            let body = word.write(names, &sent.destination, other && time == TIMES - 1);
            letters.push(Letter { body, proof: proof(&mut rng), window: (window + time) % WINDOWS, alone: false });
        }
    }
    if rng.random_bool(0.01) {
        counts.orphans.fetch_add(1, Ordering::Relaxed);
        letters.extend(orphan(&words[0], sent, &mut rng));
    }
    if rng.random_bool(0.01) {
        counts.garbage.fetch_add(1, Ordering::Relaxed);
        letters.push(garbage(&words[0], names, sent, &mut rng));
    }
    Plan { early: early.then_some(first), letters }
}

/// The provider's clock: tenths of microseconds, in the last half minute or the next.
fn moment(rng: &mut StdRng) -> Timestamp {
    let ticks = SignedDuration::from_nanos(100 * rng.random_range(-300_000_000..300_000_000));
    let now = Timestamp::now();
    let whole = Timestamp::new(now.as_second(), 0).unwrap_or(now);
    whole + ticks
}

/// A statement that cannot be true beside the first one.
fn contradiction(first: &Statement, rng: &mut StdRng) -> Statement {
    let between = SignedDuration::from_millis(rng.random_range(1..60_000));
    let why = Some("The handset said otherwise".to_owned());
    let which = rng.random_range(0..3);
    if first.text != "Delivered" && which == 2 {
        return Statement { text: "Delivered", at: first.at - between, why: None };
    }
    let at = match (first.text, which) {
        ("Delivered", 0) => first.at - between,
        ("Failure", 1) => first.at,
        _ => first.at + between,
    };
    Statement { text: "Failure", at, why }
}

/// The signature where the token is not used.
fn proof(rng: &mut StdRng) -> Proof {
    match rng.random_range(0..20) {
        0 => Proof::Hmac,
        1 => Proof::Standard,
        _ => Proof::Token,
    }
}

/// Reports of a message that nobody has.
fn orphan(word: &Statement, sent: &Sent, rng: &mut StdRng) -> Vec<Letter> {
    let (reference, provider_id) = (
        uuid::Builder::from_random_bytes(rng.random()).into_uuid().to_string(),
        format!("NOBODYS{:019}", rng.random::<u64>() >> 4),
    );
    let names = match rng.random_range(0..3) {
        0 => Names { reference: Some(&reference), provider_id: None },
        1 => Names { reference: None, provider_id: Some(&provider_id) },
        _ => Names { reference: Some(&reference), provider_id: Some(&provider_id) },
    };
    let body = word.write(names, &sent.destination, false);
    (0..TIMES).map(|window| Letter { body: body.clone(), proof: Proof::Token, window, alone: false }).collect()
}

/// Posts that are no report, or not the provider's.
fn garbage(word: &Statement, names: Names<'_>, sent: &Sent, rng: &mut StdRng) -> Letter {
    let mut body = word.write(names, &sent.destination, false);
    let forged = |at: Timestamp| {
        let opposite = if word.text == "Delivered" { "Failure" } else { "Delivered" };
        let word = Statement { text: opposite, at: at + SignedDuration::from_hours(1), why: Some("Forged".to_owned()) };
        word.write(names, &sent.destination, false)
    };
    let proof = match rng.random_range(0..6) {
        0 | 1 => {
            body.truncate(rng.random_range(1..body.len()));
            Proof::Token
        }
        2 | 3 => {
            flip(&mut body, rng);
            Proof::Token
        }
        4 => {
            let signed = Proof::hmac_of(&body);
            flip(&mut body, rng);
            Proof::Tampered(signed)
        }
        _ => {
            body = forged(word.at);
            if rng.random_bool(0.5) { Proof::WrongToken } else { Proof::Nothing }
        }
    };
    Letter { body, proof, window: rng.random_range(0..WINDOWS), alone: true }
}

fn flip(body: &mut [u8], rng: &mut StdRng) {
    let place = rng.random_range(0..body.len());
    body[place] ^= 1 << rng.random_range(0..8);
}

impl Statement {
    /// A report as JSON. `other`: the same, with the other names that fields have.
    fn write(&self, names: Names<'_>, destination: &str, other: bool) -> Vec<u8> {
        let mut fields = Map::new();
        let mut put = |plain: &str, otherwise: &str, value: Option<String>| {
            let name = if other { otherwise } else { plain };
            fields.extend(value.map(|value| (name.to_owned(), Value::String(value))));
        };
        put("messageId", "id", names.provider_id.map(str::to_owned));
        put("reference", "reference", names.reference.map(str::to_owned));
        put("deliveryStatus", "status", Some(self.text.to_owned()));
        put("updatedAt", "doneAt", Some(seven_digits(self.at)));
        put("description", "errorMessage", self.why.clone());
        put("to", "to", Some(destination.to_owned()));
        serde_json::to_vec(&fields).unwrap()
    }
}

/// UTC with seven fractional digits, as the provider writes times.
fn seven_digits(at: Timestamp) -> String {
    format!("{}.{:07}Z", at.strftime("%Y-%m-%dT%H:%M:%S"), at.subsec_nanosecond() / 100)
}
