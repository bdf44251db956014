//! The five characters by which Postgres names an error in every language, and what each of them means for a caller.
//!
//! Source: the documentation of Postgres, appendix A, on its error codes.

use std::fmt;

/// An error's SQLSTATE: five ASCII digits and capital letters, of which the first two name the error's family.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

/// The kind of an error: a caller's possible answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A transaction lost a race and was rolled back whole: the same transaction may win if it is run again at once.
    Race,
    /// The server cannot serve now, whatever is asked of it: the same statement may work later.
    Unavailable,
    /// The statement itself, or the data: it fails the same way however often it is run.
    Fault,
}

/// The beginnings of the SQLSTATEs that are no [`Class::Fault`].
const MEANINGS: [(&str, Class); 10] = [
    // serialization_failure: another transaction changed what this one had read.
    ("40001", Class::Race),
    // deadlock_detected: each of two waited for the other, and this one was chosen to give way.
    ("40P01", Class::Race),
    // lock_not_available: NOWAIT or lock_timeout; the row is free again when its transaction ends.
    ("55P03", Class::Race),
    // connection_exception and its kin: the connection broke, or could not be made.
    ("08", Class::Unavailable),
    // insufficient_resources: disk full, out of memory, too many connections.
    ("53", Class::Unavailable),
    // operator_intervention: stopping, starting, in recovery, terminated, or cancelled by statement_timeout (57014).
    ("57", Class::Unavailable),
    // system_error: the server's disk or file system failed, not the statement.
    ("58", Class::Unavailable),
    // read_only_sql_transaction: a replica that was the primary a moment ago.
    ("25006", Class::Unavailable),
    // idle_in_transaction_session_timeout: this program stalled inside a transaction, and the server rolled it back.
    ("25P03", Class::Unavailable),
    // transaction_timeout (since Postgres 17): the same for a transaction that took too long as a whole.
    ("25P04", Class::Unavailable),
];

impl SqlState {
    /// `disk_full`: there is no room to write.
    pub const DISK_FULL: Self = Self(*b"53100");

    /// The SQLSTATE that `code` spells, if it is one: exactly five ASCII digits and capital letters.
    #[must_use]
    pub fn parse(code: &[u8]) -> Option<Self> {
        let spelled = |code: &[u8; 5]| code.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        code.try_into().ok().filter(spelled).map(Self)
    }

    /// The five characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // ASCII, as `parse` made sure.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The kind of error, which says what a caller may do.
    #[must_use]
    pub fn class(self) -> Class {
        let meaning = MEANINGS.iter().find(|(beginning, _)| self.as_str().starts_with(beginning));
        meaning.map_or(Class::Fault, |(_, class)| *class)
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlState({self})")
    }
}
