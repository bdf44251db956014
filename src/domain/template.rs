//! Texts with placeholders such as `{{first_name}}`: read once, filled in for each recipient.
//!
//! `{{` always begins a placeholder: a text in which it does not is refused, and says where, so that a typing error is
//! found before it reaches a thousand handsets. A single `{`, and a `}}` that ends nothing, are text.

use std::collections::BTreeMap;

use crate::domain::text::{self, MessageText};

/// The longest name of a variable, in characters.
const MAX_NAME: usize = 64;
/// The most variables of one recipient.
const MAX_VARIABLES: usize = 32;
/// The longest value of a variable, in characters.
const MAX_VALUE: usize = 1000;

/// A text that is read. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(String),
}

/// A `{{` that begins no placeholder: a sentence that says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "has {{{{ at character {at} that begins no placeholder: one is {{{{name}}}}, \
     of 1 to {MAX_NAME} letters A to Z, digits and underscores"
)]
pub struct Invalid {
    /// Its place in the text, in characters from 1.
    pub at: usize,
}

impl Template {
    /// Reads a text. A name has 1 to 64 ASCII letters, digits and underscores; spaces around it are passed over.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, inside)) = rest.split_once("{{") {
            let at = || text.len() - inside.len() - "{{".len();
            let position = || text.get(..at()).map_or(0, |before| before.chars().count()) + 1;
            let closed = inside.split_once("}}").map(|(name, after)| (name.trim_matches(' '), after));
            let Some((name, after)) = closed.filter(|(name, _)| is_name(name)) else {
                return Err(Invalid { at: position() });
            };
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Placeholder(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    /// Takes a text that was checked when it was stored.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|_| Self { pieces: vec![Piece::Text(text.to_owned())] })
    }

    /// Whether it has no placeholder: every recipient gets the same text.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.names().next().is_none()
    }

    /// The names of the placeholders, in order of appearance.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| if let Piece::Placeholder(name) = piece { Some(&**name) } else { None })
    }

    /// The text for one recipient. What a value holds is text, even if it looks like a placeholder.
    pub fn render(&self, variables: &Variables) -> Result<MessageText, Unsendable> {
        let mut out = String::new();
        for piece in &self.pieces {
            out += match piece {
                Piece::Text(text) => text,
                Piece::Placeholder(name) => variables.0.get(name).ok_or_else(|| Unsendable::Missing(name.clone()))?,
            };
            // Before the next value: many placeholders of long values would become megabytes.
            if out.len() > text::MAX_BYTES {
                return Err(Unsendable::Text(text::Invalid::TooLong));
            }
        }
        MessageText::parse(&out).map_err(Unsendable::Text)
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template({} pieces)", self.pieces.len())
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Why a text cannot be sent to a recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// A placeholder has no variable.
    #[error("variables.{0} is missing, and the text needs it")]
    Missing(String),
    /// The outcome is no message.
    #[error("text {0}")]
    Text(text::Invalid),
}

/// The values of a text's placeholders. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Variables(BTreeMap<String, String>);

/// Why variables cannot be used: a sentence without any value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadVariables {
    /// There are too many.
    #[error("variables has more than {MAX_VARIABLES} entries")]
    TooMany,
    /// One has a name that no placeholder can have.
    #[error("variables has a name that is not 1 to {MAX_NAME} letters A to Z, digits and underscores")]
    Name,
    /// A value is too long.
    #[error("variables.{0} has more than {MAX_VALUE} characters")]
    TooLong(String),
    /// A value has a character that no message should have.
    #[error("variables.{0} has a control character other than a line feed")]
    Control(String),
}

impl Variables {
    /// Takes variables: at most 32, values of at most 1,000 characters, none of them a control character but for `\n`.
    pub fn parse(given: impl IntoIterator<Item = (String, String)>) -> Result<Self, BadVariables> {
        let mut variables = BTreeMap::new();
        for (name, value) in given {
            if !is_name(&name) {
                return Err(BadVariables::Name);
            }
            if value.chars().nth(MAX_VALUE).is_some() {
                return Err(BadVariables::TooLong(name));
            }
            if value.chars().any(|c| c.is_control() && c != '\n') {
                return Err(BadVariables::Control(name));
            }
            variables.insert(name, value);
            if variables.len() > MAX_VARIABLES {
                return Err(BadVariables::TooMany);
            }
        }
        Ok(Self(variables))
    }

    /// Lets go of those that the text does not name.
    #[must_use]
    pub fn only_for(mut self, template: &Template) -> Self {
        self.0.retain(|name, _| template.names().any(|needed| needed == name));
        self
    }

    /// As the database holds them: a JSON object, or nothing if there are none.
    #[must_use]
    pub fn to_stored(&self) -> String {
        if self.0.is_empty() { String::new() } else { serde_json::json!(self.0).to_string() }
    }

    /// Takes variables that were checked when they were stored.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }
}

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Variables({})", self.0.len())
    }
}
