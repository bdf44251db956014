//! The columns of what a user may spend, and have at once.

use diesel::prelude::*;
use jiff::SignedDuration;

use crate::domain::allowed::Allowed;
use crate::domain::at_once::AtOnce;
use crate::domain::spend::{Limits, PerNumber};
use crate::store::schema::users;

/// The columns of a user's limits.
#[derive(Debug, Clone, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = users, treat_none_as_null = true)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub(super) struct LimitsRow {
    pub countries: Option<String>,
    pub segments_per_day: Option<i32>,
    pub segments_per_month: Option<i32>,
    pub per_number: Option<i32>,
    pub per_number_seconds: Option<i32>,
}

impl From<&LimitsRow> for Limits {
    fn from(row: &LimitsRow) -> Self {
        let positive = |n: i32| u32::try_from(n).ok();
        let of_number = |(messages, seconds): (u32, i32)| PerNumber {
            messages,
            window: SignedDuration::from_secs(i64::from(seconds)),
        };
        Self {
            per_day: row.segments_per_day.and_then(positive),
            per_month: row.segments_per_month.and_then(positive),
            countries: Allowed::from_stored(row.countries.as_deref()),
            per_number: row.per_number.and_then(positive).zip(row.per_number_seconds).map(of_number),
        }
    }
}

impl From<&Limits> for LimitsRow {
    fn from(limits: &Limits) -> Self {
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        Self {
            countries: limits.countries.stored(),
            segments_per_day: limits.per_day.map(number),
            segments_per_month: limits.per_month.map(number),
            per_number: limits.per_number.map(|n| number(n.messages)),
            per_number_seconds: limits.per_number.map(|n| i32::try_from(n.window.as_secs()).unwrap_or(i32::MAX)),
        }
    }
}

/// The columns of what a user may have at once.
#[derive(Debug, Clone, AsChangeset)]
#[diesel(table_name = users, treat_none_as_null = true)]
#[expect(clippy::struct_field_names, reason = "as the columns are called")]
pub(super) struct AtOnceRow {
    pub max_calls: Option<i32>,
    pub max_streams: Option<i32>,
    pub max_uploads: Option<i32>,
    pub max_refreshes: Option<i32>,
}

impl From<&AtOnceRow> for AtOnce {
    fn from(row: &AtOnceRow) -> Self {
        let positive = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok());
        Self {
            calls: positive(row.max_calls),
            streams: positive(row.max_streams),
            uploads: positive(row.max_uploads),
            refreshes: positive(row.max_refreshes),
        }
    }
}

impl From<&AtOnce> for AtOnceRow {
    fn from(at_once: &AtOnce) -> Self {
        let number = |n: Option<u32>| n.map(|n| i32::try_from(n).unwrap_or(i32::MAX));
        Self {
            max_calls: number(at_once.calls),
            max_streams: number(at_once.streams),
            max_uploads: number(at_once.uploads),
            max_refreshes: number(at_once.refreshes),
        }
    }
}
