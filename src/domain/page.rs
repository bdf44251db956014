//! The pages of lists: how large one is, and how the place behind which the next one begins is written down.

use uuid::Uuid;

/// How many records a page holds: the caller's wish within 1 to 1,000; 0 means 50.
#[must_use]
pub fn size(wish: i32) -> Option<i64> {
    match wish {
        ..0 => None,
        0 => Some(50),
        n => Some(i64::from(n.min(1000))),
    }
}

/// The place that is an id; `None` if it is none.
#[must_use]
pub fn id(place: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(place).ok()
}

/// The place that is a number; `None` if it is none.
#[must_use]
pub fn number(place: &[u8]) -> Option<i64> {
    place.try_into().map(i64::from_be_bytes).ok()
}

/// The place that is text; `None` if it is none.
#[must_use]
pub fn text(place: &[u8]) -> Option<String> {
    String::from_utf8(place.to_vec()).ok()
}
