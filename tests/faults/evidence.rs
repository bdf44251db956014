//! What the four witnesses say, each asked by a way of its own.

pub mod ledger;
pub mod readback;
pub mod tables;
