//! The listeners that the doors stand behind.

pub mod tls;
