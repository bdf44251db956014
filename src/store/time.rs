//! The time that all replicas have in common: where it is taken from, when it is not believed, and what waits for a time that was
//! taken back.

use std::time::Instant;

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;
use jiff::{SignedDuration, Timestamp};

use crate::clock::{Begun, Seen, system_time};
use crate::domain::campaign::CampaignState;
use crate::domain::message::Dispatch;
use crate::store::columns::{self, Guid};
use crate::store::db::Db;
use crate::store::schema::{campaigns, gates, messages};
use crate::store::transaction::{on, transact};
use crate::store::transition::in_state;
use crate::store::{Error, Store, pg_pool, run};

/// The longest that anything waits that the service itself put off: an hour by a provider's `Retry-After`, a lease of an hour at
/// most, and some more.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(2);
/// How many messages one transaction brings back at most.
const PAGE: i64 = 500;
/// The states in which a message waits for a moment that the service chose, and no caller.
const PUT_OFF: [Dispatch; 4] = [Dispatch::Queued, Dispatch::Claimed, Dispatch::Sending, Dispatch::Unknown];

/// When a message is due.
type Due = (Guid, Option<columns::Instant>);
/// Until when a gate is booked, and until when it is held.
type GateTimes = (String, Option<columns::Instant>, Option<columns::Instant>);

impl Begun {
    /// Says of a clock that is doubted that it is.
    pub(super) fn tell(self) {
        match self {
            Self::InStep => {}
            Self::Behind(by) => tracing::warn!(
                seconds = by.as_secs(),
                "the clock is behind the time at which the database was served last: it is not believed before it has stayed there for \
                 a minute, and what goes by the time waits"
            ),
            Self::Ahead(by) => tracing::warn!(
                seconds = by.as_secs(),
                "nobody has served the database for a while, by the clock: in case it is wrong, what waits in the database is left \
                 alone for a minute"
            ),
        }
    }
}

impl Store {
    /// Begins the time at the clock that all replicas have in common.
    pub(super) async fn begin_time(&self) -> Result<Begun, Error> {
        let served = self.served_at().await?;
        let (at, when) = self.reference_time().await?;
        Ok(self.clock.begin(at, when, served))
    }

    /// Looks at the clock that the time is anchored in, the database's on Postgres, so that all replicas' leases are told by one
    /// clock, else this machine's; and follows it, unless it has jumped.
    pub async fn follow_clock(&self) -> Result<(), Error> {
        let (at, when) = self.reference_time().await?;
        match self.clock.follow(at, when) {
            Seen::InStep => {}
            Seen::Jumped(by) => {
                tracing::warn!(
                    seconds = by.as_secs(),
                    "the clock has jumped; it is not believed before it has stayed there"
                );
            }
            Seen::Followed(by) => {
                tracing::warn!(seconds = by.as_secs(), "the clock that jumped is followed now");
                if by.is_negative() {
                    self.take_back(by.abs()).await?;
                }
            }
        }
        Ok(())
    }

    /// The time of the clock that all replicas have in common, and when it was that.
    async fn reference_time(&self) -> Result<(Timestamp, Instant), Error> {
        let Db::Pg(pool) = &self.db else { return Ok((system_time(), Instant::now())) };
        let query = diesel::select(diesel::dsl::sql::<columns::sql::Instant>("clock_timestamp()"));
        let mut lent = pool.lend().await?;
        let before = Instant::now();
        let asked = async { Ok(query.get_result(lent.connection()?).await?) };
        let asked = tokio::time::timeout(pg_pool::READ, asked).await;
        let database: columns::Instant = lent.finish(asked)?;
        Ok((database.0, before + before.elapsed() / 2))
    }

    /// The time has gone back by so much: what was put off by the time that is taken back, and could not have been by any other, waits
    /// for as much less.
    pub async fn take_back(&self, by: SignedDuration) -> Result<(), Error> {
        while self.bring_messages_back(by).await? {}
        transact!(&self.transactions, |tx| {
            let late = columns::Instant(tx.now.checked_add(LONGEST_WAIT).unwrap_or(tx.now));
            let of = (gates::name, gates::admitted_to, gates::hold_until);
            let query = gates::table.filter(gates::admitted_to.gt(late).or(gates::hold_until.gt(late))).select(of);
            let rows: Vec<GateTimes> =
                on!(tx, |pg| query.for_update().load(pg).await?, |lite| query.load(lite).await?);
            for (name, admitted, until) in rows {
                let back = (
                    gates::admitted_to.eq(earlier(admitted, by, late)),
                    gates::hold_until.eq(earlier(until, by, late)),
                );
                on!(tx, |c| diesel::update(gates::table.find(name)).set(back).execute(c).await?);
            }
            Ok(())
        })
    }

    /// Does it to a page of messages. True if there may be more.
    async fn bring_messages_back(&self, by: SignedDuration) -> Result<bool, Error> {
        let mut brought = 0;
        for state in PUT_OFF {
            brought += transact!(&self.transactions, |tx| {
                let late = columns::Instant(tx.now.checked_add(LONGEST_WAIT).unwrap_or(tx.now));
                let query = messages::table.filter(in_state(state).and(messages::due_at.gt(late))).limit(PAGE);
                let query = query.select((messages::id, messages::due_at));
                let rows: Vec<Due> =
                    on!(tx, |pg| query.for_update().skip_locked().load(pg).await?, |lite| query.load(lite).await?);
                for (id, due) in &rows {
                    let back = messages::due_at.eq(earlier(*due, by, late));
                    on!(tx, |c| diesel::update(messages::table.find(id)).set(back).execute(c).await?);
                }
                Ok(rows.len())
            })?;
        }
        Ok(brought > 0)
    }

    /// Whether anything waits in the database that would be sent, started or ended by the time.
    pub(super) async fn anything_waits(&self) -> Result<bool, Error> {
        let depths = self.depths().await?;
        let waiting = depths.states.iter().filter(|(state, _)| *state != Dispatch::Dead).map(|(_, n)| n);
        if depths.single.0 + depths.campaign.0 + waiting.sum::<i64>() > 0 {
            return Ok(true);
        }
        let going = [CampaignState::Scheduled as i16, CampaignState::Running as i16];
        let query = campaigns::table.filter(campaigns::state.eq_any(going)).select(campaigns::id).limit(1);
        let found: Option<i64> = run!(&self.db, |c| query.get_result(c).await.optional()?);
        Ok(found.is_some())
    }
}

/// The moment so much earlier, if it is later than `late`, which it is not afterwards.
fn earlier(at: Option<columns::Instant>, by: SignedDuration, late: columns::Instant) -> Option<columns::Instant> {
    let back = |at: Timestamp| at.checked_sub(by).unwrap_or(at).min(late.0);
    at.map(|at| if at.0 > late.0 { columns::Instant(back(at.0)) } else { at })
}
