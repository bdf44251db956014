//! The names that an owner may use: sender IDs, route accounts, countries.

use std::collections::BTreeSet;

/// Every name, or these and no other. Compared as they are: `YOURBANK` is not `YourBank`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Allowed {
    /// Every name.
    #[default]
    Any,
    /// These.
    Only(BTreeSet<String>),
}

impl Allowed {
    /// The word for every name where names are given.
    pub const ANY: &str = "*";
    /// The most names of one list.
    pub const MOST: usize = 100;

    /// None at all.
    #[must_use]
    pub fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Takes what the database holds: words, or nothing for every name.
    #[must_use]
    pub fn from_stored(words: Option<&str>) -> Self {
        words.map_or(Self::Any, |words| Self::Only(words.split_whitespace().map(str::to_owned).collect()))
    }

    /// As the database holds it; the other way of [`Allowed::from_stored`].
    #[must_use]
    pub fn stored(&self) -> Option<String> {
        match self {
            Self::Any => None,
            Self::Only(names) => Some(names.iter().map(String::as_str).collect::<Vec<_>>().join(" ")),
        }
    }

    /// Whether this name is one of them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => names.contains(name),
        }
    }

    /// Adds a name; [`Allowed::ANY`] adds every one. Returns false if the list is full.
    #[must_use]
    pub fn add(&mut self, name: &str) -> bool {
        match self {
            Self::Any => true,
            _ if name == Self::ANY => {
                *self = Self::Any;
                true
            }
            Self::Only(names) => {
                let fits = names.len() < Self::MOST || names.contains(name);
                if fits {
                    names.insert(name.to_owned());
                }
                fits
            }
        }
    }

    /// Takes a name away. Where every name is allowed nothing but [`Allowed::ANY`] can be, and none is left then.
    /// Returns false if it was not there.
    #[must_use]
    pub fn remove(&mut self, name: &str) -> bool {
        match self {
            Self::Any if name == Self::ANY => {
                *self = Self::none();
                true
            }
            Self::Any => false,
            Self::Only(names) => names.remove(name),
        }
    }
}

impl std::fmt::Display for Allowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.stored() {
            None => f.write_str(Self::ANY),
            Some(none) if none.is_empty() => f.write_str("-"),
            Some(names) => f.write_str(&names),
        }
    }
}
