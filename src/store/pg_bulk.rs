//! Many rows in one Postgres statement: columns as arrays, unnested. Prepared once per connection, whatever the number
//! of rows, which `VALUES` lists cannot be. On SQLite the same columns go in row by row.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text};

use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant};
use crate::store::counters::ChangeRow;
use crate::store::journal::PLACE;
use crate::store::rows::{EventRow, KeyRow, MessageRow, StateRow};

/// Declares a statement over the columns of a row type: `before`, `UNNEST(the columns)`, `after`.
///
/// With `or One into table` also the statement that inserts one such row on SQLite.
macro_rules! unnest {
    ($(#[$doc:meta])* $name:ident of $row:ident, $before:expr, $after:expr, $columns:tt, or $one:ident into $table:ident
        $(, with $more:ident: $more_rust:ty => $more_sql:ty)?) => {
        unnest! { $(#[$doc])* $name of $row, $before, $after, $columns }
        crate::store::sqlite_rows::insert! {
            $one of $row into $table, $columns $(, with $more: $more_rust => $more_sql)?
        }
    };
    ($(#[$doc:meta])* $name:ident of $row:ident, $before:expr, $after:expr, { $($column:ident: $rust:ty => $sql:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Default, QueryId)]
        pub(super) struct $name { $($column: Vec<$rust>),* }

        impl $name {
            pub(super) fn of(rows: impl Iterator<Item = $row>) -> Self {
                let mut columns = Self::default();
                for row in rows {
                    $(columns.$column.push(row.$column);)*
                }
                columns
            }
        }

        impl QueryFragment<Pg> for $name {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_sql($before);
                let mut separator = "UNNEST(";
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<Array<$sql>, Vec<$rust>>(&self.$column)?;
                    separator = ", ";
                )*
                let _ = separator;
                out.push_sql($after);
                Ok(())
            }
        }
    };
}
pub(super) use unnest;

unnest! {
    /// Inserts messages.
    InsertMessages of MessageRow,
    "INSERT INTO messages (id, owner_id, campaign_id, destination, text, sender, traffic_account_id, segments, encoding, \
     delivery_guarantee, created_at, scheduled_at, expires_at, dispatch, delivery_rank, status, evidence_at, \
     evidence_hash, provider_message_id, provider_status, bulk_id, error_code, error, attempts, ambiguous, crashes, \
     possible_duplicate, held_by, epoch, due_at, sent_at, delivered_at, failed_at, updated_at, version, lane, \
     reference, metadata, supersede_key, superseded_id, superseded, traceparent) SELECT * FROM ",
    ")",
    {
        id: Guid => GuidSql,
        owner_id: i64 => BigInt,
        campaign_id: Option<i64> => Nullable<BigInt>,
        destination: String => Text,
        text: String => Text,
        sender: String => Text,
        traffic_account_id: String => Text,
        segments: i16 => SmallInt,
        encoding: i16 => SmallInt,
        delivery_guarantee: i16 => SmallInt,
        created_at: Instant => InstantSql,
        scheduled_at: Option<Instant> => Nullable<InstantSql>,
        expires_at: Instant => InstantSql,
        dispatch: i16 => SmallInt,
        delivery_rank: i16 => SmallInt,
        status: i16 => SmallInt,
        evidence_at: Option<Instant> => Nullable<InstantSql>,
        evidence_hash: i64 => BigInt,
        provider_message_id: Option<String> => Nullable<Text>,
        provider_status: Option<String> => Nullable<Text>,
        bulk_id: Option<String> => Nullable<Text>,
        error_code: Option<String> => Nullable<Text>,
        error: Option<String> => Nullable<Text>,
        attempts: i32 => Integer,
        ambiguous: i16 => SmallInt,
        crashes: i16 => SmallInt,
        possible_duplicate: bool => Bool,
        held_by: Option<Guid> => Nullable<GuidSql>,
        epoch: i32 => Integer,
        due_at: Option<Instant> => Nullable<InstantSql>,
        sent_at: Option<Instant> => Nullable<InstantSql>,
        delivered_at: Option<Instant> => Nullable<InstantSql>,
        failed_at: Option<Instant> => Nullable<InstantSql>,
        updated_at: Instant => InstantSql,
        version: i32 => Integer,
        lane: i64 => BigInt,
        reference: Option<String> => Nullable<Text>,
        metadata: Option<String> => Nullable<Text>,
        supersede_key: Option<String> => Nullable<Text>,
        superseded_id: Option<Guid> => Nullable<GuidSql>,
        superseded: Option<i16> => Nullable<SmallInt>,
        traceparent: Option<String> => Nullable<Text>,
    },
    or InsertMessage into messages
}

unnest! {
    /// Writes the changed states of messages that still are as they were.
    UpdateStates of StateRow,
    "UPDATE messages AS m SET dispatch = n.dispatch, delivery_rank = n.delivery_rank, status = n.status, \
     evidence_at = n.evidence_at, evidence_hash = n.evidence_hash, provider_message_id = n.provider_message_id, \
     provider_status = n.provider_status, bulk_id = n.bulk_id, error_code = n.error_code, error = n.error, \
     attempts = n.attempts, ambiguous = n.ambiguous, crashes = n.crashes, possible_duplicate = n.possible_duplicate, \
     held_by = n.held_by, epoch = n.epoch, due_at = n.due_at, sent_at = n.sent_at, delivered_at = n.delivered_at, \
     failed_at = n.failed_at, updated_at = n.updated_at, version = n.version, lane = n.lane FROM ",
    ") AS n(id, dispatch, delivery_rank, status, evidence_at, evidence_hash, provider_message_id, provider_status, \
     bulk_id, error_code, error, attempts, ambiguous, crashes, possible_duplicate, held_by, epoch, due_at, sent_at, \
     delivered_at, failed_at, updated_at, version, lane, was) WHERE m.id = n.id AND m.version = n.was",
    {
        id: Guid => GuidSql,
        dispatch: i16 => SmallInt,
        delivery_rank: i16 => SmallInt,
        status: i16 => SmallInt,
        evidence_at: Option<Instant> => Nullable<InstantSql>,
        evidence_hash: i64 => BigInt,
        provider_message_id: Option<String> => Nullable<Text>,
        provider_status: Option<String> => Nullable<Text>,
        bulk_id: Option<String> => Nullable<Text>,
        error_code: Option<String> => Nullable<Text>,
        error: Option<String> => Nullable<Text>,
        attempts: i32 => Integer,
        ambiguous: i16 => SmallInt,
        crashes: i16 => SmallInt,
        possible_duplicate: bool => Bool,
        held_by: Option<Guid> => Nullable<GuidSql>,
        epoch: i32 => Integer,
        due_at: Option<Instant> => Nullable<InstantSql>,
        sent_at: Option<Instant> => Nullable<InstantSql>,
        delivered_at: Option<Instant> => Nullable<InstantSql>,
        failed_at: Option<Instant> => Nullable<InstantSql>,
        updated_at: Instant => InstantSql,
        version: i32 => Integer,
        lane: i64 => BigInt,
        was: i32 => Integer,
    }
}

unnest! {
    /// Writes who holds messages that still are as they were: all that a claim and a fence change. Fewer columns cost the
    /// database less.
    UpdateLeases of StateRow,
    "UPDATE messages AS m SET dispatch = n.dispatch, status = n.status, attempts = n.attempts, \
     possible_duplicate = n.possible_duplicate, held_by = n.held_by, epoch = n.epoch, due_at = n.due_at, \
     updated_at = n.updated_at, version = n.version FROM ",
    ") AS n(id, dispatch, status, attempts, possible_duplicate, held_by, epoch, due_at, updated_at, version, was) \
     WHERE m.id = n.id AND m.version = n.was",
    {
        id: Guid => GuidSql,
        dispatch: i16 => SmallInt,
        status: i16 => SmallInt,
        attempts: i32 => Integer,
        possible_duplicate: bool => Bool,
        held_by: Option<Guid> => Nullable<GuidSql>,
        epoch: i32 => Integer,
        due_at: Option<Instant> => Nullable<InstantSql>,
        updated_at: Instant => InstantSql,
        version: i32 => Integer,
        was: i32 => Integer,
    }
}

unnest! {
    /// Inserts events, at the transaction's place in the journal.
    InsertEvents of EventRow,
    &format!("INSERT INTO events (message_id, version, owner_id, at, kind, from_status, to_status, attempt, evidence, \
     place) SELECT *, {PLACE} FROM "),
    ")",
    {
        message_id: Guid => GuidSql,
        version: i32 => Integer,
        owner_id: i64 => BigInt,
        at: Instant => InstantSql,
        kind: i16 => SmallInt,
        from_status: i16 => SmallInt,
        to_status: i16 => SmallInt,
        attempt: i32 => Integer,
        evidence: String => Text,
    },
    or InsertEvent into events, with place: i64 => BigInt
}

unnest! {
    /// Claims idempotency keys; answers the messages of those that nobody had.
    ClaimKeys of KeyRow,
    "INSERT INTO idempotency_keys (owner_id, call, key, fingerprint, message_id, campaign_id, created_at) \
     SELECT * FROM ",
    ") ON CONFLICT DO NOTHING RETURNING message_id",
    {
        owner_id: i64 => BigInt,
        call: i16 => SmallInt,
        key: String => Text,
        fingerprint: Vec<u8> => Binary,
        message_id: Option<Guid> => Nullable<GuidSql>,
        campaign_id: Option<i64> => Nullable<BigInt>,
        created_at: Instant => InstantSql,
    }
}

impl Query for ClaimKeys {
    type SqlType = Nullable<GuidSql>;
}

unnest! {
    /// Inserts changes of campaign counters.
    InsertCounts of ChangeRow,
    "INSERT INTO campaign_counter_changes (campaign_id, status, n) SELECT * FROM ",
    ")",
    {
        campaign_id: i64 => BigInt,
        status: i16 => SmallInt,
        n: i64 => BigInt,
    },
    or InsertCount into campaign_counter_changes
}
