//! Faults of the configuration: each names the variable and the remedy in one line.

use std::fmt;

/// A fault of the configuration: one line, with the variable's name and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}")]
pub struct Error {
    line: String,
    passes: bool,
}

impl Error {
    /// A line of one's own.
    pub fn new(line: impl Into<String>) -> Self {
        // One line, whatever a cause puts into it.
        Self { line: line.into().replace(['\n', '\r'], " "), passes: false }
    }

    /// The same, of something outside that may be mended without a change of the configuration: a database that is away, a port that is
    /// taken. Whoever supervises the process may start it again.
    #[must_use]
    pub fn that_passes(self) -> Self {
        Self { passes: true, ..self }
    }

    /// Whether it may be over by itself.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.passes
    }

    /// A line on a variable or an argument: the fault, and what it should be.
    pub fn of(name: &str, problem: impl fmt::Display) -> Self {
        Self::new(format!("{name} {problem}"))
    }
}
