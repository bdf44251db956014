//! The domain's rules: tables at their borders, and laws that hold for any input.

mod gate;
mod phone;
mod rate;
mod retry;
mod sender;
mod status;
mod text;
mod turns;
