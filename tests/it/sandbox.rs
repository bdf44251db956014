//! The Mitto sandbox, over HTTP as its users meet it.

mod bulk;
mod ledger;
mod outages;
mod reports;
mod rig;
mod suffixes;
