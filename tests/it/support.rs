//! What the integration tests share.

pub mod app;
pub mod contract;
pub mod files;
pub mod postgres;
