//! `cargo fuzz run webhook`: what it holds is in `../targets/webhook.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::webhook::check(data));
