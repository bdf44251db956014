//! The evidence of the four witnesses, each asked by a way of its own.

pub mod ledger;
pub mod readback;
pub mod tables;
