//! The general kinds of values that variables have: how each is read, and how the reference tells it.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use crate::config::variable::Values;

/// Any text.
#[derive(Debug, Clone, Copy)]
pub struct Text;

/// A text of so many bytes or more, which prints nowhere.
#[derive(Debug, Clone, Copy)]
pub struct Secret(pub usize);

/// One of these words.
#[derive(Debug, Clone, Copy)]
pub struct OneOf(pub &'static [&'static str]);

/// Yes or no.
#[derive(Debug, Clone, Copy)]
pub struct Switch;

/// A whole number in bounds.
#[derive(Debug, Clone, Copy)]
pub struct Number<T>(pub T, pub T);

/// A whole number of seconds in bounds.
#[derive(Debug, Clone, Copy)]
pub struct Seconds(pub u64, pub u64);

/// A whole number of days up to this one; 0 is never.
#[derive(Debug, Clone, Copy)]
pub struct Days(pub u16);

/// Words, separated by commas.
#[derive(Debug, Clone, Copy)]
pub struct List;

/// The path of a file or a folder.
#[derive(Debug, Clone, Copy)]
pub struct Place;

/// The entries of a text, separated by commas.
pub(super) fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// A whole number in bounds.
fn whole<T: FromStr + PartialOrd + Display>(text: &str, of: &str, (from, to): (T, T)) -> Result<T, String> {
    let number = text.parse::<T>().ok().filter(|n| (&from..=&to).contains(&n));
    number.ok_or_else(|| format!("must be a whole number{of} from {from} to {to}"))
}

impl Values for Text {
    type Value = String;

    fn shape(&self) -> String {
        "text".to_owned()
    }

    fn read(&self, text: &str) -> Result<String, String> {
        Ok(text.to_owned())
    }
}

impl Values for Secret {
    type Value = SecretString;
    const SECRET: bool = true;

    fn shape(&self) -> String {
        format!("{} bytes or more", self.0)
    }

    fn read(&self, text: &str) -> Result<SecretString, String> {
        let short = format!("is too short: use {} bytes or more, for example from openssl rand -hex 32", self.0);
        if text.len() < self.0 { Err(short) } else { Ok(SecretString::from(text)) }
    }
}

impl Values for OneOf {
    type Value = &'static str;

    fn shape(&self) -> String {
        match self.0 {
            [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
            words => words.join(""),
        }
    }

    fn read(&self, text: &str) -> Result<&'static str, String> {
        let word = self.0.iter().find(|word| word.eq_ignore_ascii_case(text));
        word.copied().ok_or_else(|| format!("must be {}", self.shape()))
    }
}

impl Values for Switch {
    type Value = bool;

    fn shape(&self) -> String {
        "1 or 0".to_owned()
    }

    fn read(&self, text: &str) -> Result<bool, String> {
        match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Ok(true),
            "0" | "false" | "no" | "off" => Ok(false),
            _ => Err(format!("must be {}", self.shape())),
        }
    }
}

impl<T: FromStr + PartialOrd + Display + Copy> Values for Number<T> {
    type Value = T;

    fn shape(&self) -> String {
        format!("{} to {}", self.0, self.1)
    }

    fn read(&self, text: &str) -> Result<T, String> {
        whole(text, "", (self.0, self.1))
    }
}

impl Values for Seconds {
    type Value = Duration;

    fn shape(&self) -> String {
        format!("{} to {} seconds", self.0, self.1)
    }

    fn read(&self, text: &str) -> Result<Duration, String> {
        whole(text, " of seconds", (self.0, self.1)).map(Duration::from_secs)
    }
}

impl Values for Days {
    type Value = Option<u16>;

    fn shape(&self) -> String {
        format!("0 to {} days", self.0)
    }

    fn read(&self, text: &str) -> Result<Option<u16>, String> {
        whole(text, " of days", (0, self.0)).map(|days| Some(days).filter(|days| *days > 0))
    }
}

impl Values for List {
    type Value = Vec<String>;

    fn shape(&self) -> String {
        "words, separated by commas".to_owned()
    }

    fn read(&self, text: &str) -> Result<Vec<String>, String> {
        Ok(listed(text).map(str::to_owned).collect())
    }
}

impl Values for Place {
    type Value = PathBuf;

    fn shape(&self) -> String {
        "a path".to_owned()
    }

    fn read(&self, text: &str) -> Result<PathBuf, String> {
        Ok(PathBuf::from(text))
    }
}
