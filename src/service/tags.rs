//! A caller's tags as they were given, of a message, a campaign or a recipient.

use crate::domain::tags::{Metadata, Reference, Tags};
use crate::error::Violation;

/// A reference and metadata, as the caller gave them.
#[derive(Clone, Default)]
pub struct GivenTags {
    /// The reference; empty for none.
    pub reference: String,
    /// The metadata; may be empty.
    pub metadata: Vec<(String, String)>,
}

impl GivenTags {
    /// The tags, if they can be used; what is wrong with them is kept in `violations`.
    pub(super) fn check(&self, violations: &mut Vec<Violation>) -> Tags {
        let reference = Reference::parse(&self.reference).unwrap_or_else(|e| {
            violations.push(Violation::new("reference", e));
            None
        });
        let metadata = Metadata::parse(self.metadata.iter().cloned()).unwrap_or_else(|e| {
            violations.push(Violation::new("metadata", e));
            Metadata::default()
        });
        Tags { reference, metadata }
    }
}

impl std::fmt::Debug for GivenTags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GivenTags(…)")
    }
}
