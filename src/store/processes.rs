//! The processes that serve the database: each notes now and then that it is there, which also shows whether the database takes
//! a write.

use std::time::Duration;

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;
use jiff::SignedDuration;
use uuid::Uuid;

use crate::store::columns::{Guid, Instant};
use crate::store::error::Failure;
use crate::store::pseudonyms::KeyProblem;
use crate::store::schema::{processes, pseudonym_key};
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, Store};

/// How long a write may take before the database counts as one that takes none.
const LIMIT: Duration = Duration::from_secs(4);
/// A process that was not seen for so long does not serve any more.
const GONE: SignedDuration = SignedDuration::from_mins(1);
/// How long the row of one that is gone is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// Refuses a first erasure while a process serves that does not have the key: from then on it could not accept or send.
pub(super) async fn all_have_key(tx: &mut Tx, check: &[u8]) -> Result<(), Failure> {
    let known = pseudonym_key::table.count();
    let known: i64 = on!(tx, |c| known.get_result(c).await?);
    if known > 0 {
        return Ok(());
    }
    let here = processes::seen_at.gt(Instant(tx.now.checked_sub(GONE).unwrap_or(tx.now)));
    let lacking = processes::key_check.is_null().or(processes::key_check.ne(check.to_vec()));
    let others = processes::table.filter(here.and(lacking)).count();
    let others: i64 = on!(tx, |c| others.get_result(c).await?);
    if others > 0 { Err(Error::Key(KeyProblem::Served).into()) } else { Ok(()) }
}

impl Store {
    /// Notes that this process serves the database. An error if it does not take the write in time, or if the process has
    /// another key than numbers were erased with.
    pub async fn note_process(&self, holder: Uuid) -> Result<(), Error> {
        self.keyed.usable()?;
        let check = self.keyed.pseudonyms().map(|pseudonyms| pseudonyms.check().to_vec());
        let noted = async {
            transact!(&self.transactions.within(LIMIT), |tx| {
                let now = Instant(tx.now);
                let mine = (
                    processes::holder.eq(Guid(holder)),
                    processes::started_at.eq(now),
                    processes::seen_at.eq(now),
                    processes::key_check.eq(check.clone()),
                );
                let note = diesel::insert_into(processes::table).values(mine);
                let note = note.on_conflict(processes::holder).do_update().set(processes::seen_at.eq(now));
                on!(tx, |c| note.execute(c).await?);
                let gone = processes::seen_at.lt(Instant(tx.now.checked_sub(KEPT).unwrap_or(tx.now)));
                on!(tx, |c| diesel::delete(processes::table.filter(gone)).execute(c).await?);
                Ok(())
            })
        };
        let timely = tokio::time::timeout(LIMIT, noted).await;
        timely.unwrap_or_else(|_| Err(Error::Unavailable("no answer to a small write".into())))
    }

    /// Notes that this process serves no longer.
    pub async fn forget_process(&self, holder: Uuid) -> Result<(), Error> {
        transact!(&self.transactions.within(LIMIT), |tx| {
            on!(tx, |c| diesel::delete(processes::table.find(Guid(holder))).execute(c).await?);
            Ok(())
        })
    }
}
