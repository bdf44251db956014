//! `cargo fuzz run tokens`: what it holds is in `../targets/tokens.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::tokens::check(data));
