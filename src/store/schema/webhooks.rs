//! The tables of webhook endpoints, and of the events that they are told of besides changes of messages.

#![allow(clippy::wildcard_imports, reason = "the types of the columns, as Diesel's own tools write it")]

use diesel::table;

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::{Guid, Instant};
    webhook_endpoints (id) {
        id -> Guid,
        owner_id -> BigInt,
        url -> Text,
        description -> Text,
        types -> Text,
        campaign_id -> Nullable<BigInt>,
        metadata -> Nullable<Text>,
        max_batch -> SmallInt,
        max_wait_ms -> Integer,
        max_rate -> Nullable<Integer>,
        max_age_seconds -> BigInt,
        with_destination -> Bool,
        with_text -> Bool,
        state -> SmallInt,
        key_mark -> Binary,
        rotation -> Integer,
        old_mark -> Nullable<Binary>,
        old_rotation -> Nullable<Integer>,
        old_until -> Nullable<Instant>,
        revision -> Integer,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::{Guid, Instant};
    webhook_cursors (id) {
        id -> Guid,
        endpoint_id -> Guid,
        owner_id -> BigInt,
        kind -> SmallInt,
        active -> Bool,
        until_place -> Nullable<BigInt>,
        types -> Text,
        place -> BigInt,
        message_id -> Guid,
        version -> Integer,
        ahead -> Binary,
        held_by -> Nullable<Guid>,
        epoch -> Integer,
        held_until -> Nullable<Instant>,
        probes -> Integer,
        failing_since -> Nullable<Instant>,
        next_try_at -> Nullable<Instant>,
        taken_at -> Nullable<Instant>,
        outcome -> Nullable<SmallInt>,
        http_status -> Nullable<SmallInt>,
        created_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::{Guid, Instant};
    webhook_exceptions (id) {
        id -> Guid,
        cursor_id -> Guid,
        endpoint_id -> Guid,
        message_id -> Guid,
        version -> Integer,
        place -> BigInt,
        from_status -> SmallInt,
        to_status -> SmallInt,
        at -> Instant,
        state -> SmallInt,
        tries -> Integer,
        first_at -> Instant,
        next_try_at -> Nullable<Instant>,
        outcome -> Nullable<SmallInt>,
        http_status -> Nullable<SmallInt>,
        updated_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::{Guid, Instant};
    owner_events (subject, version) {
        subject -> Guid,
        version -> Integer,
        owner_id -> BigInt,
        place -> BigInt,
        kind -> SmallInt,
        at -> Instant,
        campaign_id -> Nullable<BigInt>,
        number -> Nullable<Text>,
        source -> Nullable<SmallInt>,
        about -> Nullable<Text>,
    }
}

diesel::joinable!(webhook_cursors -> webhook_endpoints (endpoint_id));
diesel::allow_tables_to_appear_in_same_query!(webhook_cursors, webhook_endpoints);
