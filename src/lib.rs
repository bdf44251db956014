//! The messaging service: a gRPC API to the SMS provider Mitto that loses nothing and counts every duplicate.

mod app;
pub mod auth;
mod caches;
pub mod cli;
pub mod clock;
pub mod config;
mod contract;
pub mod domain;
pub mod error;
pub mod grpc;
pub mod http;
pub mod legacy;
mod lifecycle;
pub mod metrics;
pub mod postgres;
pub mod proto;
pub mod provider;
pub mod request_id;
pub mod sandbox;
pub mod sender;
pub mod server;
pub mod service;
mod shutdown;
pub mod spool;
pub mod store;
pub mod telemetry;
pub mod worker;
