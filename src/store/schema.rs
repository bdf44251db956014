//! The tables as Diesel sees them, on both databases; `migrations/` holds the truth.

#![allow(clippy::wildcard_imports, reason = "the types of the columns, as Diesel's own tools write it")]

mod webhooks;

use diesel::table;

pub use webhooks::{owner_events, webhook_cursors, webhook_endpoints, webhook_exceptions};

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::Instant;
    users (id) {
        id -> BigInt,
        name -> Text,
        sender_name -> Nullable<Text>,
        created_at -> Instant,
        max_in_flight -> Nullable<Integer>,
        disabled_at -> Nullable<Instant>,
        tokens_since -> Nullable<Instant>,
        senders -> Nullable<Text>,
        accounts -> Nullable<Text>,
        countries -> Nullable<Text>,
        segments_per_day -> Nullable<Integer>,
        segments_per_month -> Nullable<Integer>,
        per_number -> Nullable<Integer>,
        per_number_seconds -> Nullable<Integer>,
        max_calls -> Nullable<Integer>,
        max_streams -> Nullable<Integer>,
        max_uploads -> Nullable<Integer>,
        max_refreshes -> Nullable<Integer>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::Instant;
    audit (id) {
        id -> BigInt,
        at -> Instant,
        actor -> Text,
        act -> SmallInt,
        owner_id -> Nullable<BigInt>,
        subject -> Text,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::Instant;
    spent (owner_id, period, began) {
        owner_id -> BigInt,
        period -> SmallInt,
        began -> Instant,
        segments -> BigInt,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::Instant;
    api_keys (id) {
        id -> BigInt,
        user_id -> BigInt,
        hash -> Binary,
        hint -> Text,
        scopes -> Text,
        created_at -> Instant,
        revoked_at -> Nullable<Instant>,
        name -> Nullable<Text>,
        expires_at -> Nullable<Instant>,
        last_used_at -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::Instant;
    campaigns (id) {
        id -> BigInt,
        owner_id -> BigInt,
        name -> Text,
        text -> Text,
        sender -> Nullable<Text>,
        delivery_guarantee -> SmallInt,
        scheduled_at -> Nullable<Instant>,
        validity_seconds -> BigInt,
        state -> SmallInt,
        first_sent_at -> Nullable<Instant>,
        created_at -> Instant,
        updated_at -> Instant,
        recipients -> BigInt,
        duplicates -> BigInt,
        invalid -> BigInt,
        expanded -> BigInt,
        expanded_to -> Text,
        started_at -> Nullable<Instant>,
        ended_at -> Nullable<Instant>,
        reference -> Nullable<Text>,
        metadata -> Nullable<Text>,
        steps -> Integer,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::{Guid, Instant};
    messages (id) {
        id -> Guid,
        owner_id -> BigInt,
        campaign_id -> Nullable<BigInt>,
        destination -> Text,
        text -> Text,
        sender -> Text,
        traffic_account_id -> Text,
        segments -> SmallInt,
        encoding -> SmallInt,
        delivery_guarantee -> SmallInt,
        created_at -> Instant,
        scheduled_at -> Nullable<Instant>,
        expires_at -> Instant,
        dispatch -> SmallInt,
        delivery_rank -> SmallInt,
        status -> SmallInt,
        evidence_at -> Nullable<Instant>,
        evidence_hash -> BigInt,
        provider_message_id -> Nullable<Text>,
        provider_status -> Nullable<Text>,
        bulk_id -> Nullable<Text>,
        error_code -> Nullable<Text>,
        error -> Nullable<Text>,
        attempts -> Integer,
        ambiguous -> SmallInt,
        crashes -> SmallInt,
        possible_duplicate -> Bool,
        held_by -> Nullable<Guid>,
        epoch -> Integer,
        due_at -> Nullable<Instant>,
        sent_at -> Nullable<Instant>,
        delivered_at -> Nullable<Instant>,
        failed_at -> Nullable<Instant>,
        updated_at -> Instant,
        version -> Integer,
        lane -> BigInt,
        reference -> Nullable<Text>,
        metadata -> Nullable<Text>,
        supersede_key -> Nullable<Text>,
        superseded_id -> Nullable<Guid>,
        superseded -> Nullable<SmallInt>,
        traceparent -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::{Guid, Instant};
    events (message_id, version) {
        message_id -> Guid,
        version -> Integer,
        owner_id -> BigInt,
        at -> Instant,
        kind -> SmallInt,
        from_status -> SmallInt,
        to_status -> SmallInt,
        attempt -> Integer,
        evidence -> Text,
        place -> Nullable<BigInt>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::{Guid, Instant};
    idempotency_keys (owner_id, call, key) {
        owner_id -> BigInt,
        call -> SmallInt,
        key -> Text,
        fingerprint -> Binary,
        message_id -> Nullable<Guid>,
        campaign_id -> Nullable<BigInt>,
        created_at -> Instant,
    }
}

table! {
    campaign_counters (campaign_id, status) {
        campaign_id -> BigInt,
        status -> SmallInt,
        n -> BigInt,
    }
}

table! {
    campaign_counter_changes (id) {
        id -> BigInt,
        campaign_id -> BigInt,
        status -> SmallInt,
        n -> BigInt,
    }
}

table! {
    recipients (campaign_id, destination) {
        campaign_id -> BigInt,
        destination -> Text,
        variables -> Text,
        reference -> Nullable<Text>,
        metadata -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::{Guid, Instant};
    gates (name) {
        name -> Text,
        rate -> Nullable<Integer>,
        burst -> Nullable<Integer>,
        admitted_to -> Nullable<Instant>,
        hold -> SmallInt,
        hold_until -> Nullable<Instant>,
        hold_since -> Nullable<Instant>,
        hold_code -> Nullable<Text>,
        strikes -> Integer,
        probed_by -> Nullable<Guid>,
        probed_until -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::Instant;
    opt_outs (owner_id, destination) {
        owner_id -> BigInt,
        destination -> Text,
        source -> SmallInt,
        created_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::{Guid, Instant};
    reports (id) {
        id -> Guid,
        received_at -> Instant,
        form -> SmallInt,
        body -> Binary,
        message_id -> Nullable<Guid>,
        provider_message_id -> Nullable<Text>,
        state -> SmallInt,
        tries -> SmallInt,
        due_at -> Nullable<Instant>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::{Guid, Instant};
    inbound (id) {
        id -> Guid,
        received_at -> Instant,
        form -> SmallInt,
        body -> Binary,
        state -> SmallInt,
        due_at -> Nullable<Instant>,
        verdict -> Nullable<SmallInt>,
        owner_id -> Nullable<BigInt>,
        number -> Nullable<Text>,
        effect -> Nullable<SmallInt>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::Instant;
    seen_posts (id) {
        id -> Binary,
        until_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::{Guid, Instant};
    chores (name) {
        name -> Text,
        after_id -> Guid,
        due_at -> Instant,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::Guid;
    chores_left (chore, message_id) {
        chore -> Text,
        message_id -> Guid,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::{Guid, Instant};
    processes (holder) {
        holder -> Guid,
        started_at -> Instant,
        seen_at -> Instant,
        key_check -> Nullable<Binary>,
        version -> Nullable<Text>,
        in_flight -> Nullable<Integer>,
    }
}

table! {
    use diesel::sql_types::*;
    pseudonym_key (id) {
        id -> SmallInt,
        check_value -> Binary,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::store::columns::sql::Guid;
    legacy_imports (kind, legacy_id) {
        kind -> SmallInt,
        legacy_id -> BigInt,
        our_id -> Nullable<BigInt>,
        message_id -> Nullable<Guid>,
    }
}
