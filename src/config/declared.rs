//! A declared variable, whatever its values are: for whoever prints it, or looks it up by its name.

use crate::config::fallback::Default;

/// A declaration, whatever its values are.
pub trait Declared {
    /// The variable's name.
    fn name(&self) -> &'static str;

    /// Its values in words.
    fn shape(&self) -> String;

    /// The fallback.
    fn default(&self) -> Default;

    /// Its meaning.
    fn meaning(&self) -> &'static str;

    /// Whether it may come from a file that `NAME_FILE` names.
    fn is_secret(&self) -> bool;
}
