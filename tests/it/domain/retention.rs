//! The rest once a number and a text are erased.

use messaging::domain::message::Dispatch;
use messaging::domain::phone::Msisdn;
use messaging::domain::pseudonym::Pseudonyms;
use messaging::domain::retention::{at_rest, first_id, may_quote, mentions, stripped};
use secrecy::SecretString;

fn pseudonyms(key: &str) -> Pseudonyms {
    Pseudonyms::new(&SecretString::from(key)).unwrap()
}

const KEY: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn a_pseudonym_is_the_numbers_and_the_keys_alone() {
    let number = Msisdn::parse("+306900000001").unwrap();
    let erased = pseudonyms(KEY).of(&number);
    // HMAC-SHA-256 of the number, by another implementation.
    assert_eq!(erased.as_str(), "~c9ca6a7980cf8bb5cc17279be0e1d86f");
    assert!(erased.is_erased() && !number.is_erased());
    assert_eq!(pseudonyms(KEY).of(&erased), erased, "it stands for itself");
    assert_ne!(pseudonyms("0123456789abcdef0123456789abcdeg").of(&number), erased);
    assert_ne!(pseudonyms(KEY).of(&Msisdn::parse("+306900000002").unwrap()), erased);
    assert_eq!((erased.masked().as_str(), number.masked().as_str()), ("~c9c…6f", "+306…01"));
    assert!(Pseudonyms::new(&SecretString::from(&KEY[1..])).is_none(), "31 bytes are too few");
    assert_eq!(format!("{:?} {erased:?}", pseudonyms(KEY)), "Pseudonyms(…) Msisdn(…)");
    assert_ne!(pseudonyms(KEY).check(), pseudonyms("0123456789abcdef0123456789abcdeg").check());
}

#[test]
fn only_what_is_never_sent_again_is_at_rest() {
    use Dispatch::{Accepted, Cancelled, Dead, Expired, Rejected, Unknown};
    for dispatch in Dispatch::ALL {
        let done = matches!(dispatch, Accepted | Rejected | Cancelled | Expired | Dead);
        assert_eq!(at_rest(dispatch, true), done, "{dispatch:?}, and something is due");
        assert_eq!(at_rest(dispatch, false), done || dispatch == Unknown, "{dispatch:?}");
    }
}

#[test]
fn evidence_keeps_what_cannot_quote_and_says_when_a_part_is_gone() {
    for (before, after) in [
        ("null", None),
        (r#"{"outcome":"rejected","code":"X"}"#, None),
        (r#"{"code":"X","raw":{"text":"secret"}}"#, Some(r#"{"code":"X"}"#)),
        (r#"{"description":null,"rank":40,"word":"Delivered"}"#, None),
        (
            r#"{"description":"barred","rank":30,"word":"Failure"}"#,
            Some(r#"{"description":null,"erased":true,"rank":30,"word":"Failure"}"#),
        ),
        (
            r#"{"description":null,"rank":10,"word":"to 306900000001"}"#,
            Some(r#"{"description":null,"erased":true,"rank":10,"word":""}"#),
        ),
        ("{broken", Some("null")),
    ] {
        assert_eq!(stripped(before).as_deref(), after, "{before}");
        assert_eq!(stripped(after.unwrap_or(before)), None, "again: {before}");
    }
    assert!(may_quote("306900") && !may_quote("Error 30690") && !may_quote("Delivered"));
}

#[test]
fn a_body_mentions_a_number_and_not_a_part_of_a_longer_one() {
    for body in ["306900000001", r#"{"to":"+306900000001"}"#, "to=%2B306900000001&x=1", "3306900000001 306900000001"] {
        assert!(mentions(body.as_bytes(), b"306900000001"), "{body}");
    }
    for body in ["", "30690000000", "3069000000012", "1306900000001", r#"{"to":"+3069000000019"}"#] {
        assert!(!mentions(body.as_bytes(), b"306900000001"), "{body}");
    }
    assert!(!mentions(b"anything", b""));
}

#[test]
fn ids_of_before_a_time_are_smaller_than_its_first() {
    use messaging::domain::ids::MessageId;
    let at: jiff::Timestamp = "2026-03-01T12:00:00.123Z".parse().unwrap();
    let earlier = at - jiff::SignedDuration::from_millis(1);
    assert!((0..100).all(|_| MessageId::new(earlier).0 < first_id(at) && MessageId::new(at).0 > first_id(at)));
}
