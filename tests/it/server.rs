//! The listeners.

pub(crate) mod tls;
