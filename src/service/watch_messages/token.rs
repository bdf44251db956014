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
pub(super) enum Unusable {
    #[error("is not a token that a watch of this owner's messages gave out, at this service's database")]
    Foreign,
    #[error("is beyond the end of what this service's database knows: it was set back to an older state")]
    Beyond,
    #[error("is older than 7 days: read ListMessages, and watch from now on")]
    Old,
}

/// The name of an owner's journal in a database.
pub(super) fn name(owner: OwnerId, journal: &str) -> String {
    format!("watch/{owner}/{journal}")
}

/// The token for going on after `at`, a position that was told on this timeline.
pub(super) fn write(seal: &Seal, timeline: i64, at: Position, now: Timestamp) -> String {
    let mut payload = [0; 44];
    let numbers = now.as_microsecond().to_be_bytes().into_iter().chain(at.place.to_be_bytes());
    let all = numbers.chain(at.message.into_bytes()).chain(at.version.to_be_bytes()).chain(timeline.to_be_bytes());
    payload.iter_mut().zip(all).for_each(|(to, from)| *to = from);
    seal.seal(&payload)
}

/// Reads what [`write`] made, unless it is beyond `end` or too old. Returns the timeline, too.
pub(super) fn open(seal: &Seal, token: &str, end: i64, now: Timestamp) -> Result<(Position, i64), Unusable> {
    let payload = seal.open(token).map_err(|_| Unusable::Foreign)?;
    let (given, at, timeline) = read(&payload).ok_or(Unusable::Foreign)?;
    if at.place > end {
        Err(Unusable::Beyond)
    } else if now.duration_since(given) > KEPT {
        Err(Unusable::Old)
    } else {
        Ok((at, timeline))
    }
}

fn read(payload: &[u8]) -> Option<(Timestamp, Position, i64)> {
    let (given, rest) = payload.split_first_chunk::<8>()?;
    let (place, rest) = rest.split_first_chunk::<8>()?;
    let (message, rest) = rest.split_first_chunk::<16>()?;
    let (version, timeline) = rest.split_first_chunk::<4>()?;
    let position = Position {
        place: i64::from_be_bytes(*place),
        message: Uuid::from_bytes(*message),
        version: i32::from_be_bytes(*version),
    };
    let given = Timestamp::from_microsecond(i64::from_be_bytes(*given)).ok()?;
    Some((given, position, i64::from_be_bytes(timeline.try_into().ok()?)))
}
