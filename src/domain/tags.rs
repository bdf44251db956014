//! A caller's own tags of a message or a campaign: its reference and its metadata. They mean nothing here, and come back as they were.

use std::collections::BTreeMap;

/// The longest reference, in characters.
const MAX_REFERENCE: usize = 128;
/// How many pairs of metadata there are at most.
const MAX_PAIRS: usize = 16;
/// The longest key, in characters.
const MAX_KEY: usize = 40;
/// The longest value, in characters.
const MAX_VALUE: usize = 256;
/// How many bytes keys and values take together at most.
const MAX_BYTES: usize = 2048;

/// A caller's own tag: 1 to 128 characters, none of them a control character. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Reference(Box<str>);

/// A caller's own pairs. Its `Debug` hides them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Metadata(BTreeMap<String, String>);

/// A caller's tags of a message or a campaign; none by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tags {
    /// The reference, if there is one. Several may have the same one.
    pub reference: Option<Reference>,
    /// The metadata; may be empty.
    pub metadata: Metadata,
}

/// Why a reference cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at most {MAX_REFERENCE} characters, none of them a control character")]
pub struct BadReference;

/// Why metadata cannot be used: a sentence without any value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMetadata {
    /// There are too many pairs.
    #[error("has more than {MAX_PAIRS} entries")]
    TooMany,
    /// A key is none.
    #[error("has a key that is not 1 to {MAX_KEY} letters A to Z, digits and . _ -")]
    Key,
    /// The value of this key is too long.
    #[error("has more than {MAX_VALUE} characters under {0}")]
    TooLong(String),
    /// All of it is too large.
    #[error("takes more than {MAX_BYTES} bytes, keys and values together")]
    TooLarge,
}

impl Reference {
    /// Takes a caller's reference; an empty one is none.
    pub fn parse(text: &str) -> Result<Option<Self>, BadReference> {
        // The length in bytes first, so that nobody has megabytes counted.
        let fits = text.len() <= MAX_REFERENCE * 4 && text.chars().count() <= MAX_REFERENCE;
        if !fits || text.chars().any(char::is_control) {
            return Err(BadReference);
        }
        Ok((!text.is_empty()).then(|| Self(text.into())))
    }

    /// Takes a reference that was checked when it was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text.into())
    }

    /// The reference.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Metadata {
    /// Takes a caller's metadata: at most 16 pairs, keys of at most 40 characters of `[A-Za-z0-9_.-]`, values of at most 256
    /// characters, at most 2,048 bytes together.
    pub fn parse(given: impl IntoIterator<Item = (String, String)>) -> Result<Self, BadMetadata> {
        let mut pairs = BTreeMap::new();
        for (key, value) in given {
            if !is_key(&key) {
                return Err(BadMetadata::Key);
            }
            if value.chars().nth(MAX_VALUE).is_some() {
                return Err(BadMetadata::TooLong(key));
            }
            pairs.insert(key, value);
            if pairs.len() > MAX_PAIRS {
                return Err(BadMetadata::TooMany);
            }
        }
        let metadata = Self(pairs);
        if metadata.bytes() > MAX_BYTES { Err(BadMetadata::TooLarge) } else { Ok(metadata) }
    }

    /// Its pairs, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The pairs themselves.
    #[must_use]
    pub fn into_pairs(self) -> BTreeMap<String, String> {
        self.0
    }

    /// How many bytes its keys and values take together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// As the database holds it: a JSON object, or nothing if there are no pairs.
    #[must_use]
    pub fn to_stored(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| serde_json::json!(self.0).to_string())
    }

    /// Takes metadata that was checked when it was stored.
    #[must_use]
    pub fn from_stored(text: Option<&str>) -> Self {
        Self(text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
    }
}

impl Tags {
    /// Takes tags as the database holds them.
    #[must_use]
    pub fn from_stored(reference: Option<String>, metadata: Option<&str>) -> Self {
        Self { reference: reference.map(Reference::from_stored), metadata: Metadata::from_stored(metadata) }
    }

    /// The tags of a campaign's message: the recipient's own reference, else the campaign's; the campaign's metadata, and the
    /// recipient's over it, key by key.
    pub fn of_recipient(&self, own: Self) -> Result<Self, BadMetadata> {
        let metadata = if own.metadata == Metadata::default() {
            self.metadata.clone()
        } else {
            let both = self.metadata.clone().0.into_iter().chain(own.metadata.0);
            Metadata::parse(both)?
        };
        Ok(Self { reference: own.reference.or_else(|| self.reference.clone()), metadata })
    }

    /// How many bytes they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.reference.as_ref().map_or(0, |reference| reference.0.len()) + self.metadata.bytes()
    }

    /// Their parts of the digest of a request: none if there are none, so that it is the one of a request that knows no tags.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        let reference = self.reference.iter().flat_map(|reference| ["reference", reference.as_str()]);
        let metadata = self.metadata.iter().flat_map(|(key, value)| ["metadata", key, value]);
        reference.chain(metadata).map(str::to_owned).collect()
    }
}

fn is_key(key: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(plain)
}

impl std::fmt::Debug for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reference(…)")
    }
}

impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Metadata({})", self.0.len())
    }
}
