//! The support that the integration tests share.

pub mod app;
pub mod contract;
pub mod dump;
pub mod files;
pub mod messages;
pub mod outcomes;
pub mod postgres;
pub mod program;
pub mod store;
