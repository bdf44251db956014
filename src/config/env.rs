//! The environment as a map that was passed in, and errors that name the variable and the remedy in one line.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::config::reference::REFERENCE;

/// The environment's variables.
#[derive(Clone, Default)]
pub struct Env(HashMap<String, String>);

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env({} variables)", self.0.len())
    }
}

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

    /// The fault of a variable, and what it should be.
    pub fn of(variable: &str, problem: impl fmt::Display) -> Self {
        Self::new(format!("{variable} {problem}"))
    }
}

impl Env {
    /// These variables.
    #[must_use]
    pub fn new(variables: HashMap<String, String>) -> Self {
        Self(variables)
    }

    /// A variable's value; empty counts as not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(REFERENCE.iter().any(|v| v.name == name), "{name} is missing in the reference");
        self.0.get(name).map(|v| v.trim()).filter(|v| !v.is_empty())
    }

    /// A variable's value read as `T`, which `shape` describes.
    pub fn parse<T: FromStr>(&self, name: &str, shape: &str) -> Result<Option<T>, Error> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Error::of(name, format_args!("must be {shape}")))
    }

    /// A number within bounds.
    pub fn number(&self, name: &str, default: u64, bounds: std::ops::RangeInclusive<u64>) -> Result<u64, Error> {
        let shape = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let n = self.parse(name, &shape)?.unwrap_or(default);
        if bounds.contains(&n) { Ok(n) } else { Err(Error::of(name, format_args!("must be {shape}"))) }
    }

    /// A switch: 1, true, yes, on or 0, false, no, off.
    pub fn switch(&self, name: &str, default: bool) -> Result<bool, Error> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(default),
            Some("1" | "true" | "yes" | "on") => Ok(true),
            Some("0" | "false" | "no" | "off") => Ok(false),
            Some(_) => Err(Error::of(name, "must be 1 or 0")),
        }
    }

    /// The same environment with a variable set, unless it is set already.
    #[must_use]
    pub fn or(mut self, name: &str, value: impl Into<String>) -> Self {
        if self.get(name).is_none() {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    /// The same environment with a variable set, whatever it was.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
}
