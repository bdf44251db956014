//! The listeners.

mod tls;
