//! Where an endpoint begins or goes on: a place in its owner's journal, by a time or a token.

use jiff::{SignedDuration, Timestamp};

use crate::domain::ids::OwnerId;
use crate::error::Error;
use crate::service::Service;
use crate::service::watch::token;
use crate::store::{Position, Start};

/// How far back the journal is good for.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How much earlier it is begun than a time says: places are in the order of commits, times not quite.
const EARLIER: SignedDuration = SignedDuration::from_secs(5);

/// Where an endpoint that is enabled goes on, as a caller says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenStart {
    /// Where it stood.
    Resume,
    /// With what happens from now on.
    Now,
    /// With what happened from this time on.
    Time(Timestamp),
    /// After this token.
    Token(String),
}

/// How far a caller's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

impl Service {
    pub(super) async fn start_of(&self, owner: OwnerId, given: GivenStart) -> Result<Start, Error> {
        let store = &self.inner.store;
        match given {
            GivenStart::Resume => Ok(Start::Resume),
            GivenStart::Now => Ok(Start::At(Position::before(store.journal_horizon().await?.settled))),
            GivenStart::Time(at) => Ok(Start::At(self.place_of("from_time", owner, at).await?)),
            GivenStart::Token(given) => {
                let seal = self.seal(token::name(owner, &store.journal_name().await?));
                let (timeline, horizon) = (store.journal_timeline().await?, store.journal_horizon().await?);
                let told = token::open(&seal, &given, horizon.end, self.inner.clock.now());
                let told = told.map_err(|e| Error::invalid("resume_token", e))?;
                let told =
                    if told.timeline == timeline { told } else { self.found_again(owner, &told, timeline).await? };
                Ok(Start::At(told.at))
            }
        }
    }

    /// The place of a time that a caller gives, no more than seven days ago.
    pub(super) async fn place_of(&self, field: &str, owner: OwnerId, at: Timestamp) -> Result<Position, Error> {
        let now = self.inner.clock.now();
        if now.duration_since(at) > KEPT {
            return Err(Error::invalid(field, "must be at most 7 days ago"));
        }
        if at.duration_since(now) > AHEAD {
            return Err(Error::invalid(field, "must not be in the future"));
        }
        let early = at.checked_sub(EARLIER).unwrap_or(at);
        Ok(self.inner.store.journal_place_of(owner, early).await?)
    }
}
