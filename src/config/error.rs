//! Faults of the configuration: each names the variable and the remedy in one line.

use std::fmt;

/// A fault of the configuration: one line, with the variable's name and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    /// A line of one's own.
    pub fn new(line: impl Into<String>) -> Self {
        // One line, whatever a cause puts into it.
        Self(line.into().replace(['\n', '\r'], " "))
    }

    /// A line on a variable or an argument: the fault, and what it should be.
    pub fn of(name: &str, problem: impl fmt::Display) -> Self {
        Self::new(format!("{name} {problem}"))
    }
}
