//! The content of the provider's posts, and that order and repetition cannot matter.

use jiff::{SignedDuration, Timestamp};
use messaging::domain::evidence::Rank;
use messaging::domain::ids::OwnerId;
use messaging::domain::message::{Guarantee, Message};
use messaging::domain::report::{Form, Inbound, Report, next_try_at, pieces};
use messaging::domain::status::{Event, apply};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use crate::support::messages::{queued, start};

fn read(body: &str) -> Option<Report> {
    Report::read(Form::Json, body.as_bytes())
}

#[test]
fn the_first_field_that_holds_something_counts() {
    for (body, id) in [
        (r#"{"messageId":"a","id":"b","status":"x"}"#, Some("a")),
        (r#"{"messageId":"","id":"b","status":"x"}"#, Some("b")),
        (r#"{"messageId":null,"Id":"c","status":"x"}"#, Some("c")),
        (r#"{"MessageId":"d","Status":"x"}"#, Some("d")),
        (r#"{"id":123456789012345678901,"status":"x"}"#, Some("123456789012345678901")),
        (r#"{"id":" e ","delivery_status":"x"}"#, Some("e")),
        (r#"{"id":["f"],"status":"x"}"#, None),
        (r#"{"id":"f","deliveryStatus":" ","status":{}}"#, None),
        (r#"{"status":"x"}"#, None),
        (r#"{"id":"g g","status":"x"}"#, None),
        (r#"["id"]"#, None),
    ] {
        let report = read(body);
        assert_eq!(
            report.as_ref().and_then(|r| r.provider_id.as_ref()).map(ToString::to_string).as_deref(),
            id,
            "{body}"
        );
    }
    let report = read(r#"{"id":"a","status":"x","error":7,"description":"why"}"#).unwrap();
    assert_eq!(report.evidence.description.as_deref(), Some("7"));
    let inbound = Inbound::read(Form::Json, br#"{"msisdn":306900000001,"message":"hi"}"#).unwrap();
    assert_eq!((inbound.from.as_str(), inbound.to.as_str(), inbound.text.as_str()), ("306900000001", "", "hi"));
    assert_eq!(format!("{inbound:?}"), "Inbound(…)");
}

#[test]
fn every_word_that_is_met_has_its_rank_and_others_count_as_on_the_way() {
    let ranks = [
        (Rank::Delivered, "Delivered delivrd COMPLETED ok"),
        (Rank::Failed, "Failure failed undelivered undeliv expired rejected REJECTD error deleted"),
        (Rank::Sent, "Sent queued pending accepted acceptd submitted enroute buffered"),
    ];
    for (rank, words) in ranks {
        for word in words.split(' ') {
            let report = read(&json!({"id": "a", "status": word}).to_string()).unwrap();
            assert_eq!((report.evidence.rank, report.known_word), (rank, true), "{word}");
        }
    }
    let report = read(r#"{"id":"a","status":"Teleported"}"#).unwrap();
    assert_eq!((report.evidence.rank, report.known_word), (Rank::Sent, false));
    assert_eq!(report.evidence.word, "Teleported");
}

#[test]
fn times_are_read_as_they_are_written() {
    let at = |time: serde_json::Value| {
        read(&json!({"id": "a", "status": "ok", "doneAt": time}).to_string()).unwrap().evidence.at
    };
    let expected: Timestamp = "2025-10-29T16:06:37Z".parse().unwrap();
    for time in [
        json!("2025-10-29T16:06:37Z"),
        json!("2025-10-29T18:06:37.0000000+02:00"),
        json!("2025-10-29T16:06:37"),
        json!("2025-10-29 16:06:37"),
        json!(1_761_753_997),
        json!("1761753997000"),
    ] {
        assert_eq!(at(time.clone()), Some(expected), "{time}");
    }
    for time in [json!("yesterday"), json!("0001-01-01T00:00:00"), json!(0), json!(i64::MAX), json!(1.5), json!("")] {
        assert_eq!(at(time.clone()), None, "{time}");
    }
}

#[test]
fn an_array_is_cut_into_its_elements_as_they_were_written() {
    let cut = |body: &str| -> Vec<String> {
        pieces(Form::Json, body.as_bytes()).iter().map(|p| String::from_utf8(p.to_vec()).unwrap()).collect()
    };
    assert_eq!(cut(r#" [ {"a" : 1.0} ,2]"#), [r#"{"a" : 1.0}"#, "2"]);
    assert_eq!(cut("[]"), Vec::<String>::new());
    assert_eq!(cut("[{"), ["[{"]);
    assert_eq!(cut("{}"), ["{}"]);
}

#[test]
fn a_report_is_looked_at_ever_more_rarely_for_72_hours() {
    let (mut now, mut looks) = (start(), Vec::new());
    while let Some(next) = next_try_at(start(), i16::try_from(looks.len()).unwrap(), now) {
        looks.push(next.duration_since(now).as_secs());
        now = next;
    }
    assert_eq!(looks[..7], [1, 5, 30, 120, 600, 3600, 3600]);
    assert_eq!(now, start() + SignedDuration::from_hours(72), "the last try is at the end");
}

/// A report of a message, as it may be written.
fn body() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["Delivered", "ok", "Failure", "expired", "Sent", "queued", "?", "??"]);
    let at = prop::option::of((0..3_i64, 0..3_i32));
    let why = prop::option::of(prop::sample::select(vec!["absent subscriber", "barred"]));
    (word, at, why, any::<bool>()).prop_map(|(word, at, why, named)| {
        let at = at.map(|(s, n)| Timestamp::new(start().as_second() + s, n * 600).unwrap().to_string());
        let field = if named { "status" } else { "deliveryStatus" };
        json!({"messageId": "p-1", field: word, "updatedAt": at, "error": why}).to_string()
    })
}

fn two_orders() -> impl Strategy<Value = [Vec<String>; 2]> {
    let again = || prop::collection::vec(any::<Index>(), 0..5);
    (prop::collection::vec(body(), 1..8), again(), again()).prop_flat_map(|(all, first, second)| {
        let with = |again: Vec<Index>| {
            let repeated = again.iter().map(|i| i.get(&all).clone());
            Just(all.iter().cloned().chain(repeated).collect::<Vec<_>>()).prop_shuffle()
        };
        [with(first), with(second)]
    })
}

fn told(reports: &[String]) -> Message {
    let mut message = queued(OwnerId(1), Guarantee::AtMostOnce, start());
    message.id = messaging::domain::ids::MessageId::parse("019a0000-0000-7000-8000-000000000000").unwrap();
    for report in reports {
        let _ = apply(&mut message, &Event::Evidence(read(report).unwrap().evidence), start());
    }
    // What counts changes is not what is: a record's version tells how often it was written.
    message.state.version = 0;
    message
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]
    #[test]
    fn any_order_with_any_repetition_of_any_reports_comes_to_the_same(orders in two_orders()) {
        let [one, other] = orders.map(|reports| told(&reports));
        prop_assert_eq!(one.state, other.state);
        prop_assert_eq!(one.text.as_str(), other.text.as_str());
    }
}
