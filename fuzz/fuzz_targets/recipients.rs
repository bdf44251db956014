//! `cargo fuzz run recipients`: what it holds is in `../targets/recipients.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::recipients::check(data));
