//! When a background job runs again.

use crate::sender::Pass;

/// When a job is to run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// There may be more to do.
    AtOnce,
    /// There is more to do, and it cannot be done yet.
    Soon,
    /// There is more to do, once somebody's messages in flight have ended.
    Full,
    /// There was nothing to do.
    Later,
}

impl Next {
    /// At once if something was done.
    pub(super) fn if_any(done: usize) -> Self {
        if done > 0 { Self::AtOnce } else { Self::Later }
    }

    /// After a search for messages to send.
    pub(super) fn after(pass: Pass) -> Self {
        match pass {
            Pass { limited: true, .. } => Self::Soon,
            Pass { done: 0, full: true, .. } => Self::Full,
            Pass { done: 0, .. } => Self::Later,
            Pass { .. } => Self::AtOnce,
        }
    }
}
