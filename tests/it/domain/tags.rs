//! References and metadata: what callers may give, how a campaign's and a recipient's come together, and that none leaks.

use messaging::domain::tags::{Metadata, Reference, Tags};

fn metadata(pairs: &[(&str, &str)]) -> Metadata {
    parse(pairs).unwrap()
}

fn parse(pairs: &[(&str, &str)]) -> Result<Metadata, String> {
    Metadata::parse(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())))
        .map_err(|e| e.to_string())
}

fn tags(reference: &str, pairs: &[(&str, &str)]) -> Tags {
    Tags { reference: Reference::parse(reference).unwrap(), metadata: metadata(pairs) }
}

#[test]
fn a_reference_has_128_characters_at_most_and_no_control_character() {
    assert_eq!(Reference::parse("").unwrap(), None);
    for good in ["x", " order 7 / Ω 👋 ", &"я".repeat(128), &"👋".repeat(128)] {
        assert_eq!(Reference::parse(good).unwrap().unwrap().as_str(), good);
    }
    for bad in ["a\nb", "\0", "\u{7f}", &"x".repeat(129), &"👋".repeat(129), &"x".repeat(1 << 20)] {
        let why = Reference::parse(bad).unwrap_err().to_string();
        assert_eq!(why, "must be at most 128 characters, none of them a control character");
    }
}

#[test]
fn metadata_is_bounded_in_pairs_keys_values_and_bytes() {
    let (key, value) = ("k".repeat(40), "я".repeat(256));
    assert_eq!(parse(&[(&key, &value), ("A.b-c_9", "")]).unwrap().iter().count(), 2);
    let keys: Vec<String> = (0..17).map(|n| format!("k{n}")).collect();
    let pairs: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "v")).collect();
    assert!(parse(&pairs[..16]).is_ok());
    assert_eq!(parse(&pairs).unwrap_err(), "has more than 16 entries");
    for key in ["", "a b", "é", "a/b", &"k".repeat(41)] {
        assert_eq!(parse(&[(key, "v")]).unwrap_err(), "has a key that is not 1 to 40 letters A to Z, digits and . _ -");
    }
    assert_eq!(parse(&[("note", &"x".repeat(257))]).unwrap_err(), "has more than 256 characters under note");
    // Eight values of 255 and keys of one: 2,048 bytes.
    let long = "x".repeat(255);
    let full: Vec<(&str, &str)> = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|key| (key, long.as_str())).into();
    assert_eq!(metadata(&full).bytes(), 2048);
    let over: Vec<(&str, &str)> = full.iter().copied().chain([("i", "")]).collect();
    assert_eq!(parse(&over).unwrap_err(), "takes more than 2048 bytes, keys and values together");
}

#[test]
fn a_recipients_own_tags_go_before_the_campaigns_and_have_to_fit_together() {
    let campaign = tags("spring", &[("shop", "athens"), ("wave", "1")]);
    let of = |own| campaign.of_recipient(own).unwrap();
    assert_eq!(of(Tags::default()), campaign);
    assert_eq!(of(tags("order-7", &[])), tags("order-7", &[("shop", "athens"), ("wave", "1")]));
    assert_eq!(
        of(tags("", &[("wave", "2"), ("x", "y")])),
        tags("spring", &[("shop", "athens"), ("wave", "2"), ("x", "y")])
    );
    let keys: Vec<String> = (0..15).map(|n| format!("k{n}")).collect();
    let many: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "v")).collect();
    assert!(campaign.of_recipient(tags("", &many)).is_err());
}

#[test]
fn tags_are_read_back_as_they_were_stored_and_their_debug_hides_them() {
    let given = tags("canary \"1\"", &[("canary", "\0 canary \u{feff}'\\"), ("at", "2026-01-01T00:00:00+00:00")]);
    let (reference, stored) = (given.reference.as_ref().unwrap().as_str().to_owned(), given.metadata.to_stored());
    assert_eq!(Tags::from_stored(Some(reference), stored.as_deref()), given);
    assert_eq!((Tags::default().metadata.to_stored(), Tags::from_stored(None, None)), (None, Tags::default()));
    assert!(!format!("{given:?}").contains("canary"));
}
