//! The evidence of the four witnesses, each asked by a way of its own.

mod changes;
pub mod ledger;
pub mod readback;
pub mod tables;
