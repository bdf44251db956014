//! The support that the integration tests share.

pub mod app;
pub mod contract;
pub mod database;
pub mod dump;
pub mod files;
pub mod leftovers;
pub mod messages;
pub mod outcomes;
pub mod postgres;
pub mod program;
pub mod scripted;
pub mod settings;
pub mod store;
pub mod wire;
