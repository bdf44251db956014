//! The one integration test binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy.toml allows them in test functions; the functions that tests call are tests, too"
)]

mod cli;
mod documents;
mod domain;
mod grpc;
mod grpcurl;
mod layering;
mod program;
mod provider;
mod sandbox;
mod server;
mod store;
mod support;
