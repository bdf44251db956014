//! Texts with placeholders: what one is, what is refused, and that filling in does nothing but fill in.

use messaging::domain::recipient::Recipient;
use messaging::domain::template::{BadVariables, Template, Unsendable, Variables};
use messaging::domain::text;
use proptest::prelude::*;

fn variables(pairs: &[(&str, &str)]) -> Variables {
    Variables::parse(owned(pairs)).unwrap()
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn rendered(text: &str, pairs: &[(&str, &str)]) -> String {
    Template::parse(text).unwrap().render(&variables(pairs)).unwrap().as_str().to_owned()
}

#[test]
fn placeholders_are_filled_in_and_everything_else_is_text() {
    let rows = [
        ("Hi {{first_name}}!", "Hi Μαρία!"),
        ("{{first_name}}{{n}}{{first_name}}", "Μαρία7Μαρία"),
        ("{{ first_name }} and {{n  }}", "Μαρία and 7"),
        ("a { b } }} {n} {", "a { b } }} {n} {"),
        ("{{n}}} {{{n}", "{{{n}"),
    ];
    for (text, expected) in rows {
        match Template::parse(text) {
            Ok(template) => {
                let out = template.render(&variables(&[("first_name", "Μαρία"), ("n", "7")])).unwrap();
                assert_eq!(out.as_str(), expected, "{text}");
            }
            Err(e) => assert_eq!((text, e.at), ("{{n}}} {{{n}", 8)),
        }
    }
    assert_eq!(rendered("{{n}}}", &[("n", "7")]), "7}");
    assert_eq!(rendered("{{n}}", &[("n", "{{n}} {{other")]), "{{n}} {{other", "a value is text");
}

#[test]
fn braces_that_begin_no_placeholder_are_refused_with_their_place() {
    let long = format!("{{{{{}}}}}", "a".repeat(65));
    let rows = [
        ("{{", 1),
        ("{{}}", 1),
        ("{{ }}", 1),
        ("Γειά {{name", 6),
        ("Hi {{na me}}", 4),
        ("Hi {{na-me}}", 4),
        ("Hi {{όνομα}}", 4),
        ("Hi {{\tname}}", 4),
        ("{{a}} {{{b}}}", 7),
        ("{{a{{b}}", 1),
        (&*long, 1),
    ];
    for (text, at) in rows {
        let refused = Template::parse(text).unwrap_err();
        assert_eq!(refused.at, at, "{text}");
        assert!(refused.to_string().starts_with(&format!("has {{{{ at character {at} that begins no")), "{refused}");
    }
    assert!(Template::parse(&format!("{{{{{}}}}}", "a".repeat(64))).is_ok());
}

#[test]
fn a_text_that_comes_out_unsendable_says_why_without_any_value() {
    let template = Template::parse("{{a}}{{b}}").unwrap();
    let refused = |pairs: &[(&str, &str)]| template.render(&variables(pairs)).unwrap_err();
    assert_eq!(refused(&[("a", "x")]), Unsendable::Missing("b".to_owned()));
    assert_eq!(refused(&[("a", ""), ("b", " ")]), Unsendable::Text(text::Invalid::Missing));
    let (many, thousand) = ("{{a}}".repeat(500), "😀".repeat(1000));
    let bomb = Template::parse(&many).unwrap();
    assert_eq!(bomb.render(&variables(&[("a", &thousand)])), Err(Unsendable::Text(text::Invalid::TooLong)));
    assert_eq!(refused(&[("a", "x")]).to_string(), "variables.b is missing, and the text needs it");
}

#[test]
fn variables_are_bounded() {
    let parse = |pairs: &[(&str, &str)]| Variables::parse(owned(pairs));
    assert!(parse(&[("a", &"ü".repeat(1000)), ("b", "two\nlines")]).is_ok());
    assert_eq!(parse(&[("a", &"ü".repeat(1001))]), Err(BadVariables::TooLong("a".to_owned())));
    for control in ["\0", "\r", "\t", "\u{1b}[2J", "\u{85}"] {
        assert_eq!(parse(&[("a", control)]), Err(BadVariables::Control("a".to_owned())), "{control:?}");
    }
    for name in ["", "a b", "é", &*"a".repeat(65)] {
        assert_eq!(parse(&[(name, "x")]), Err(BadVariables::Name), "{name}");
    }
    let numbered = |n: i32| Variables::parse((0..n).map(|i| (format!("v{i}"), String::new())));
    assert!(numbered(32).is_ok());
    assert_eq!(numbered(33), Err(BadVariables::TooMany));
}

#[test]
fn a_recipient_keeps_the_variables_that_the_text_names_and_tells_nothing_of_the_others() {
    let template = Template::parse("Hi {{name}}").unwrap();
    let given = owned(&[("name", "Nikos"), ("city", "Patras")]);
    let recipient = Recipient::parse(&template, "0030 690 000-0001", given).unwrap();
    assert_eq!(recipient.destination.as_str(), "+306900000001");
    assert_eq!(recipient.variables.to_stored(), r#"{"name":"Nikos"}"#);
    assert_eq!(Variables::from_stored(&recipient.variables.to_stored()), recipient.variables);
    assert_eq!(Variables::default().to_stored(), "");
    assert!(!format!("{template:?} {recipient:?}").contains("Nikos"));
    for (number, pairs) in [("4711", vec![("name", "secret")]), ("+306900000001", vec![("name", "secret\r")])] {
        let reason = Recipient::parse(&template, number, owned(&pairs)).unwrap_err().to_string();
        assert!(!reason.contains("4711") && !reason.contains("secret"), "{reason}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic_and_a_place_is_that_of_two_braces(text in "[{}a_ é]{0,40}") {
        if let Err(refused) = Template::parse(&text) {
            let from: String = text.chars().skip(refused.at - 1).collect();
            prop_assert!(from.starts_with("{{"), "{} of {}", refused.at, text);
        }
    }

    #[test]
    fn filling_in_is_replacing_each_placeholder(
        parts in prop::collection::vec(("[a-z{]? ?", "[a-z_]{1,5}"), 1..6),
        value in "[a-zé{}]{1,20}",
    ) {
        let joined = |middle: &dyn Fn(&str) -> String| -> String {
            parts.iter().flat_map(|(text, name)| [text.trim_end_matches('{').to_owned(), " ".to_owned(), middle(name)]).collect()
        };
        let template = Template::parse(&joined(&|name| format!("{{{{{name}}}}}"))).unwrap();
        let variables = Variables::parse(parts.iter().map(|(_, name)| (name.clone(), value.clone()))).unwrap();
        let out = template.render(&variables).unwrap();
        prop_assert_eq!(out.as_str(), joined(&|_| value.clone()));
        prop_assert_eq!(Variables::from_stored(&variables.to_stored()), variables);
    }
}
