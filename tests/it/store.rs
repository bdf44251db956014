//! The store's promises, on both databases.

mod accept;
mod campaigns;
mod expand;
mod known;
mod lists;
mod moves;
mod plans;
mod queue;
mod setup;
mod timers;
mod trouble;
