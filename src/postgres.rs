//! How a Postgres server is reached, for the store and for whoever reads another database.
//!
//! Diesel keeps an error's text and throws its SQLSTATE away, and the text is in the server's language: the SQLSTATE is
//! read from the stream itself ([`Watched`]) and kept beside the connection ([`Faults`]).

mod connect;
mod faults;
mod settings;
mod socket;
mod sqlstate;
mod watched;

pub use connect::{Messages, connect, listener};
pub use faults::Faults;
pub use settings::configuration;
pub(crate) use settings::{CONNECT_WAIT, describe, tls};
pub use socket::tune;
pub use sqlstate::{Class, SqlState};
pub use watched::{Watched, WatchedTls};
