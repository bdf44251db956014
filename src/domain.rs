//! A message and everything that may become of it: pure rules, no I/O, no async, no neighbours.

pub mod breaker;
pub mod budget;
pub mod campaign;
pub mod evidence;
pub mod expansion;
pub mod fair_share;
pub mod gate;
pub mod ids;
pub mod imported;
pub mod keyword;
pub mod message;
pub mod outcome;
pub mod page;
pub mod phone;
pub mod plan;
pub mod polling;
pub mod pseudonym;
pub mod rate;
pub mod recipient;
pub mod report;
pub mod retention;
pub mod retry;
pub mod sender;
pub mod status;
pub mod template;
pub mod text;
