//! The history of a message in sentences, with what was ignored, and by which rule.

use maud::{Markup, html};
use pbjson_types::{Struct, value};

use crate::domain::evidence::Rank;
use crate::http::console::sight::Sight;
use crate::http::console::{times, words};
use crate::proto::explain_message_response::Entry;
use crate::proto::{HistoryKind, MessageStatus};

/// The entries, oldest first.
pub(super) fn list(entries: &[Entry], sight: Sight) -> Markup {
    html! {
        ol.timeline {
            @for entry in entries {
                @let (what, aside) = sentence(entry, sight);
                li {
                    span.at { @if let Some(at) = times::read(entry.at) { (times::exact(at)) } }
                    p { (what) }
                    @if !aside.is_empty() { p.hint { (aside) } }
                }
            }
        }
    }
}

/// A text of an entry's evidence; empty if there is none.
fn told<'a>(evidence: Option<&'a Struct>, name: &str) -> &'a str {
    match evidence.and_then(|evidence| evidence.fields.get(name)).and_then(|value| value.kind.as_ref()) {
        Some(value::Kind::StringValue(text)) => text,
        _ => "",
    }
}

fn number(evidence: Option<&Struct>, name: &str) -> Option<f64> {
    match evidence?.fields.get(name)?.kind.as_ref()? {
        value::Kind::NumberValue(number) => Some(*number),
        _ => None,
    }
}

fn is(evidence: Option<&Struct>, name: &str) -> bool {
    let value = evidence.and_then(|evidence| evidence.fields.get(name)).and_then(|value| value.kind.as_ref());
    matches!(value, Some(value::Kind::BoolValue(true)))
}

/// An entry's sentence, and what is to be known beside it.
fn sentence(entry: &Entry, sight: Sight) -> (String, String) {
    let to = MessageStatus::try_from(entry.to).unwrap_or_default();
    let evidence = entry.evidence.as_ref();
    let try_of = if entry.attempt > 0 { format!("Try {}: ", entry.attempt) } else { String::new() };
    let plain = |text: &str| (text.to_owned(), String::new());
    match HistoryKind::try_from(entry.kind).unwrap_or_default() {
        HistoryKind::Unspecified => plain("Something that this release does not know."),
        HistoryKind::Accepted if to == MessageStatus::Scheduled => {
            plain("Accepted and stored, to be sent at its time.")
        }
        HistoryKind::Accepted => plain("Accepted and stored."),
        HistoryKind::Fenced => (
            format!("{try_of}it is being handed to the provider."),
            "From here on the provider may have it.".to_owned(),
        ),
        HistoryKind::Settled => settled(entry, &try_of, sight),
        HistoryKind::LateAnswer => {
            let (what, aside) = settled(entry, &try_of, sight);
            (format!("{what} The answer came after it had been given up."), aside)
        }
        HistoryKind::Reported => reported(entry, sight),
        HistoryKind::LeaseLost => {
            plain("The process that had it in hand ended before it was done with it; another one goes on.")
        }
        HistoryKind::Resend => {
            let aside = "Its guarantee is at least once: the recipient may get it twice.".to_owned();
            ("No report came after the lost answer: it is sent once more.".to_owned(), aside)
        }
        HistoryKind::Expired => plain("Its validity ended before it could be sent."),
        HistoryKind::Cancelled => match told(evidence, "superseded_by") {
            "" if to == MessageStatus::Unknown => {
                plain("Its tries were ended. An earlier one may have reached the provider.")
            }
            "" => plain("It was cancelled."),
            newer => plain(&format!("Message {newer} took its place.")),
        },
        HistoryKind::OptedOut => plain("It was not sent, because the recipient had opted out."),
        HistoryKind::Requeued => plain("An operator had it tried again."),
        HistoryKind::Unreported => {
            plain("Nothing final was reported within its validity and a day, and the provider did not know more.")
        }
        HistoryKind::Released => {
            let aside = "The database's answer was lost; nothing had been handed to the provider.".to_owned();
            ("It was given back to the queue.".to_owned(), aside)
        }
    }
}

/// The outcome of a try.
fn settled(entry: &Entry, try_of: &str, sight: Sight) -> (String, String) {
    let evidence = entry.evidence.as_ref();
    let because = match told(evidence, "code") {
        "" => String::new(),
        code => format!(": {}", words::reason(code)),
    };
    let aside = match (is(evidence, "reported"), is(evidence, "given_up"), number(evidence, "wait_seconds")) {
        (true, ..) => "A report had said already that the provider has it: that counts.".to_owned(),
        (_, true, _) => "That was the last try.".to_owned(),
        (.., Some(wait)) => next_attempt(entry, wait),
        _ if is(evidence, "resend") => {
            "It is sent once more unless a report comes within two minutes: its guarantee is at least once.".to_owned()
        }
        _ => String::new(),
    };
    let what = match told(evidence, "outcome") {
        "accepted" => {
            format!("{try_of}the provider took it, as {}.", sight.title(told(evidence, "provider_message_id")))
        }
        "rejected" => format!("{try_of}the provider refused it{because}."),
        "not sent" if told(evidence, "code") == "PROVIDER_ERROR" => {
            format!("{try_of}the provider failed, and may have it all the same.")
        }
        "not sent" => format!("{try_of}it did not leave{because}."),
        "ambiguous" => format!("{try_of}nobody knows whether the provider took it{because}."),
        "" => format!("{try_of}it was settled."),
        other => format!("{try_of}{other}{because}."),
    };
    (what, aside)
}

/// When it is tried again after this entry.
fn next_attempt(entry: &Entry, wait: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a wait, which are few")]
    let wait = jiff::SignedDuration::from_secs(wait as i64);
    let at = times::read(entry.at).and_then(|at| at.checked_add(wait).ok());
    at.map_or_else(String::new, |at| {
        let at = at.strftime("%H:%M:%S UTC");
        if wait.is_zero() {
            format!("Next try from {at} on.")
        } else {
            format!("Next try at {at}, {} later.", times::span(wait))
        }
    })
}

/// The carrier's word, and whether it counted.
fn reported(entry: &Entry, sight: Sight) -> (String, String) {
    let evidence = entry.evidence.as_ref();
    let said = match (told(evidence, "word"), told(evidence, "description")) {
        ("", _) => "The carrier reported on it.".to_owned(),
        (word, "") => format!("The carrier said “{}”.", sight.words(word)),
        (word, why) => format!("The carrier said “{}”: {}", sight.words(word), sight.words(why)),
    };
    let (from, _) = words::status(entry.from);
    let weaker = number(evidence, "rank").zip(rank(entry.from)).is_some_and(|(said, stands)| said < stands);
    let aside = if entry.from != entry.to {
        String::new()
    } else if weaker {
        format!("Ignored: “{from}” stays. The strongest word counts, in whatever order they come.")
    } else {
        format!("The state stays: {from}.")
    };
    (said, aside)
}

/// How strong the carrier's word behind a state is, by the numbers of the evidence.
fn rank(status: i32) -> Option<f64> {
    match MessageStatus::try_from(status).ok()? {
        MessageStatus::Failed => Some(f64::from(Rank::Failed as i16)),
        MessageStatus::Delivered => Some(f64::from(Rank::Delivered as i16)),
        _ => None,
    }
}

/// The time of the next try, if the message waits for one.
pub(super) fn next(entries: &[Entry]) -> Option<String> {
    let last = entries.last()?;
    let waits = MessageStatus::try_from(last.to).ok()? == MessageStatus::Queued;
    let wait = number(last.evidence.as_ref(), "wait_seconds").filter(|_| waits)?;
    Some(next_attempt(last, wait))
}
