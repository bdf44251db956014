//! The service, over the sandbox or over a provider that the test holds in its hand.

mod bulk;
mod campaigns;
mod doubt;
mod health;
mod plans;
mod poll;
mod queue;
mod refresh_bulk;
mod reports;
mod retention;
mod superseding;
mod turns;
mod watch_messages;
