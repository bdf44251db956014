//! The store's promises, on both databases.

mod accept;
mod audit;
mod campaigns;
mod expand;
mod frozen;
mod gates;
mod inbound;
mod journal;
mod known;
mod lists;
mod moves;
mod plans;
mod processes;
mod queue;
pub mod refused;
mod reports;
mod retention;
mod setup;
mod spend;
mod sqlite;
mod superseding;
mod time;
mod timers;
mod transaction;
mod trouble;
