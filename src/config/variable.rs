//! The declaration of a variable, and how it is read.

use crate::config::declared::Declared;
use crate::config::env::Env;
use crate::config::error::Error;
use crate::config::fallback::{Default, Fallback};

/// A variable: declared once, read by `load`, printed by the reference.
#[derive(Debug, Clone, Copy)]
pub struct Variable<V, F> {
    pub(super) name: &'static str,
    pub(super) values: V,
    pub(super) fallback: F,
    pub(super) meaning: &'static str,
}

/// The values that a variable can have.
pub trait Values {
    /// The type of a value.
    type Value;

    /// Whether a value is nobody else's to know: it may come from a file.
    const SECRET: bool = false;

    /// The values in words, for the reference: a range, a form, a list.
    fn shape(&self) -> String;

    /// Reads a value; the error goes on after the variable's name and says what the value should be.
    fn read(&self, text: &str) -> Result<Self::Value, String>;
}

impl<V: Values, F: Fallback> Variable<V, F> {
    /// Reads the variable. A value that is wrong, or missing where it is required, is an error that names it.
    pub fn read(&self, env: &Env) -> Result<F::Of<V::Value>, Error> {
        let read = |text: &str| self.values.read(text).map_err(|problem| self.error(problem));
        match env.get(self) {
            Some(text) => read(text).map(F::found),
            None => self.fallback.missing(self.name, read),
        }
    }

    /// A line on this variable: the fault, and what it should be.
    pub fn error(&self, problem: impl std::fmt::Display) -> Error {
        Error::of(self.name, problem)
    }
}

impl<V: Values, F: Fallback> Declared for Variable<V, F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn shape(&self) -> String {
        self.values.shape()
    }

    fn default(&self) -> Default {
        self.fallback.default()
    }

    fn meaning(&self) -> &'static str {
        self.meaning
    }

    fn is_secret(&self) -> bool {
        V::SECRET
    }
}
