//! The name of a call in the log and in the answer: the caller's `x-request-id` if it can be used, else a new one.

use std::sync::Arc;

use http::HeaderMap;

/// The header, in requests and in answers.
pub const HEADER: &str = "x-request-id";
/// The longest id, in characters.
const LONGEST: usize = 64;

/// The name of the call with these headers. The caller's may hold letters, digits and `-_.`, so that it can be written
/// anywhere as it is.
#[must_use]
pub fn of(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get(HEADER).and_then(|v| v.to_str().ok());
    let fits = |id: &&str| {
        (1..=LONGEST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    given.filter(fits).map_or_else(|| uuid::Uuid::new_v4().to_string().into(), Into::into)
}
