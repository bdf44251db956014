//! The key by which a message takes the place of older ones.

use messaging::domain::supersede::{Fate, SupersedeKey};

#[test]
fn a_key_has_255_printable_ascii_characters_at_most() {
    assert_eq!(SupersedeKey::parse("").unwrap(), None);
    for good in ["x", " login ~", &"x".repeat(255)] {
        assert_eq!(SupersedeKey::parse(good).unwrap().unwrap().as_str(), good);
    }
    for bad in ["a\nb", "é", "\u{7f}", &"x".repeat(256), &"x".repeat(1 << 20)] {
        assert_eq!(SupersedeKey::parse(bad).unwrap_err().to_string(), "must be at most 255 printable ASCII characters");
    }
}

#[test]
fn a_key_is_in_no_log() {
    let key = SupersedeKey::parse("canary").unwrap();
    assert!(!format!("{key:?}").contains("canary"));
}

#[test]
fn a_fate_is_known_by_its_number() {
    for fate in [Fate::Cancelled, Fate::AlreadySent] {
        assert_eq!(Fate::from_number(fate as i16), Some(fate));
    }
    assert_eq!(Fate::from_number(3), None);
}
