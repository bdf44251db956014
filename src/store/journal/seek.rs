//! The place of a time in an owner's journal.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;

use crate::domain::ids::OwnerId;
use crate::store::columns::Instant;
use crate::store::journal::Position;
use crate::store::schema::events::{self, dsl};
use crate::store::schema::owner_events;
use crate::store::{Error, Store, run};

impl Store {
    /// A place behind which everything is that happened to the owner at this time or later. Some of what happened shortly
    /// before can be behind it, too: places are in the order of commits, times are not quite.
    pub async fn journal_place_of(&self, owner: OwnerId, at: Timestamp) -> Result<Position, Error> {
        let settled = self.journal_horizon().await?.settled;
        // Of places that grow, the least whose entry is not before the time.
        let (mut low, mut high) = (0, settled);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.first_from(owner, middle).await? {
                Some((place, then)) if then < at && place < high => low = place + 1,
                _ => high = middle,
            }
        }
        Ok(Position::before(high))
    }

    /// The owner's first entry at this place or behind it: its place and its time.
    async fn first_from(&self, owner: OwnerId, place: i64) -> Result<Option<(i64, Timestamp)>, Error> {
        let journaled = dsl::owner_id.eq(owner.0).and(dsl::from_status.ne(dsl::to_status));
        let query = events::table
            .filter(journaled.and(dsl::place.ge(place)))
            .order(dsl::place)
            .limit(1)
            .select((dsl::place.assume_not_null(), dsl::at));
        let change: Option<(i64, Instant)> = run!(&self.db, |c| query.get_result(c).await.optional()?);
        let query = owner_events::table
            .filter(owner_events::owner_id.eq(owner.0).and(owner_events::place.ge(place)))
            .order(owner_events::place)
            .limit(1)
            .select((owner_events::place, owner_events::at));
        let other: Option<(i64, Instant)> = run!(&self.db, |c| query.get_result(c).await.optional()?);
        Ok([change, other].into_iter().flatten().map(|(place, at)| (place, at.0)).min())
    }
}
