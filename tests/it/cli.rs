//! The command line.

mod client;
