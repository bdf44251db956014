//! The one integration test binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy.toml allows them in test functions; the functions that tests call are tests, too"
)]

mod domain;
mod provider;
mod server;

mod sandbox;

#[cfg(test)]
mod documents;
#[cfg(test)]
mod grpcurl;
#[cfg(test)]
mod layering;
#[cfg(test)]
mod support;
