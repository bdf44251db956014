//! The targets: each takes any bytes, and panics if what is made of them breaks its law. cargo-fuzz runs them, and so do the tests.

pub mod answers;
pub mod recipients;
pub mod tokens;
pub mod transcoding;
pub mod webhook;

/// Every corpus holds this word wherever a number, a text or a secret stands.
const CANARY: &str = "canary";
/// So many digits in a row are a part of a number.
const NUMBER: usize = 7;

/// An error says what is wrong, and nothing of what came.
fn tells_nothing(error: &str) {
    assert!(!error.to_lowercase().contains(CANARY), "an error quotes what came: {error}");
    let digits = error.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
    assert!(digits.unwrap_or_default() < NUMBER, "an error quotes a number: {error}");
}
