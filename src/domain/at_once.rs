//! How much one owner may have at once of what a process gives to those who call it, where an operator said so.

/// Numbers of one owner's own; what has none is as any owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AtOnce {
    /// Calls in flight.
    pub calls: Option<u32>,
    /// Streams of changes.
    pub streams: Option<u32>,
    /// Uploads of recipients.
    pub uploads: Option<u32>,
    /// Bulk refreshes.
    pub refreshes: Option<u32>,
}
