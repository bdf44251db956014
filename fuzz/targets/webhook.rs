//! A post to a webhook: headers, an empty line, a body. No signature holds for another body, and reading a body makes nothing up.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use messaging::domain::report::{Form, Inbound, Post, Report, pieces};
use messaging::http::readers;
use secrecy::SecretString;
use sha2::Sha256;

/// What the posts of the corpus are signed with, and when.
const SECRET: &str = "a canary secret of the corpus";
const SIGNATURE: HeaderName = HeaderName::from_static("x-webhook-signature");
const NOW: i64 = 1_800_000_000;

/// See the module.
pub fn check(data: &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((data, &data[data.len()..]), |at| (&data[..at], &data[at + 2..]));
    let mut headers = headers(head);
    read(body);
    let secrets = [SecretString::from(SECRET)];
    let now = Timestamp::from_second(NOW).expect("a time");
    let is_authentic = |headers: &HeaderMap, body: &[u8]| readers::is_authentic(&secrets, headers, body, now);
    headers.remove("x-webhook-token");
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key").chain_update(body).finalize();
    let hex = mac.into_bytes().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    let ours = HeaderMap::from_iter([(SIGNATURE, HeaderValue::from_str(&hex).expect("hex"))]);
    assert!(is_authentic(&ours, body), "a signature holds for its body");
    for headers in [&headers, &ours] {
        let authentic = |body: &[u8]| is_authentic(headers, body);
        belongs(authentic, body);
        let other = [SecretString::from("another secret, as long")];
        assert!(!readers::is_authentic(&other, headers, body, now), "it is signed by somebody else");
    }
}

/// If the post is authentic, none with another body is.
fn belongs(is_authentic: impl Fn(&[u8]) -> bool, body: &[u8]) {
    if !is_authentic(body) {
        return;
    }
    let mut other = body.to_vec();
    other.push(b' ');
    assert!(!is_authentic(&other), "a signature holds for a longer body");
    other.truncate(body.len());
    if let Some(last) = other.last_mut() {
        *last ^= 1;
        assert!(!is_authentic(&other), "a signature holds for another body");
    }
}

fn headers(head: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in head.split(|b| *b == b'\n').take(16) {
        let Some(at) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = (HeaderName::from_bytes(&line[..at]), HeaderValue::from_bytes(line[at + 1..].trim_ascii()));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

fn read(body: &[u8]) {
    for form in [Form::Json, Form::Query] {
        let parts = pieces(form, body);
        assert!(!parts.is_empty() || form == Form::Json, "a query is one piece");
        assert!(parts.iter().map(|part| part.len()).sum::<usize>() <= body.len(), "more than there was");
        let post = Post::read(form, body);
        assert_eq!(post.pieces.len(), parts.len());
        for part in parts {
            let again = pieces(form, part);
            // A piece that is an array itself is taken apart no further than once.
            assert!(again == [part] || part.trim_ascii_start().starts_with(b"["));
            if let Some(report) = Report::read(form, part) {
                assert!(report.message.is_some() || report.provider_id.is_some(), "a report of nobody");
            }
            if let Some(message) = Inbound::read(form, part) {
                assert!(!message.from.is_empty() && !message.text.is_empty());
                assert_eq!(format!("{message:?}"), "Inbound(…)");
            }
        }
    }
}
