//! The carrier's statements on a message, ranked, so that order and repetition of reports cannot matter.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::domain::ids::ProviderMessageId;

/// How much a piece of evidence says; more beats less, whenever it comes. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Rank {
    /// Nothing was said.
    None = 0,
    /// On its way; an unknown word counts as this and never as a success.
    Sent = 10,
    /// No report came in time: soft, any later evidence replaces it.
    NoReport = 20,
    /// Failed: final, except for a delivery.
    Failed = 30,
    /// Delivered: absorbing.
    Delivered = 40,
}

impl Rank {
    /// Every rank, lowest first.
    pub const ALL: [Self; 5] = [Self::None, Self::Sent, Self::NoReport, Self::Failed, Self::Delivered];

    /// The rank of a word of the provider's read model, without case: `Delivered`; `Failure` or `Failed`;
    /// everything else is on its way.
    #[must_use]
    pub fn of_read_model(word: &str) -> Self {
        let is = |w: &str| word.trim().eq_ignore_ascii_case(w);
        if is("Delivered") {
            Self::Delivered
        } else if is("Failure") || is("Failed") {
            Self::Failed
        } else {
            Self::Sent
        }
    }
}

/// One statement about a message's delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// How much it says.
    pub rank: Rank,
    /// The provider's word, as it came.
    pub word: String,
    /// When, by the provider's clock.
    pub at: Option<Timestamp>,
    /// The provider's explanation, of a failure for example.
    pub description: Option<String>,
    /// The provider's id of the message, if the statement names it: a message whose answer was lost has none.
    pub provider_message_id: Option<ProviderMessageId>,
}

impl Evidence {
    /// The longest word and description that are kept, in characters.
    pub const MAX_WORD: usize = 64;
    /// See [`Self::MAX_WORD`].
    pub const MAX_DESCRIPTION: usize = 500;

    /// Evidence from the provider's read model.
    #[must_use]
    pub fn of_read_model(word: &str, at: Option<Timestamp>, description: Option<&str>) -> Self {
        let clean = |text: &str, max: usize| -> String { text.chars().filter(|c| !c.is_control()).take(max).collect() };
        Self {
            rank: Rank::of_read_model(word),
            word: clean(word, Self::MAX_WORD),
            at,
            description: description.map(|d| clean(d, Self::MAX_DESCRIPTION)).filter(|d| !d.is_empty()),
            provider_message_id: None,
        }
    }

    /// A hash of the content, which decides between two statements of one rank and time.
    #[must_use]
    pub fn hash(&self) -> i64 {
        let mut hash = Sha256::new();
        hash.update(self.word.as_bytes());
        hash.update([0]);
        hash.update(self.description.as_deref().unwrap_or_default().as_bytes());
        let first: [u8; 8] = hash.finalize().first_chunk().copied().unwrap_or_default();
        i64::from_be_bytes(first)
    }
}
