//! The column types that are native on both databases: `Instant` is `timestamptz` or microseconds, `Guid` is `uuid` or
//! 16 bytes. One `table!` then serves both.

use std::io::Write as _;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::{AsExpression, Selectable};
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary};
use diesel::sqlite::Sqlite;
use uuid::Uuid;

/// The SQL side of the types.
pub mod sql {
    use diesel::query_builder::QueryId;
    use diesel::sql_types::SqlType;

    /// A point in time: `timestamptz` (OID 1184) on Postgres, INTEGER microseconds since the Unix epoch on SQLite.
    #[derive(Debug, Clone, Copy, SqlType, QueryId)]
    #[diesel(postgres_type(oid = 1184, array_oid = 1185), sqlite_type(name = "Long"))]
    pub struct Instant;

    /// A UUID: `uuid` (OID 2950) on Postgres, a BLOB of 16 bytes on SQLite.
    #[derive(Debug, Clone, Copy, SqlType, QueryId)]
    #[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Binary"))]
    pub struct Guid;
}

/// Postgres counts from 2000-01-01, Unix from 1970-01-01: the difference in microseconds.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// The columns that a row is read from: for `select` and `returning`, as `R::as_select()` is. That one names the row itself in the
/// query's type, on which the compiler spends two seconds for each query and database; with the bare columns it spends none. What is
/// loaded has to be an `R`: another row whose columns have the same types would be taken for it.
pub(super) fn columns_of<R: Selectable<Pg>>() -> R::SelectExpression {
    R::construct_selection()
}

/// A time as a column holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql::Instant)]
pub struct Instant(pub jiff::Timestamp);

/// A UUID as a column holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql::Guid)]
pub struct Guid(pub Uuid);

impl From<jiff::Timestamp> for Instant {
    fn from(at: jiff::Timestamp) -> Self {
        Self(at)
    }
}

fn instant(micros: i64) -> deserialize::Result<Instant> {
    Ok(Instant(jiff::Timestamp::from_microsecond(micros)?))
}

impl ToSql<sql::Instant, Pg> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&(self.0.as_microsecond() - POSTGRES_EPOCH).to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<sql::Instant, Pg> for Instant {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        instant(<i64 as FromSql<BigInt, Pg>>::from_sql(value)?.saturating_add(POSTGRES_EPOCH))
    }
}

impl ToSql<sql::Instant, Sqlite> for Instant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_microsecond());
        Ok(IsNull::No)
    }
}

impl FromSql<sql::Instant, Sqlite> for Instant {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        instant(<i64 as FromSql<BigInt, Sqlite>>::from_sql(value)?)
    }
}

impl ToSql<sql::Guid, Pg> for Guid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<sql::Guid, Pg> for Guid {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.as_bytes())?))
    }
}

impl ToSql<sql::Guid, Sqlite> for Guid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(&self.0.as_bytes()[..]);
        Ok(IsNull::No)
    }
}

impl FromSql<sql::Guid, Sqlite> for Guid {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
        Ok(Self(Uuid::from_slice(&bytes)?))
    }
}
