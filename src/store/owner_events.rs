//! Events of owners that are no changes of their messages: each with its place in the journal, written in the transaction that does it.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, SmallInt, Text};
use diesel_async::RunQueryDsl;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::domain::ids::{self, CampaignId, OwnerId};
use crate::domain::opt_out::OptOutSource;
use crate::domain::webhook::event::{EventType, subject_of_campaign};
use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant};
use crate::store::error::Failure;
use crate::store::journal::{self, PLACE};
use crate::store::prepared::Prepare as _;
use crate::store::schema::owner_events;
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, Store, run};

const INSERT_POSTGRES: &str = "INSERT INTO owner_events \
    (subject, version, owner_id, kind, at, campaign_id, number, source, about, place) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, ";
const INSERT_SQLITE: &str = "INSERT INTO owner_events \
    (subject, version, owner_id, kind, at, campaign_id, number, source, about, place) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// Numbers of what happened before a time.
const ERASE: &str = "UPDATE owner_events SET number = NULL WHERE (subject, version) IN \
    (SELECT subject, version FROM owner_events WHERE at < $1 AND number IS NOT NULL ORDER BY at LIMIT $2)";

/// The oldest of what happened before a time.
const FORGET: &str = "DELETE FROM owner_events WHERE (subject, version) IN \
    (SELECT subject, version FROM owner_events WHERE at < $1 ORDER BY at LIMIT $2)";

/// A thing that happened to an owner. It may hold a number, so it has no `Debug`.
#[derive(Clone, Copy)]
pub(super) enum OwnerEvent<'a> {
    /// A campaign's step, and the how-many-eth it is.
    Campaign(CampaignId, EventType, i32),
    /// The inbound message with this id was read, and concerns the owner.
    Inbound(Uuid),
    /// A number came onto the owner's list of opt-outs.
    OptedOut(&'a str, OptOutSource),
    /// A number came off it, by this one's wish.
    OptedIn(&'a str, OptOutSource),
}

/// An event that is being written. Boxed: it is part of many transactions, and the compiler would look through it in each.
type Noted<'a> = BoxFuture<'a, Result<(), Failure>>;

struct Row {
    subject: Uuid,
    version: i32,
    owner: OwnerId,
    of: EventType,
    campaign: Option<CampaignId>,
    number: Option<String>,
    source: Option<OptOutSource>,
    about: Option<String>,
}

/// The subject and version of what happens next to a number on an owner's list: whoever calls has put it there or taken it off, so no
/// other transaction does meanwhile.
async fn next_of_number(tx: &mut Tx, owner: OwnerId, number: &str) -> Result<(Uuid, i32), Failure> {
    let last = owner_events::table
        .filter(owner_events::owner_id.eq(owner.0).and(owner_events::number.eq(number)))
        .order((owner_events::place.desc(), owner_events::version.desc()))
        .select((owner_events::subject, owner_events::version))
        .limit(1);
    let last: Option<(Guid, i32)> = on!(tx, |c| last.get_result(c).await.optional()?);
    Ok(last.map_or_else(|| (ids::ordered(tx.now), 1), |(subject, version)| (subject.0, version.saturating_add(1))))
}

/// Writes down what happened to an owner.
pub(super) fn note<'a>(tx: &'a mut Tx, owner: OwnerId, event: OwnerEvent<'a>) -> Noted<'a> {
    write(tx, owner, event).boxed()
}

async fn write(tx: &mut Tx, owner: OwnerId, event: OwnerEvent<'_>) -> Result<(), Failure> {
    let row = |(subject, version): (Uuid, i32), of: EventType| Row {
        subject,
        version,
        owner,
        of,
        campaign: None,
        number: None,
        source: None,
        about: None,
    };
    let row = match event {
        OwnerEvent::Campaign(campaign, of, step) => {
            Row { campaign: Some(campaign), ..row((subject_of_campaign(campaign), step), of) }
        }
        OwnerEvent::Inbound(id) => row((id, 1), EventType::InboundReceived),
        OwnerEvent::OptedOut(number, source) | OwnerEvent::OptedIn(number, source) => {
            let out = matches!(event, OwnerEvent::OptedOut(..));
            let of = if out { EventType::OptOutAdded } else { EventType::OptOutRemoved };
            let next = next_of_number(tx, owner, number).await?;
            Row { number: Some(number.to_owned()), source: Some(source), ..row(next, of) }
        }
    };
    insert(tx, row).await
}

/// Owners of endpoints that operational events are told to.
const OPERATORS: &str =
    "SELECT DISTINCT owner_id AS n FROM webhook_endpoints WHERE types LIKE '%ops.%' ORDER BY owner_id";

#[derive(QueryableByName)]
struct Operator {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Versions of what has no number of its own begin here: 2026 began.
const EPOCH: i64 = 1_767_225_600;

/// The subject of what operators are told of one route account or endpoint: each of them has its own.
fn subject_for(operator: i64, of: EventType, about: &str) -> Uuid {
    let is_of_endpoint = matches!(of, EventType::OpsEndpointDisabled | EventType::OpsEndpointFailing);
    let kind = if is_of_endpoint { "endpoint" } else { "account" };
    let digest = Sha256::digest(format!("{operator}/{kind}/{about}"));
    let (bytes, _) = digest.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    uuid::Builder::from_custom_bytes(*bytes).into_uuid()
}

/// Writes down what happened to the route account or endpoint of this name, for all owners that are told of such.
pub(super) fn note_to_operators<'a>(tx: &'a mut Tx, of: EventType, about: &'a str) -> Noted<'a> {
    write_to_operators(tx, of, about).boxed()
}

async fn write_to_operators(tx: &mut Tx, of: EventType, about: &str) -> Result<(), Failure> {
    let operators: Vec<Operator> = on!(tx, |c| diesel::sql_query(OPERATORS).load(c).await?);
    for operator in operators {
        let subject = subject_for(operator.n, of, about);
        let last = owner_events::table
            .filter(owner_events::subject.eq(Guid(subject)))
            .order(owner_events::version.desc())
            .select(owner_events::version)
            .limit(1);
        let last: Option<i32> = on!(tx, |c| last.get_result(c).await.optional()?);
        // Greater than before also where what was before is forgotten.
        let seconds = i32::try_from(tx.now.as_second() - EPOCH).unwrap_or(i32::MAX).max(1);
        let version = last.map_or(seconds, |last| seconds.max(last.saturating_add(1)));
        let (owner, about) = (OwnerId(operator.n), Some(about.to_owned()));
        let row = Row { subject, version, owner, of, campaign: None, number: None, source: None, about };
        insert(tx, row).await?;
    }
    Ok(())
}

async fn insert(tx: &mut Tx, row: Row) -> Result<(), Failure> {
    tx.journaled = true;
    let now = tx.now;
    macro_rules! bound {
        ($sql:expr, $row:expr) => {
            diesel::sql_query($sql)
                .bind::<GuidSql, _>(Guid($row.subject))
                .bind::<Integer, _>($row.version)
                .bind::<BigInt, _>($row.owner.0)
                .bind::<SmallInt, _>($row.of as i16)
                .bind::<InstantSql, _>(Instant(now))
                .bind::<Nullable<BigInt>, _>($row.campaign.map(|id| id.0))
                .bind::<Nullable<Text>, _>($row.number)
                .bind::<Nullable<SmallInt>, _>($row.source.map(|source| source as i16))
                .bind::<Nullable<Text>, _>($row.about)
        };
    }
    on!(
        tx,
        |pg| {
            bound!(format!("{INSERT_POSTGRES}{PLACE})"), row).execute(pg).await?;
        },
        |lite| {
            let insert = move |c: &mut SqliteConnection| {
                let place = journal::next_position(c, now)?;
                let insert = bound!(INSERT_SQLITE, row).bind::<BigInt, _>(place);
                diesel::RunQueryDsl::execute(insert.prepared(), c)
            };
            lite.spawn_blocking(insert).await?;
        }
    );
    Ok(())
}

/// Takes a number out of what happened to it on an owner's list.
pub(super) async fn erase(tx: &mut Tx, owner: OwnerId, number: &str) -> Result<(), Failure> {
    let of_number = owner_events::owner_id.eq(owner.0).and(owner_events::number.eq(number));
    let erase = diesel::update(owner_events::table.filter(of_number)).set(owner_events::number.eq(None::<String>));
    on!(tx, |c| erase.execute(c).await?);
    Ok(())
}

/// The same with numbers of all owners, where it happened before this time. Returns how many, `limit` at most.
pub(super) async fn erase_before(tx: &mut Tx, before: Instant, limit: i64) -> Result<usize, Failure> {
    let erase = diesel::sql_query(ERASE).bind::<InstantSql, _>(before).bind::<BigInt, _>(limit);
    Ok(on!(tx, |c| erase.execute(c).await?))
}

impl Store {
    /// Lets go of up to `limit` of what happened to owners before this time. Returns how many.
    pub async fn forget_owner_events(&self, before: Timestamp, limit: i64) -> Result<usize, Error> {
        let oldest = owner_events::table.order(owner_events::at).select(owner_events::at).limit(1);
        let oldest: Option<Instant> = run!(&self.db, |c| oldest.get_result(c).await.optional()?);
        if oldest.is_none_or(|oldest| oldest.0 >= before) {
            return Ok(0);
        }
        transact!(&self.transactions, |tx| {
            let forget = diesel::sql_query(FORGET).bind::<InstantSql, _>(Instant(before)).bind::<BigInt, _>(limit);
            Ok(on!(tx, |c| forget.execute(c).await?))
        })
    }
}
