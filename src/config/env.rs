//! The environment as a map that was passed in.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;

use crate::config::declared::Declared;

/// The environment's variables.
#[derive(Clone, Default)]
pub struct Env {
    values: HashMap<String, String>,
    /// The names of those whose values are no text.
    unreadable: Vec<String>,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env({} variables)", self.values.len())
    }
}

impl Env {
    /// These variables.
    #[must_use]
    pub fn new(variables: HashMap<String, String>) -> Self {
        Self { values: variables, unreadable: Vec::new() }
    }

    /// The variables as the system gives them, in any bytes. One whose name is no text is none that anybody asks for.
    #[must_use]
    pub fn of_system(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut env = Self::default();
        for (name, value) in variables {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => drop(env.values.insert(name, value)),
                (Ok(name), Err(_)) => env.unreadable.push(name),
                (Err(_), _) => {}
            }
        }
        env.unreadable.sort_unstable();
        env
    }

    /// A variable's value; empty counts as not set.
    #[must_use]
    pub fn get(&self, variable: &dyn Declared) -> Option<&str> {
        self.named(variable.name())
    }

    /// The name of the system's account that the program runs for, as the shell and sudo say it.
    #[must_use]
    pub fn system_user(&self) -> Option<&str> {
        self.named("SUDO_USER").or_else(|| self.named("USER"))
    }

    /// The same environment with a variable set, unless it is set already.
    #[must_use]
    pub fn or(self, variable: &dyn Declared, value: impl Into<String>) -> Self {
        if self.get(variable).is_some() { self } else { self.with(variable, value) }
    }

    /// The same environment with a variable set, whatever it was.
    #[must_use]
    pub fn with(mut self, variable: &dyn Declared, value: impl Into<String>) -> Self {
        self.values.insert(variable.name().to_owned(), value.into());
        self
    }
}

impl Env {
    /// The names of all that is set.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The names of those whose values are no text, in their order.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = &str> {
        self.unreadable.iter().map(String::as_str)
    }

    /// The value of a variable of this name, whether or not it is declared; empty counts as not set.
    pub(super) fn named(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|v| v.trim()).filter(|v| !v.is_empty())
    }
}
