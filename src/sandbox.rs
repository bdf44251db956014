//! The Mitto sandbox: a real HTTP server that plays Mitto's Messaging API, so that everything runs without an account.
//!
//! The behaviour of a message is chosen by the last four digits of its destination (`behaviour`); what was accepted is in a
//! **ledger** that can be read over HTTP, which is what proves "no duplicate, none lost". `docs/sandbox.md` is the
//! manual. The way of a send: `server` → `gate` (key, outages, latency) → `send` (`request`, then `ledger`) →
//! `reports`. Everything under `/sandbox/` is `control`.
//!
//! It shares no code with the adapter that talks to Mitto: a mistake in one must not hide the same mistake in the other.

mod behaviour;
mod config;
mod control;
mod first;
mod gate;
mod handsets;
mod ids;
mod inbound;
mod journal;
mod ledger;
mod ledger_view;
mod message;
mod problem;
mod rate;
mod read;
mod reports;
mod request;
mod segments;
mod send;
mod server;
mod settings;
mod state;
mod webhook;

pub use config::{AnswerShape, Config, Error, UnknownShape};
pub use handsets::{Handsets, Received};
pub use server::Sandbox;
