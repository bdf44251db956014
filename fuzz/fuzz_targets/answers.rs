//! `cargo fuzz run answers`: what it holds is in `../targets/answers.rs`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::answers::check(data));
