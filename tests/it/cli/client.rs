//! The client commands, against a service that says what a test tells it to.

mod bulk;
mod campaign;
mod connection;
mod errors;
mod fake;
mod human;
mod ids;
mod records;
mod send_many;
mod terminal;
mod watch;
mod webhooks;
