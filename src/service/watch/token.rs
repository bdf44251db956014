//! The token of a watch: a position in the journal of this database, of this owner, on which of its timelines, and when it was
//! given out.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::auth::seals::Seal;
use crate::domain::ids::OwnerId;
use crate::store::Position;

/// How long a token can be used. What is older than this may be forgotten, and then there would be a gap.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Why a token cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::service) enum Unusable {
    #[error("is not a token that a watch of this owner's messages gave out, at this service's database")]
    Foreign,
    #[error("is beyond the end of what this service's database knows: it was set back to an older state")]
    Beyond,
    #[error("is older than 7 days: read ListMessages, and watch from now on")]
    Old,
}

/// The name of an owner's journal in a database.
pub(in crate::service) fn name(owner: OwnerId, journal: &str) -> String {
    format!("watch/{owner}/{journal}")
}

/// The content of a token.
#[derive(Debug, Clone, Copy)]
pub(in crate::service) struct Told {
    /// The position after which to go on.
    pub at: Position,
    /// The last entry that was looked at before: unlike `at`, it can be looked for in the journal.
    pub entry: Option<Position>,
    /// The timeline on which this was told.
    pub timeline: i64,
}

/// The token that says this.
pub(in crate::service) fn write(seal: &Seal, told: &Told, now: Timestamp) -> String {
    let mut payload = Vec::with_capacity(2 * 8 + 2 * POSITION);
    payload.extend_from_slice(&now.as_microsecond().to_be_bytes());
    payload.extend_from_slice(&told.timeline.to_be_bytes());
    for position in std::iter::once(told.at).chain(told.entry) {
        payload.extend_from_slice(&position.place.to_be_bytes());
        payload.extend_from_slice(position.subject.as_bytes());
        payload.extend_from_slice(&position.version.to_be_bytes());
    }
    seal.seal(&payload)
}

/// Reads what [`write`] made, unless it is beyond `end` or too old.
pub(in crate::service) fn open(seal: &Seal, token: &str, end: i64, now: Timestamp) -> Result<Told, Unusable> {
    let payload = seal.open(token).map_err(|_| Unusable::Foreign)?;
    let (given, told) = read(&payload).ok_or(Unusable::Foreign)?;
    if told.at.place > end {
        Err(Unusable::Beyond)
    } else if now.duration_since(given) > KEPT {
        Err(Unusable::Old)
    } else {
        Ok(told)
    }
}

/// The bytes of a position.
const POSITION: usize = 8 + 16 + 4;

fn read(payload: &[u8]) -> Option<(Timestamp, Told)> {
    let (given, rest) = payload.split_first_chunk::<8>()?;
    let (timeline, rest) = rest.split_first_chunk::<8>()?;
    let (at, rest) = rest.split_first_chunk::<POSITION>()?;
    let entry = match rest {
        [] => None,
        rest => Some(position(rest.try_into().ok()?)?),
    };
    let told = Told { at: position(at)?, entry, timeline: i64::from_be_bytes(*timeline) };
    Some((Timestamp::from_microsecond(i64::from_be_bytes(*given)).ok()?, told))
}

fn position(bytes: &[u8; POSITION]) -> Option<Position> {
    let (place, rest) = bytes.split_first_chunk::<8>()?;
    let (subject, version) = rest.split_first_chunk::<16>()?;
    Some(Position {
        place: i64::from_be_bytes(*place),
        subject: Uuid::from_bytes(*subject),
        version: i32::from_be_bytes(version.try_into().ok()?),
    })
}
