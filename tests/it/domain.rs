//! The domain's rules: tables at their borders, and laws that hold for any input.

mod allowed;
mod breaker;
mod campaign;
mod fair_share;
mod gate;
mod imported;
mod kept;
mod keyword;
mod outcome;
mod phone;
mod polling;
mod rate;
mod report;
mod retention;
mod retry;
mod sender;
mod spend;
mod status;
mod supersede;
mod tags;
mod template;
mod text;
