//! The failures of the database, in words for operators, and which of it may be tried again.

use std::fmt;
use std::sync::Arc;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::postgres::{Class, SqlState};

/// The failures of the database. The words are for operators and never leave the process.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// It cannot be reached or does not answer: nothing was committed, and trying again may help.
    #[error("the database cannot be reached: {0}")]
    Unavailable(Cause),
    /// It was asked to commit, and its answer is lost: the transaction may have been committed, or may be yet.
    #[error("the database's answer to a commit is lost: {0}")]
    InDoubt(Cause),
    /// It refused a statement: a fault of ours.
    #[error("the database refused a statement: {0}")]
    Query(Arc<str>),
    /// It cannot be used as it is.
    #[error("{0}")]
    Setup(Arc<str>),
    /// There is none, where one has to be.
    #[error("{0}")]
    Absent(Arc<str>),
    /// Another process serves this SQLite file.
    #[error("the database {path} is being served by another process (pid {holder})")]
    Serving {
        /// The file.
        path: String,
        /// The other process's note in the lock.
        holder: String,
    },
    /// The key of the pseudonyms is not the one that numbers in this database were erased with.
    #[error("PSEUDONYM_KEY {0}")]
    Key(KeyProblem),
    /// The caller went away before anything was stored.
    #[error("the caller went away before anything was stored")]
    Cancelled,
}

/// The fault of the key: what to do, for a line that names its variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// There is none, and numbers were erased with one.
    #[error("is required: numbers in this database were erased with a key, and opt-outs among them; set that key")]
    Missing,
    /// Numbers were erased with another one.
    #[error("is not the key that numbers in this database were erased with; set that one")]
    Other,
    /// There is one, and a process that serves the database does not have it.
    #[error("is not that of every process that serves this database: set it there, start them again, and erase then")]
    Served,
    /// There is none to erase with.
    #[error("is required to erase: a secret of 32 bytes or more, for example from openssl rand -hex 32")]
    None,
}

/// Why the database is out of reach: its words, for operators.
#[derive(Debug, Clone)]
pub struct Cause {
    words: Arc<str>,
    full: bool,
}

impl Cause {
    fn of(e: &DieselError, state: Option<SqlState>) -> Self {
        Self { words: words(e, state), full: is_full(e, state) }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl<T: Into<Arc<str>>> From<T> for Cause {
    fn from(words: T) -> Self {
        Self { words: words.into(), full: false }
    }
}

impl Error {
    pub(super) fn setup(e: impl std::fmt::Display) -> Self {
        Self::Setup(e.to_string().into())
    }

    pub(super) fn unavailable(e: impl std::fmt::Display) -> Self {
        Self::Unavailable(Cause::from(e.to_string()))
    }

    /// Whether the database has no room to write: somebody has to make some, and waiting does not.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Unavailable(why) | Self::InDoubt(why) => why.full,
            Self::Query(_)
            | Self::Setup(_)
            | Self::Absent(_)
            | Self::Serving { .. }
            | Self::Key(_)
            | Self::Cancelled => false,
        }
    }
}

/// Why a query, or a transaction's story, ended without a result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database said so, or could not be asked.
    Database(DieselError),
    /// Another transaction won, as a test asked for.
    Race,
    /// A row was not as the process believed it to be: the story is told again, and reads everything.
    Outdated,
    /// It was to commit, and nobody knows whether it did.
    InDoubt(Cause),
    /// The story itself refused.
    Refused(Error),
}

impl From<DieselError> for Failure {
    fn from(e: DieselError) -> Self {
        Self::Database(e)
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Self::Refused(e)
    }
}

impl Failure {
    /// Whether the transaction lost a race with another one and is to be tried again.
    pub(super) fn is_race(&self, state: Option<SqlState>) -> bool {
        match self {
            Self::Race => true,
            Self::Database(e) => class(e, state) == Class::Race,
            Self::Outdated | Self::InDoubt(_) | Self::Refused(_) => false,
        }
    }

    /// The same, of a COMMIT: only a server that says so in an answer has not committed.
    pub(super) fn of_commit(self, state: Option<SqlState>) -> Self {
        match self {
            Self::Database(e) if state.is_none_or(|state| state.class() == Class::Unavailable) => {
                Self::InDoubt(Cause::of(&e, state))
            }
            Self::Refused(Error::Unavailable(why)) => Self::InDoubt(why),
            known => known,
        }
    }

    /// The failure as the store's callers are told, with the SQLSTATE that the connection saw.
    pub(super) fn into_error(self, state: Option<SqlState>) -> Error {
        match self {
            Self::Refused(e) => e,
            Self::InDoubt(why) => Error::InDoubt(why),
            Self::Race => Error::Unavailable("every race was lost".into()),
            Self::Outdated => Error::Query("a row changed under its lock".into()),
            Self::Database(e) => match class(&e, state) {
                // A race that was lost many times is a database that cannot keep up.
                Class::Race | Class::Unavailable => Error::Unavailable(Cause::of(&e, state)),
                Class::Fault => Error::Query(words(&e, state)),
            },
        }
    }
}

/// The database's words, with the SQLSTATE.
fn words(e: &DieselError, state: Option<SqlState>) -> Arc<str> {
    match state {
        Some(state) => format!("{e} (SQLSTATE {})", state.as_str()).into(),
        None => e.to_string().into(),
    }
}

/// Whether it had no room to write.
fn is_full(e: &DieselError, state: Option<SqlState>) -> bool {
    match (e, state) {
        (_, Some(state)) => state == SqlState::DISK_FULL,
        (DieselError::DatabaseError(DatabaseErrorKind::Unknown, info), None) => info.message() == SQLITE_FULL,
        _ => false,
    }
}

/// The meaning of a failure. On Postgres its SQLSTATE says so; without one the server did not answer at all. SQLite has no
/// such code in Diesel's errors, but its texts are compiled in and in one language.
fn class(e: &DieselError, state: Option<SqlState>) -> Class {
    use DatabaseErrorKind as Kind;
    match (e, state) {
        (DieselError::DatabaseError(..), Some(state)) => state.class(),
        (
            DieselError::DatabaseError(
                Kind::ClosedConnection | Kind::UnableToSendCommand | Kind::ReadOnlyTransaction,
                _,
            )
            | DieselError::BrokenTransactionManager,
            None,
        ) => Class::Unavailable,
        (DieselError::DatabaseError(Kind::SerializationFailure, _), None) => Class::Race,
        (DieselError::DatabaseError(Kind::Unknown, info), None)
            if SQLITE_UNAVAILABLE.iter().any(|text| info.message().starts_with(text)) =>
        {
            Class::Unavailable
        }
        _ => Class::Fault,
    }
}

/// The one of a full disk among [`SQLITE_UNAVAILABLE`].
const SQLITE_FULL: &str = "database or disk is full";

/// How SQLite's own texts (`sqlite3ErrStr` and `sqlite3LocateTable` in its source) begin for a database that is
/// busy, full, out of reach, read-only, damaged or of another schema, a disk that fails, and a statement that was interrupted.
const SQLITE_UNAVAILABLE: [&str; 11] = [
    "database is locked",
    SQLITE_FULL,
    "disk I/O error",
    "unable to open database file",
    "attempt to write a readonly database",
    "interrupted",
    "database disk image is malformed",
    "file is not a database",
    "out of memory",
    "no such table",
    "no such column",
];
