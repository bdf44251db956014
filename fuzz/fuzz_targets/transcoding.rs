//! `cargo fuzz run transcoding`: what it holds is in `../targets/transcoding.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::transcoding::check(data));
