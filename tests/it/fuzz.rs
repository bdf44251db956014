//! The targets of `fuzz/` with the stable compiler: over their corpora, and over some thousand changes of these, which are the same
//! in every run.

#[path = "../../fuzz/targets/mod.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// How many changes of a corpus are tried.
const CHANGES: u32 = 4000;
/// What is put in somewhere: what readers treat in a way of its own.
const WORDS: [&[u8]; 20] = [
    b"\"",
    b"\"\"",
    b",",
    b"\n",
    b"\r\n",
    b"\0",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xef\xbb\xbf",
    b"=",
    b".",
    b"%00",
    b"-1",
    b"99999999999999999999",
];

/// Numbers that look random and are always the same (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap()
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() % n.max(1)
    }
}

/// One change of some bytes, by another entry of the corpus if need be.
fn change(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], numbers: &mut Numbers) {
    let at = numbers.below(bytes.len() + 1);
    let to = (at + numbers.below(16)).min(bytes.len());
    match numbers.below(6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
        1 => drop(bytes.drain(at..to)),
        2 => {
            let part = bytes[at..to].to_vec();
            bytes.splice(at..at, part);
        }
        3 => bytes.truncate(at),
        4 => {
            let other = &corpus[numbers.below(corpus.len())];
            let from = numbers.below(other.len());
            bytes.splice(at..to, other[from..].iter().copied());
        }
        _ => {
            let word = WORDS[numbers.below(WORDS.len())];
            bytes.splice(at..at, word.iter().copied());
        }
    }
}

/// Runs a target over its corpus and the changes of it.
fn run(target: &str, check: fn(&[u8])) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(corpus.len() >= 3, "there is a corpus");
    let held = |bytes: &[u8]| {
        let fate = catch_unwind(AssertUnwindSafe(|| check(bytes)));
        assert!(fate.is_ok(), "{target} broke with {}", bytes.escape_ascii());
    };
    for bytes in &corpus {
        held(bytes);
    }
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..CHANGES {
        let mut bytes = corpus[numbers.below(corpus.len())].clone();
        for _ in 0..=numbers.below(4) {
            change(&mut bytes, &corpus, &mut numbers);
        }
        held(&bytes);
    }
}

#[test]
fn a_csv_of_any_kind_makes_nothing_up_reads_the_same_again_and_is_not_quoted() {
    run("recipients", targets::recipients::check);
}

#[test]
fn no_signature_holds_for_another_body_and_no_post_breaks_its_reader() {
    run("webhook", targets::webhook::check);
}

#[test]
fn no_token_key_or_place_is_taken_that_was_not_given_out() {
    run("tokens", targets::tokens::check);
}

#[test]
fn a_message_reads_the_same_again_and_no_error_quotes_its_json() {
    run("transcoding", targets::transcoding::check);
}

#[test]
fn an_answer_is_an_acceptance_only_with_a_good_status_a_whole_body_and_an_id() {
    run("answers", targets::answers::check);
}
