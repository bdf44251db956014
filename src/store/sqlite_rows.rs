//! One row in one SQLite statement that is prepared once per connection. Diesel prepares its own UPDATE, and INSERT of columns that
//! have a default, anew each time, which takes SQLite longer than running it; and it goes over the columns thrice.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text};
use diesel::sqlite::Sqlite;

use crate::store::columns::Guid;
use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::rows::StateRow;

/// Writes the changed state of a message that still is as it was.
pub(super) struct UpdateState<'a>(pub &'a StateRow);

impl QueryId for UpdateState<'_> {
    type QueryId = UpdateState<'static>;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<SqliteConnection> for UpdateState<'_> {}

/// Declares a statement that inserts one row: of a row's columns, and of one that comes from elsewhere.
macro_rules! insert {
    ($name:ident of $row:ident into $table:ident, { $($column:ident: $rust:ty => $sql:ty),* $(,)? }
        $(, with $more:ident: $more_rust:ty => $more_sql:ty)?) => {
        #[doc = concat!("Inserts one [`", stringify!($row), "`].")]
        pub(super) struct $name<'a>(pub &'a $row $(, pub $more_rust)?);

        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;

            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::RunQueryDsl<diesel::SqliteConnection> for $name<'_> {}

        impl diesel::query_builder::QueryFragment<diesel::sqlite::Sqlite> for $name<'_> {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::sqlite::Sqlite>,
            ) -> diesel::QueryResult<()> {
                out.push_sql(concat!("INSERT INTO ", stringify!($table), " ("));
                let mut separator = "";
                $(
                    out.push_sql(separator);
                    out.push_sql(stringify!($column));
                    separator = ", ";
                )*
                $(out.push_sql(concat!(", ", stringify!($more)));)?
                out.push_sql(") VALUES (");
                separator = "";
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<$sql, $rust>(&self.0.$column)?;
                    separator = ", ";
                )*
                let _ = separator;
                $(
                    out.push_sql(", ");
                    out.push_bind_param::<$more_sql, $more_rust>(&self.1)?;
                )?
                out.push_sql(")");
                Ok(())
            }
        }
    };
}
pub(super) use insert;

macro_rules! set {
    ($row:expr, $out:expr, { $($column:ident: $sql:ty),* $(,)? }) => {
        let mut separator = "";
        $(
            $out.push_sql(separator);
            $out.push_sql(concat!(stringify!($column), " = "));
            $out.push_bind_param::<$sql, _>(&$row.$column)?;
            separator = ", ";
        )*
        let _ = separator;
    };
}

impl QueryFragment<Sqlite> for UpdateState<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE messages SET ");
        set!(self.0, out, {
            dispatch: SmallInt,
            delivery_rank: SmallInt,
            status: SmallInt,
            evidence_at: Nullable<InstantSql>,
            evidence_hash: BigInt,
            provider_message_id: Nullable<Text>,
            provider_status: Nullable<Text>,
            bulk_id: Nullable<Text>,
            error_code: Nullable<Text>,
            error: Nullable<Text>,
            attempts: Integer,
            ambiguous: SmallInt,
            crashes: SmallInt,
            possible_duplicate: Bool,
            held_by: Nullable<GuidSql>,
            epoch: Integer,
            due_at: Nullable<InstantSql>,
            sent_at: Nullable<InstantSql>,
            delivered_at: Nullable<InstantSql>,
            failed_at: Nullable<InstantSql>,
            updated_at: InstantSql,
            version: Integer,
            lane: BigInt,
        });
        out.push_sql(" WHERE id = ");
        out.push_bind_param::<GuidSql, Guid>(&self.0.id)?;
        out.push_sql(" AND version = ");
        out.push_bind_param::<Integer, i32>(&self.0.was)
    }
}
