//! One row in one SQLite statement that is prepared once per connection. Diesel prepares its own UPDATE, and INSERT of columns that
//! have a default, anew each time, which takes SQLite longer than running it; and it goes over the columns thrice.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, HasSqlType, Integer, Nullable, SmallInt, Text};
use diesel::sqlite::Sqlite;

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

/// A value behind `before`.
fn bind<'b, S, V>(out: &mut AstPass<'_, 'b, Sqlite>, before: &'static str, value: &'b V) -> QueryResult<()>
where
    Sqlite: HasSqlType<S>,
    V: ToSql<S, Sqlite>,
{
    out.push_sql(before);
    out.push_bind_param::<S, V>(value)
}

impl QueryFragment<Sqlite> for UpdateState<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let row = self.0;
        bind::<SmallInt, _>(&mut out, "UPDATE messages SET dispatch = ", &row.dispatch)?;
        bind::<SmallInt, _>(&mut out, ", delivery_rank = ", &row.delivery_rank)?;
        bind::<SmallInt, _>(&mut out, ", status = ", &row.status)?;
        bind::<Nullable<InstantSql>, _>(&mut out, ", evidence_at = ", &row.evidence_at)?;
        bind::<BigInt, _>(&mut out, ", evidence_hash = ", &row.evidence_hash)?;
        bind::<Nullable<Text>, _>(&mut out, ", provider_message_id = ", &row.provider_message_id)?;
        bind::<Nullable<Text>, _>(&mut out, ", provider_status = ", &row.provider_status)?;
        bind::<Nullable<Text>, _>(&mut out, ", bulk_id = ", &row.bulk_id)?;
        bind::<Nullable<Text>, _>(&mut out, ", error_code = ", &row.error_code)?;
        bind::<Nullable<Text>, _>(&mut out, ", error = ", &row.error)?;
        bind::<Integer, _>(&mut out, ", attempts = ", &row.attempts)?;
        bind::<SmallInt, _>(&mut out, ", ambiguous = ", &row.ambiguous)?;
        bind::<SmallInt, _>(&mut out, ", crashes = ", &row.crashes)?;
        bind::<Bool, _>(&mut out, ", possible_duplicate = ", &row.possible_duplicate)?;
        bind::<Nullable<GuidSql>, _>(&mut out, ", held_by = ", &row.held_by)?;
        bind::<Integer, _>(&mut out, ", epoch = ", &row.epoch)?;
        bind::<Nullable<InstantSql>, _>(&mut out, ", due_at = ", &row.due_at)?;
        bind::<Nullable<InstantSql>, _>(&mut out, ", sent_at = ", &row.sent_at)?;
        bind::<Nullable<InstantSql>, _>(&mut out, ", delivered_at = ", &row.delivered_at)?;
        bind::<Nullable<InstantSql>, _>(&mut out, ", failed_at = ", &row.failed_at)?;
        bind::<InstantSql, _>(&mut out, ", updated_at = ", &row.updated_at)?;
        bind::<Integer, _>(&mut out, ", version = ", &row.version)?;
        bind::<BigInt, _>(&mut out, ", lane = ", &row.lane)?;
        bind::<GuidSql, _>(&mut out, " WHERE id = ", &row.id)?;
        bind::<Integer, _>(&mut out, " AND version = ", &row.was)
    }
}
