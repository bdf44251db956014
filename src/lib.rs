//! The messaging service: a gRPC door to the SMS provider Mitto that loses nothing and counts every duplicate.

pub mod auth;
pub mod cli;
pub mod clock;
pub mod domain;
pub mod error;
pub mod proto;
pub mod provider;
pub mod sandbox;
pub mod server;
pub mod service;
pub mod store;
