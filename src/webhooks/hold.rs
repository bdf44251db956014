//! The hold on a cursor, as its delivery is told of it.

use std::sync::Arc;

use tokio::time::Instant;

use crate::store::Endpoint;

/// See the module.
#[derive(Clone)]
pub(super) struct Hold {
    /// Until when the cursor is this process's.
    pub until: Instant,
    /// The endpoint, as it is now.
    pub endpoint: Arc<Endpoint>,
}
