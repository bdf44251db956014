//! The fallback of a variable that is not set: an error, a value, or nothing.

use crate::config::error::Error;

/// The fallback of a variable that is not set.
pub trait Fallback {
    /// The result of reading: the value, or an option of it.
    type Of<T>;

    /// A value that was set.
    fn found<T>(value: T) -> Self::Of<T>;

    /// The result without a value; `read` reads a text as one.
    fn missing<T>(&self, name: &str, read: impl FnOnce(&str) -> Result<T, Error>) -> Result<Self::Of<T>, Error>;

    /// Its words in the reference.
    fn default(&self) -> Default;
}

/// The words of the reference on a variable that is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// Serving needs it.
    Required,
    /// Nothing counts.
    None,
    /// This value counts.
    Value(&'static str),
    /// It depends on other things: in words.
    Derived(&'static str),
    /// The system sets it, and nobody has to.
    System,
}

/// Serving needs the variable; the error's words after its name.
#[derive(Debug, Clone, Copy)]
pub struct Required(pub &'static str);

/// This value counts, read like one that was set.
#[derive(Debug, Clone, Copy)]
pub struct Is(pub &'static str);

/// Nothing counts.
#[derive(Debug, Clone, Copy)]
pub struct Unset;

/// It follows from something else, which `load` knows: in words.
#[derive(Debug, Clone, Copy)]
pub struct Derived(pub &'static str);

/// The system sets it.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Fallback for Required {
    type Of<T> = T;

    fn found<T>(value: T) -> T {
        value
    }

    fn missing<T>(&self, name: &str, _: impl FnOnce(&str) -> Result<T, Error>) -> Result<T, Error> {
        Err(Error::of(name, self.0))
    }

    fn default(&self) -> Default {
        Default::Required
    }
}

impl Fallback for Is {
    type Of<T> = T;

    fn found<T>(value: T) -> T {
        value
    }

    fn missing<T>(&self, _: &str, read: impl FnOnce(&str) -> Result<T, Error>) -> Result<T, Error> {
        read(self.0)
    }

    fn default(&self) -> Default {
        Default::Value(self.0)
    }
}

/// Without it there is nothing to read.
macro_rules! optional {
    ($fallback:ty, $self:ident => $default:expr) => {
        impl Fallback for $fallback {
            type Of<T> = Option<T>;

            fn found<T>(value: T) -> Option<T> {
                Some(value)
            }

            fn missing<T>(&self, _: &str, _: impl FnOnce(&str) -> Result<T, Error>) -> Result<Option<T>, Error> {
                Ok(None)
            }

            fn default(&$self) -> Default {
                $default
            }
        }
    };
}
optional!(Unset, self => Default::None);
optional!(Derived, self => Default::Derived(self.0));
optional!(System, self => Default::System);
