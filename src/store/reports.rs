//! Delivery reports: written as they came and applied before they are acknowledged, and read again.

mod apply;
mod intake;
mod replay;

use diesel::prelude::*;

pub use apply::Applied;
pub(super) use intake::Intake;
pub use replay::Standing;

use crate::domain::report::{Form, Report};
use crate::store::columns::{Guid, Instant};
use crate::store::schema::reports;

/// How a report stands. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum ReportStage {
    /// It waits to be applied, or for its message.
    Waiting = 1,
    /// It was applied.
    Applied = 2,
    /// Its message did not come in 72 hours.
    Unmatched = 3,
    /// It cannot be read.
    Unreadable = 4,
}

/// A row of `reports`.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = reports, treat_none_as_default_value = false)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub(super) struct ReportRow {
    id: Guid,
    received_at: Instant,
    form: i16,
    body: Vec<u8>,
    message_id: Option<Guid>,
    provider_message_id: Option<String>,
    state: i16,
    tries: i16,
    due_at: Option<Instant>,
}

impl ReportRow {
    fn report(&self) -> Option<Report> {
        Report::read(Form::from_number(self.form), &self.body)
    }
}

/// A report as it is stored, and what it says; nothing, if it cannot be read.
type ParsedReport = (ReportRow, Option<Report>);
