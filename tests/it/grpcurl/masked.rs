//! Output with what differs from run to run hidden: only what has the right shape is.

/// How secrets of webhook endpoints begin; 32 bytes in Base64 follow.
const SECRET: &str = "whsec_";
/// How API keys begin; 43 characters and a checksum of six follow.
const KEY: &str = "msk_";
/// How many of its characters are shown to tell it from others.
const HINT: usize = 10;
/// How many hexadecimal digits a SHA-256 has.
const DIGEST: usize = 64;

/// Ids, times, tokens and secrets as `<uuid>`, `<ulid>`, `<event>`, `<time>`, `<token>`, `<jwt>`, `<secret>`, `<key>`, `<hint>`,
/// `<digest>`.
pub(super) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        let of_secret = "+/".contains(c) && word.starts_with(SECRET);
        if c.is_ascii_alphanumeric() || "-_.:=".contains(c) || of_secret {
            word.push(c);
            continue;
        }
        let token = out.ends_with("Token\": \"") && word.len() >= 8;
        match shape(&word) {
            _ if token => out += "<token>",
            Some(shape) => out += shape,
            None => out += &word,
        }
        word.clear();
        out.push(c);
    }
    out.pop();
    out
}

fn shape(word: &str) -> Option<&'static str> {
    let hex = |part: &str, len: usize| part.len() == len && part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts: Vec<&str> = word.split('-').collect();
    let crockford = |b: u8| b.is_ascii_digit() || (b.is_ascii_uppercase() && !b"ILOU".contains(&b));
    if parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, len)| hex(part, len)) {
        Some("<uuid>")
    } else if word.len() == 26 && word.bytes().all(crockford) {
        Some("<ulid>")
    } else if word.ends_with('Z') && word.parse::<jiff::Timestamp>().is_ok() {
        Some("<time>")
    } else if word.starts_with("eyJ") && word.split('.').count() == 3 {
        Some("<jwt>")
    } else if word.strip_prefix("evt_").and_then(|id| id.split_once('_')).is_some_and(|(id, _)| hex(id, 32)) {
        Some("<event>")
    } else if word.starts_with(SECRET) && word.len() == SECRET.len() + 44 {
        Some("<secret>")
    } else if word.starts_with(KEY) && word.len() == KEY.len() + 49 {
        Some("<key>")
    } else if word.starts_with(KEY) && word.len() == HINT {
        Some("<hint>")
    } else if hex(word, DIGEST) {
        Some("<digest>")
    } else {
        None
    }
}

#[test]
fn ids_times_and_tokens_are_hidden_by_their_shape_and_nothing_else_is() {
    let text = r#"{"a": "01a20741-0904-7507-8317-5d61490b23df", "b": "01M83M2284AM3N65TXC54GP8YZ",
"at": "2026-11-23T07:13:52.388134Z", "resumeToken": "bm90IGEgdG9rZW4=", "n": "17", "text": "Hello-there",
"secret": "whsec_AAE+AwQ/BgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "other": "whsec_short",
"eventId": "evt_01a2076262b47b8a8a8e907d10eb0561_2", "test": "evt_1_2",
"key": "msk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8abcdef", "hint": "msk_AAECAw", "no": "msk_A"}"#;
    let hidden = r#"{"a": "<uuid>", "b": "<ulid>",
"at": "<time>", "resumeToken": "<token>", "n": "17", "text": "Hello-there",
"secret": "<secret>", "other": "whsec_short",
"eventId": "<event>", "test": "evt_1_2",
"key": "<key>", "hint": "<hint>", "no": "msk_A"}"#;
    assert_eq!(masked(text), hidden);
}
