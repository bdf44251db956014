//! The gRPC API, driven over a real connection, on both databases.

mod access;
mod audit;
mod campaigns;
mod cancel;
mod grants;
mod inbound;
mod lookup;
mod opt_outs;
mod recipients;
mod refresh;
mod refresh_bulk;
mod repeats;
pub mod send;
mod send_many;
mod sending;
mod superseding;
mod tags;
mod transport;
mod watch;
mod watch_messages;
pub mod web;
mod webhooks;
