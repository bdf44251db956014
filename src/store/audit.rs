//! The audit: acts, each written in the transaction that does it, and read from the newest on.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;

use crate::domain::audit::{Act, Actor};
use crate::domain::ids::OwnerId;
use crate::store::columns::{Instant, columns_of};
use crate::store::error::Failure;
use crate::store::schema::audit;
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, Store, run};

/// One act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Its number; later acts have greater ones.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// Its kind; `None` of one that a later release wrote.
    pub act: Option<Act>,
    /// Whose things it was about, if one owner's.
    pub owner: Option<OwnerId>,
    /// The thing itself, for people: an id, a masked number, what was set.
    pub subject: String,
}

/// Which acts to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditFilter {
    /// About one owner's things.
    pub owner: Option<OwnerId>,
    /// Of one kind.
    pub act: Option<Act>,
    /// With smaller numbers than this.
    pub before: Option<i64>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
struct AuditRow {
    id: i64,
    at: Instant,
    actor: String,
    act: i16,
    owner_id: Option<i64>,
    subject: String,
}

/// Writes an act down in the transaction that does it.
pub(super) async fn note(
    tx: &mut Tx,
    actor: &Actor,
    act: Act,
    owner: Option<OwnerId>,
    subject: &str,
) -> Result<(), Failure> {
    let values = (
        audit::at.eq(Instant(tx.now)),
        audit::actor.eq(actor.as_str()),
        audit::act.eq(act as i16),
        audit::owner_id.eq(owner.map(|owner| owner.0)),
        audit::subject.eq(subject),
    );
    on!(tx, |c| diesel::insert_into(audit::table).values(values).execute(c).await?);
    Ok(())
}

impl Store {
    /// The same database, where this one acts: acts are written down in its name.
    #[must_use]
    pub fn acting(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }

    /// Writes down an act that has no transaction of its own.
    pub async fn note_act(&self, act: Act, owner: Option<OwnerId>, subject: &str) -> Result<(), Error> {
        let (actor, subject) = (self.actor.clone(), subject.to_owned());
        transact!(&self.transactions, |tx| note(tx, &actor, act, owner, &subject).await)
    }

    /// Up to `limit` acts, newest first.
    pub async fn audit(&self, filter: AuditFilter, limit: i64) -> Result<Vec<Audited>, Error> {
        let rows: Vec<AuditRow> = run!(&self.db, |c| {
            let mut query =
                audit::table.order(audit::id.desc()).limit(limit).select(columns_of::<AuditRow>()).into_boxed();
            if let Some(owner) = filter.owner {
                query = query.filter(audit::owner_id.eq(owner.0));
            }
            if let Some(act) = filter.act {
                query = query.filter(audit::act.eq(act as i16));
            }
            if let Some(before) = filter.before {
                query = query.filter(audit::id.lt(before));
            }
            query.load(c).await?
        });
        let of = |row: AuditRow| Audited {
            id: row.id,
            at: row.at.0,
            actor: Actor::from_stored(row.actor),
            act: Act::from_number(row.act),
            owner: row.owner_id.map(OwnerId),
            subject: row.subject,
        };
        Ok(rows.into_iter().map(of).collect())
    }
}
