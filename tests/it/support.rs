//! What the integration tests share.

pub mod messages;
pub mod outcomes;
pub mod postgres;
pub mod store;
