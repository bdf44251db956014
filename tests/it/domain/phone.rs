//! Phone numbers as people write them.

use messaging::domain::phone::{Invalid, Msisdn};
use proptest::prelude::*;

#[test]
fn numbers_of_many_countries_come_to_e164() {
    let rows = [
        ("+306900000001", "+306900000001"),
        ("+30 690 000 0016", "+306900000016"),
        ("+15005550006", "+15005550006"),
        ("+447700900123", "+447700900123"),
        ("+12025550123", "+12025550123"),
        ("+4915112345678", "+4915112345678"),
        ("0049 151 1234 5678", "+4915112345678"),
        ("+49 (0)151 12345678", "+4915112345678"),
        ("+44 (0)20 7946 0123", "+442079460123"),
        ("+1 (202) 555-0123", "+12025550123"),
        ("+1.202.555.0123", "+12025550123"),
        ("(+30) 690/000-0001", "+306900000001"),
        ("  +33 6 12 34 56 78\t", "+33612345678"),
        ("+34\u{a0}612\u{202f}345\u{2009}678", "+34612345678"),
        ("+39 06 1234 5678", "+390612345678"),
        ("+39 347 123 4567", "+393471234567"),
        ("+31 6–12345678", "+31612345678"),
        ("+32 470 12 34 56", "+32470123456"),
        ("+41 79 123 45 67", "+41791234567"),
        ("+43 664 1234567", "+436641234567"),
        ("+45 20 12 34 56", "+4520123456"),
        ("+46 70 123 45 67", "+46701234567"),
        ("+47 412 34 567", "+4741234567"),
        ("+48 512 345 678", "+48512345678"),
        ("+52 55 1234 5678", "+525512345678"),
        ("+55 11 91234-5678", "+5511912345678"),
        ("+61 412 345 678", "+61412345678"),
        ("+65 8123 4567", "+6581234567"),
        ("+7 912 345-67-89", "+79123456789"),
        ("+81 90-1234-5678", "+819012345678"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("+90 532 123 45 67", "+905321234567"),
        ("+91 98765 43210", "+919876543210"),
        ("+234 802 123 4567", "+2348021234567"),
        ("+27 71 123 4567", "+27711234567"),
        ("+357 96 123456", "+35796123456"),
        ("+355 67 212 3456", "+355672123456"),
        ("+359 48 123 456", "+35948123456"),
        ("+971 50 123 4567", "+971501234567"),
        ("+972 50-234-5678", "+972502345678"),
        ("+376 312345", "+376312345"),
        ("+290 51234", "+29051234"),
        // As an address book in a right-to-left script, a Japanese and a Persian keyboard give it.
        ("\u{202a}+30 690 000 0001\u{202c}", "+306900000001"),
        ("＋３０６９０００００００１", "+306900000001"),
        ("+۹۷۱۵۰۱۲۳۴۵۶۷", "+971501234567"),
        ("+٩٧١٥٠١٢٣٤٥٦٧", "+971501234567"),
    ];
    for (text, number) in rows {
        assert_eq!(Msisdn::parse(text).as_ref().map(Msisdn::as_str), Ok(number), "{text:?}");
    }
}

#[test]
fn every_number_that_the_sandbox_plays_passes() {
    for suffix in 1..=16 {
        let number = format!("+30690000{suffix:04}");
        assert_eq!(Msisdn::parse(&number).unwrap().as_str(), number);
    }
}

#[test]
fn what_is_no_number_is_refused_with_its_reason() {
    use Invalid::{Missing, NoCountryCode, NotANumber, Shortened, TooLong, TooShort, UnknownCountry, WrongLength};
    let long = "1".repeat(1 << 20);
    let rows = [
        ("", Missing),
        (" \t", Missing),
        ("6900000001", NoCountryCode),
        ("06900000001", NoCountryCode),
        ("306900000001", NoCountryCode),
        ("+999123456789", UnknownCountry),
        ("+210123456789", UnknownCountry),
        ("+0306900000001", UnknownCountry),
        ("+00306900000001", UnknownCountry),
        ("+", NotANumber),
        ("()", NotANumber),
        ("++306900000001", NotANumber),
        ("+30+6900000001", NotANumber),
        ("306900000001+", NotANumber),
        ("+1-800-FLOWERS", NotANumber),
        ("3.069E+11", Shortened),
        ("3,06900000001E+11", Shortened),
        ("3e+11", Shortened),
        ("3.069E11", NotANumber),
        ("+3.069E+11", NotANumber),
        ("+306900000001x12", NotANumber),
        ("+306900000001 ext. 5", NotANumber),
        ("+306900000001;ext=5", NotANumber),
        ("tel:+306900000001", NotANumber),
        ("+306900000001,+306900000002", NotANumber),
        ("+306900000001\n+306900000002", NotANumber),
        ("+30690000000１a", NotANumber),
        ("+30690000000१", NotANumber),
        ("+30*6900000001", NotANumber),
        ("+30690000\u{0}0001", NotANumber),
        ("☎306900000001", NotANumber),
        ("+3069", TooShort),
        ("+30690000", TooShort),
        ("+12025550", TooShort),
        ("+1202555012", TooShort),
        ("+5550123", TooShort),
        ("+4512345", TooShort),
        ("+47123456", WrongLength),
        ("+376 3123456", WrongLength),
        ("+306900000001234", TooLong),
        ("+120255501234", TooLong),
        ("+447700900123456", TooLong),
        ("+4470099001234567890", TooLong),
        ("+3069000000010000000000", TooLong),
        (long.as_str(), TooLong),
    ];
    for (text, reason) in rows {
        let shown: String = text.chars().take(40).collect();
        assert_eq!(Msisdn::parse(text), Err(reason), "{shown:?}");
    }
}

#[test]
fn neither_a_reason_nor_debug_repeats_the_number() {
    for text in ["6900000001", "+306900000001x6900000001", "+3069000000016900000001", "+9996900000001"] {
        let reason = Msisdn::parse(text).unwrap_err();
        assert!(!format!("{reason:?}").contains("690000"), "{reason:?}");
        // The example in the sentence is the only number in it.
        assert!(!reason.to_string().replace("+306900000001", "").contains(char::is_numeric));
    }
    assert_eq!(format!("{:?}", Msisdn::parse("+306900000001").unwrap()), "Msisdn(…)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_was_parsed_parses_to_itself(text in "(\\+|00)[1-9][0-9 ()-]{5,16}") {
        if let Ok(number) = Msisdn::parse(&text) {
            prop_assert_eq!(Msisdn::parse(number.as_str()), Ok(number.clone()));
            prop_assert!((8..=16).contains(&number.as_str().len()));
            prop_assert!(number.as_str().bytes().skip(1).all(|b| b.is_ascii_digit()));
        }
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,40}") {
        let _ = Msisdn::parse(&text);
    }
}
