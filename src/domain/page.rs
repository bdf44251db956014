//! Opaque tokens that a caller hands back to go on: pages of a list.
//!
//! A token names a place, and carries a digest over it and the filters it belongs to. It grants nothing: whatever it
//! says, every query is scoped by owner. The digest makes a token of another list, or a mangled one, a clear error.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A token that is not ours, or not of this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a token that this list gave out with these filters")]
pub struct Invalid;

const DIGEST: usize = 8;

/// Seals `payload` for the list that `filters` describes.
#[must_use]
pub fn seal(filters: &str, payload: &[u8]) -> String {
    let mut bytes = digest(filters, payload).to_vec();
    bytes.extend_from_slice(payload);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Opens what [`seal`] made for the same filters.
pub fn open(filters: &str, token: &str) -> Result<Vec<u8>, Invalid> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Invalid)?;
    let (sum, payload) = bytes.split_first_chunk::<DIGEST>().ok_or(Invalid)?;
    if *sum == digest(filters, payload) { Ok(payload.to_vec()) } else { Err(Invalid) }
}

/// Opens a token whose payload is an id.
pub fn open_id(filters: &str, token: &str) -> Result<Uuid, Invalid> {
    Uuid::from_slice(&open(filters, token)?).map_err(|_| Invalid)
}

/// Opens a token whose payload is a number.
pub fn open_number(filters: &str, token: &str) -> Result<i64, Invalid> {
    let payload = open(filters, token)?;
    payload.try_into().map(i64::from_be_bytes).map_err(|_: Vec<u8>| Invalid)
}

fn digest(filters: &str, payload: &[u8]) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    hash.update(b"messaging/token/1\0");
    hash.update(filters.as_bytes());
    hash.update([0]);
    hash.update(payload);
    hash.finalize().first_chunk().copied().unwrap_or_default()
}

/// How many records a page holds: the caller's wish within 1 to 1,000; 0 means 50.
#[must_use]
pub fn size(wish: i32) -> Option<i64> {
    match wish {
        ..0 => None,
        0 => Some(50),
        n => Some(i64::from(n.min(1000))),
    }
}
