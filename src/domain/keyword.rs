//! The request in a recipient's words: to stop, to start again, or something that a person has to read; and what it did.

/// The words that ask for no more messages, unless more are configured (`STOP_WORDS`): those that the rules of the United States name
/// since April 2025 (47 CFR 64.1200(a)(10)) among them. `OPT-OUT` reads as `OPT OUT`.
const STOP: [&str; 10] =
    ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPT OUT", "OPTOUT", "ΣΤΟΠ"];
/// The words that undo them.
const START: [&str; 3] = ["START", "UNSTOP", "SUBSCRIBE"];

/// The request in a text. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Verdict {
    /// No more messages.
    Stop = 1,
    /// Messages again.
    Start = 2,
    /// It has a word that stops, and may mean something else.
    PerhapsStop = 3,
    /// Something else.
    Other = 4,
}

impl Verdict {
    /// The verdict with this number.
    #[must_use]
    pub fn from_number(n: i16) -> Option<Self> {
        [Self::Stop, Self::Start, Self::PerhapsStop, Self::Other].into_iter().find(|verdict| *verdict as i16 == n)
    }

    /// Its name, as events give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::PerhapsStop => "perhaps_stop",
            Self::Other => "other",
        }
    }
}

/// The effect of a request on the owner's list of opt-outs. The numbers are what the database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Effect {
    /// Its author is on the list now.
    OptedOut = 1,
    /// Its author was on the list already.
    AlreadyOptedOut = 2,
    /// None: its author asked for messages again after it, and that was read first.
    Overtaken = 3,
    /// Its author is off the list now.
    OptedIn = 4,
    /// None: its author was not on the list, or not by a STOP that came before it.
    NothingToUndo = 5,
}

impl Effect {
    /// The effect with this number.
    #[must_use]
    pub fn from_number(n: i16) -> Option<Self> {
        [Self::OptedOut, Self::AlreadyOptedOut, Self::Overtaken, Self::OptedIn, Self::NothingToUndo]
            .into_iter()
            .find(|effect| *effect as i16 == n)
    }

    /// Its name, as events give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::AlreadyOptedOut => "already_opted_out",
            Self::Overtaken => "overtaken",
            Self::OptedIn => "opted_in",
            Self::NothingToUndo => "nothing_to_undo",
        }
    }
}

/// The words that count.
#[derive(Debug, Clone)]
pub struct Keywords {
    stop: Vec<Vec<String>>,
    start: Vec<Vec<String>>,
}

impl Default for Keywords {
    fn default() -> Self {
        Self::with(&[])
    }
}

impl Keywords {
    /// The usual words, and these besides, each a word or a few, that stop.
    #[must_use]
    pub fn with(more: &[String]) -> Self {
        let phrases = |words: &[&str]| words.iter().map(|word| split(word).0).filter(|p| !p.is_empty()).collect();
        let mut stop: Vec<&str> = STOP.to_vec();
        stop.extend(more.iter().map(String::as_str));
        Self { stop: phrases(&stop), start: phrases(&START) }
    }

    /// The text's request. A keyword counts if it is the whole text, or its first sentence; anywhere else it may be
    /// a part of something: "stop by tomorrow?" is no wish to be left alone.
    #[must_use]
    pub fn verdict(&self, text: &str) -> Verdict {
        let (words, first_sentence) = split(text);
        let counts = |phrase: &Vec<String>| *phrase == words || words.get(..first_sentence) == Some(phrase);
        if self.stop.iter().any(counts) {
            Verdict::Stop
        } else if self.start.iter().any(counts) {
            Verdict::Start
        } else if self.stop.iter().any(|phrase| words.windows(phrase.len()).any(|part| part == phrase)) {
            Verdict::PerhapsStop
        } else {
            Verdict::Other
        }
    }
}

/// The words of a text in capitals without accents, and how many of them its first sentence has.
fn split(text: &str) -> (Vec<String>, usize) {
    let mut words: Vec<String> = Vec::new();
    let (mut within, mut first_sentence) = (false, None);
    for c in text.chars().flat_map(char::to_uppercase).map(plain) {
        if c.is_alphanumeric() {
            if !within {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.push(c);
            }
        } else if matches!(c, '.' | '!' | '…' | '\n' | '\r') && !words.is_empty() {
            first_sentence.get_or_insert(words.len());
        }
        within = c.is_alphanumeric() || within && is_mark(c);
    }
    let first_sentence = first_sentence.unwrap_or(words.len());
    (words, first_sentence)
}

/// An accent that stands by itself, after its letter: it belongs to the word, and is not kept.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// A capital without its accent, where phones write Greek with and without.
fn plain(c: char) -> char {
    match c {
        'Ά' => 'Α',
        'Έ' => 'Ε',
        'Ή' => 'Η',
        'Ί' | 'Ϊ' => 'Ι',
        'Ό' => 'Ο',
        'Ύ' | 'Ϋ' => 'Υ',
        'Ώ' => 'Ω',
        c => c,
    }
}
