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
    /// The server cannot serve this now, whatever the rows are: it stops, is full, lacks a table or grants no right to it. The same
    /// statement may work later.
    Unavailable,
    /// The rows of the statement: it fails the same way however often it is run, and others do not.
    Fault,
}

/// The beginnings of the SQLSTATEs that are no [`Class::Unavailable`]: what is not known to be about this statement's own rows may be
/// about the server, its schema or the role's rights, which somebody mends, and costs no row anything.
const MEANINGS: [(&str, Class); 13] = [
    // serialization_failure: another transaction changed what this one had read.
    ("40001", Class::Race),
    // deadlock_detected: each of two waited for the other, and this one was chosen to give way.
    ("40P01", Class::Race),
    // lock_not_available: NOWAIT or lock_timeout; the row is free again when its transaction ends.
    ("55P03", Class::Race),
    // transaction_integrity_constraint_violation: a constraint that is asked at COMMIT.
    ("40002", Class::Fault),
    // cardinality_violation: a row twice in one statement.
    ("21", Class::Fault),
    // data_exception: a value that its type does not take.
    ("22", Class::Fault),
    // integrity_constraint_violation.
    ("23", Class::Fault),
    // triggered_data_change_violation.
    ("27", Class::Fault),
    // with_check_option_violation: a row that its own writer may not see.
    ("44", Class::Fault),
    // program_limit_exceeded: a row or an index entry that is too large.
    ("54", Class::Fault),
    // plpgsql_error: a trigger that raises one.
    ("P0", Class::Fault),
    // data_corrupted and index_corrupted: some rows cannot be read, and the others can.
    ("XX001", Class::Fault),
    ("XX002", Class::Fault),
];

impl SqlState {
    /// `disk_full`: there is no room to write.
    pub const DISK_FULL: Self = Self(*b"53100");
    /// `lock_not_available`: a row was waited for as long as the session waits for one.
    pub const LOCK_NOT_AVAILABLE: Self = Self(*b"55P03");

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
        meaning.map_or(Class::Unavailable, |(_, class)| *class)
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
