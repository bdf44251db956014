//! The one integration test binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::similar_names,
    clippy::too_many_lines,
    reason = "clippy.toml allows them in test functions; the functions that tests call are tests, too; what is sent is sent; and a test \
              tells a story whole"
)]

mod admission;
mod auth;
mod cli;
mod clients;
mod clock;
mod config;
mod csv;
mod documents;
mod domain;
mod fuzz;
mod grpc;
mod grpcurl;
mod http;
mod layering;
mod model;
mod packaging;
mod planted;
mod postgres;
mod program;
mod provider;
mod sandbox;
mod server;
mod service;
mod store;
mod support;
mod webhooks;
mod words;
