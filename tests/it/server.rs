//! The listeners.

mod http1;
pub(crate) mod tls;
