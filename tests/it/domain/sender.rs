//! Sender IDs.

use messaging::domain::phone;
use messaging::domain::sender::{Invalid, SenderId};

#[test]
fn three_to_eleven_letters_and_digits_are_kept_as_they_are() {
    for text in ["Abc", "MyCompany", "Company1234", "12345", "4ever"] {
        assert_eq!(SenderId::parse(text).unwrap().as_str(), text);
    }
    assert_eq!(SenderId::parse(" MyCompany\n").unwrap().as_str(), "MyCompany");
}

#[test]
fn a_phone_number_is_kept_in_e164() {
    assert_eq!(SenderId::parse("+30 690 000-0001").unwrap().as_str(), "+306900000001");
    assert_eq!(SenderId::parse("00306900000001").unwrap().as_str(), "+306900000001");
}

#[test]
fn everything_else_is_refused_with_its_reason() {
    let rows = [
        ("", Invalid::Missing),
        ("  ", Invalid::Missing),
        ("Ab", Invalid::TooShort),
        ("Company12345", Invalid::TooLong),
        ("306900000001", Invalid::TooLong),
        ("My Company", Invalid::Characters),
        ("My-Shop", Invalid::Characters),
        ("Εταιρεία", Invalid::Characters),
        ("Shop\0", Invalid::Characters),
        ("+Shop", Invalid::Characters),
        ("+30", Invalid::Number(phone::Invalid::TooShort)),
        ("+999123456789", Invalid::Number(phone::Invalid::UnknownCountry)),
    ];
    for (text, reason) in rows {
        assert_eq!(SenderId::parse(text), Err(reason), "{text:?}");
    }
}

#[test]
fn a_reason_never_repeats_the_sender_and_debug_hides_it() {
    let reason = SenderId::parse("+30690000000199999").unwrap_err();
    assert!(!format!("{reason} {reason:?}").contains("6900"));
    assert_eq!(format!("{:?}", SenderId::parse("+306900000001").unwrap()), "SenderId(…)");
}
