//! How much a person sees: without the scope `reveal` no page has a whole number, wherever somebody wrote one, and no code that stands in
//! a text. Ids are shown as they are.

use maud::{Markup, html};

use crate::domain::phone::Msisdn;
use crate::domain::sender::shown;

/// From so many digits on, a run of digits in a text is hidden: a one-time code has four or more.
const CODE: usize = 4;
/// From so many on without anything between them, it is a number, of which both ends are left. Codes are shorter.
const NUMBER: usize = 10;
/// How many characters that are no letters may stand between two digits of one number.
const APART: usize = 4;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    /// Whether numbers are whole.
    pub(super) whole: bool,
}

impl Sight {
    /// A number as plain text.
    pub(super) fn plain(self, number: &str) -> String {
        let stored = Msisdn::from_stored(number.to_owned());
        match () {
            () if number.is_empty() => "–".to_owned(),
            () if stored.is_erased() => "an erased number".to_owned(),
            () if self.whole => number.to_owned(),
            () => stored.masked(),
        }
    }

    /// A number, kept apart from what is written from right to left.
    pub(super) fn number(self, number: &str) -> Markup {
        html! { bdi.number { (self.plain(number)) } }
    }

    /// A sender ID, which may be a number.
    pub(super) fn sender(self, sender: &str) -> Markup {
        let known = if self.whole { sender.to_owned() } else { self.title(&shown(sender)) };
        html! { bdi { (known) } }
    }

    /// A text that somebody else wrote, in the direction that it has.
    pub(super) fn text(self, text: &str) -> Markup {
        html! { bdi dir="auto" { (self.words(text)) } }
    }

    /// The same as plain text.
    pub(super) fn words(self, text: &str) -> String {
        if self.whole { text.to_owned() } else { hidden(text, CODE) }
    }

    /// The words by which people call a thing, or that they write beside it: a name, a description, a reference. A date in it is no code.
    pub(super) fn name(self, name: &str) -> Markup {
        html! { bdi dir="auto" { (self.title(name)) } }
    }

    /// The same as plain text.
    pub(super) fn title(self, name: &str) -> String {
        if self.whole {
            return name.to_owned();
        }
        let (mut seen, mut between) = (String::with_capacity(name.len()), String::new());
        for word in name.split_inclusive(' ') {
            if is_id(word) {
                seen.push_str(&hidden(&between, NUMBER));
                between.clear();
                seen.push_str(word);
            } else {
                between.push_str(word);
            }
        }
        seen.push_str(&hidden(&between, NUMBER));
        seen
    }

    /// An address that is called, as plain text: the digits that name a host are no number.
    pub(super) fn address(self, url: &str) -> String {
        let host = url.find("://").map_or(0, |at| at + "://".len());
        let behind = url.get(host..).and_then(|rest| rest.find(['/', '?', '#'])).map_or(url.len(), |at| host + at);
        let (host, path) = url.split_at_checked(behind).unwrap_or((url, ""));
        format!("{host}{}", self.title(path))
    }
}

/// Whether a word is the id of a thing, of whose digits many may stand side by side.
fn is_id(word: &str) -> bool {
    let word = word.trim_end_matches([' ', ',', '.']);
    word.contains('-') && uuid::Uuid::try_parse(word).is_ok()
}

/// The text with its codes and numbers hidden. What may stand between the digits of one number is a part of it:
/// a dash, spaces, a line's end, whatever is no letter. Such a run is hidden whole: a code may stand at either of its ends. So are runs of
/// `least` digits or more.
fn hidden(text: &str, least: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if !c.is_numeric() {
            out.push(c);
            at += 1;
            continue;
        }
        let (mut end, mut digits) = (at, 0);
        let mut next = at;
        while let Some(&c) = chars.get(next) {
            if c.is_numeric() {
                digits += 1;
                end = next + 1;
            } else if c.is_alphabetic() || next - end >= APART {
                break;
            }
            next += 1;
        }
        let run = chars.get(at..end).unwrap_or_default();
        match digits {
            _ if digits < least => out.extend(run),
            _ if digits < NUMBER || run.len() > digits => out.push('…'),
            _ => {
                out.extend(run.iter().take(3));
                out.push('…');
                out.extend(run.iter().rev().take(2).rev());
            }
        }
        at = end;
    }
    out
}
