//! Texts: their borders and the laws of counting parts.

use messaging::domain::text::{Encoding, Invalid, MAX_SEGMENTS, MessageText, Segmentation};
use proptest::prelude::*;

const ALPHABET: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION: &str = "\u{0C}^{}\\[~]|€";

fn of(text: &str) -> (Encoding, u16, u32) {
    let Segmentation { encoding, segments, units, .. } = Segmentation::of(text);
    (encoding, segments, units)
}

#[test]
fn the_default_alphabet_has_127_characters_of_one_septet_and_ten_of_two() {
    assert_eq!(ALPHABET.chars().count(), 127);
    for c in ALPHABET.chars() {
        assert_eq!(of(&c.to_string()), (Encoding::Gsm7, 1, 1), "{c:?}");
    }
    for c in EXTENSION.chars() {
        assert_eq!(of(&c.to_string()), (Encoding::Gsm7, 1, 2), "{c:?}");
    }
    let known = format!("{ALPHABET}{EXTENSION}");
    for c in (1..0x3000).filter_map(char::from_u32).filter(|c| !known.contains(*c)) {
        assert_eq!(of(&c.to_string()), (Encoding::Ucs2, 1, 1), "{c:?}");
    }
}

#[test]
fn parts_change_at_their_borders() {
    let a = |n: usize| "a".repeat(n);
    let ya = |n: usize| "я".repeat(n);
    let rows = [
        (a(160), (Encoding::Gsm7, 1, 160)),
        (a(161), (Encoding::Gsm7, 2, 161)),
        (a(153 * 2), (Encoding::Gsm7, 2, 306)),
        (a(153 * 2 + 1), (Encoding::Gsm7, 3, 307)),
        ("€".repeat(80), (Encoding::Gsm7, 1, 160)),
        (a(159) + "€", (Encoding::Gsm7, 2, 161)),
        // An escape sequence moves to the next part as a whole: 153 · 2 septets, but three parts.
        (a(152) + "€" + &a(152), (Encoding::Gsm7, 3, 306)),
        (a(151) + "€" + &a(153), (Encoding::Gsm7, 2, 306)),
        ("€".repeat(152), (Encoding::Gsm7, 2, 304)),
        ("€".repeat(153), (Encoding::Gsm7, 3, 306)),
        (ya(70), (Encoding::Ucs2, 1, 70)),
        (ya(71), (Encoding::Ucs2, 2, 71)),
        (ya(67 * 2), (Encoding::Ucs2, 2, 134)),
        (ya(67 * 2 + 1), (Encoding::Ucs2, 3, 135)),
        ("😀".repeat(35), (Encoding::Ucs2, 1, 70)),
        (ya(69) + "😀", (Encoding::Ucs2, 2, 71)),
        // A surrogate pair at unit 67 moves as a whole, too.
        (ya(66) + "😀" + &ya(66), (Encoding::Ucs2, 3, 134)),
        (ya(65) + "😀" + &ya(67), (Encoding::Ucs2, 2, 134)),
        (a(70) + "ç", (Encoding::Ucs2, 2, 71)),
        (a(10) + "`", (Encoding::Ucs2, 1, 11)),
    ];
    for (text, expected) in rows {
        assert_eq!(of(&text), expected, "{} characters", text.chars().count());
    }
}

#[test]
fn what_still_fits_the_last_part_is_told() {
    assert_eq!(Segmentation::of("a").remaining, 159);
    assert_eq!(Segmentation::of(&"a".repeat(161)).remaining, 145);
    assert_eq!(Segmentation::of(&"я".repeat(134)).remaining, 0);
}

#[test]
fn twenty_parts_pass_and_one_unit_more_does_not() {
    for unit in ["a", "Δ", "€"] {
        let widest = if unit == "€" { 76 * 20 } else { 153 * 20 };
        let text = MessageText::parse(&unit.repeat(widest)).unwrap();
        assert_eq!(text.segmentation().segments, MAX_SEGMENTS);
        assert_eq!(MessageText::parse(&unit.repeat(widest + 1)), Err(Invalid::TooLong));
    }
    assert!(MessageText::parse(&"中".repeat(67 * 20)).is_ok());
    assert_eq!(MessageText::parse(&"中".repeat(67 * 20 + 1)), Err(Invalid::TooLong));
    assert!(MessageText::parse(&"😀".repeat(33 * 20)).is_ok());
    assert_eq!(MessageText::parse(&"😀".repeat(33 * 20 + 1)), Err(Invalid::TooLong));
}

#[test]
fn a_blank_text_a_nul_and_a_megabyte_are_refused() {
    for blank in ["", " ", "\r\n\t", "\u{A0}\u{2003}"] {
        assert_eq!(MessageText::parse(blank), Err(Invalid::Missing));
    }
    assert_eq!(MessageText::parse("a\0b"), Err(Invalid::Nul));
    assert_eq!(MessageText::parse(&" ".repeat(1 << 20)), Err(Invalid::TooLong));
}

#[test]
fn the_text_is_kept_as_it_is() {
    let text = " Γειά σου\r\n{name} 👩‍👩‍👧 ";
    assert_eq!(MessageText::parse(text).unwrap().as_str(), text);
}

#[test]
fn the_characters_that_force_ucs2_are_listed_once_each() {
    let text = MessageText::parse("Καλημέρα €5 “deal” Καλή").unwrap();
    let forcing: String = text.forcing_characters().into_iter().collect();
    assert_eq!(forcing, "Καλημέρ“”ή".replace('€', ""));
    assert!(MessageText::parse("Plain {text} €").unwrap().forcing_characters().is_empty());
}

/// Packs character by character into real segments: slow, and obviously right.
fn parts(text: &str, width: impl Fn(char) -> usize, single: usize, part: usize) -> Vec<String> {
    if text.chars().map(&width).sum::<usize>() <= single {
        return vec![text.to_owned()];
    }
    let (mut parts, mut free) = (vec![String::new()], part);
    for c in text.chars() {
        if width(c) > free {
            parts.push(String::new());
            free = part;
        }
        free -= width(c);
        parts.last_mut().unwrap().push(c);
    }
    parts
}

fn in_gsm7() -> impl Strategy<Value = String> {
    let known: Vec<char> = ALPHABET.chars().chain(EXTENSION.chars().cycle().take(60)).collect();
    prop::collection::vec(prop::sample::select(known), 0..700).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn gsm7_never_costs_more_than_ucs2(text in in_gsm7()) {
        let gsm7 = Segmentation::of(&text);
        let as_ucs2 = parts(&text, char::len_utf16, 70, 67);
        prop_assert_eq!(gsm7.encoding, Encoding::Gsm7);
        prop_assert!(usize::from(gsm7.segments) <= as_ucs2.len());
        let model = parts(&text, |c| if EXTENSION.contains(c) { 2 } else { 1 }, 160, 153);
        prop_assert_eq!(usize::from(gsm7.segments), model.len());
        prop_assert_eq!(model.concat(), text);
    }

    #[test]
    fn ucs2_agrees_with_packing_by_hand(text in "[a-z😀я中]{1,300}") {
        let text = text + "я";
        let counted = Segmentation::of(&text);
        let model = parts(&text, char::len_utf16, 70, 67);
        prop_assert_eq!(usize::from(counted.segments), model.len());
        prop_assert_eq!(counted.units as usize, text.encode_utf16().count());
    }

    #[test]
    fn appending_never_saves_a_part(head in in_gsm7(), tail in "\\PC{0,40}") {
        let before = Segmentation::of(&head).segments;
        prop_assert!(Segmentation::of(&(head + &tail)).segments >= before);
    }

    #[test]
    fn any_text_is_taken_whole_or_refused(text in "(?s).{0,200}") {
        if let Ok(taken) = MessageText::parse(&text) {
            prop_assert_eq!(taken.as_str(), &text);
            prop_assert_eq!(taken.forcing_characters().is_empty(), taken.segmentation().encoding == Encoding::Gsm7);
        }
    }
}
