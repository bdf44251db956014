//! What a message is and what may become of it: pure rules, no I/O, no async, no neighbours.

pub mod ids;
pub mod outcome;
pub mod phone;
pub mod retry;
pub mod sender;
pub mod text;
