//! A campaign's plan: how many messages, in which alphabet, and how many segments they cost.

use crate::domain::text::{Encoding, MessageText};

/// How many of the characters that force messages into UCS-2 are told.
const MAX_FORCING: usize = 100;

/// The plan of starting a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// How many messages would go out.
    pub messages: i64,
    /// How many recipients could not be added.
    pub invalid: i64,
    /// How many recipients were there already when they were added.
    pub duplicates: i64,
    /// How many recipients opted out.
    pub opted_out: i64,
    /// How many recipients' texts cannot be sent.
    pub unsendable: i64,
    /// The segments of all messages.
    pub segments: i64,
    /// How many messages travel as GSM-7.
    pub gsm7: i64,
    /// How many messages travel as UCS-2.
    pub ucs2: i64,
    /// The characters that GSM-7 lacks, the first 100.
    pub forcing: Vec<char>,
    /// The rate limit of the route account, in segments a second; 0 if there is none.
    pub segments_per_second: i64,
}

impl Plan {
    /// Counts `n` messages of this text.
    pub fn count(&mut self, text: &MessageText, n: i64) {
        let segmentation = text.segmentation();
        self.messages += n;
        self.segments += n * i64::from(segmentation.segments);
        match segmentation.encoding {
            Encoding::Gsm7 => self.gsm7 += n,
            Encoding::Ucs2 => {
                self.ucs2 += n;
                for c in text.forcing_characters() {
                    if self.forcing.len() < MAX_FORCING && !self.forcing.contains(&c) {
                        self.forcing.push(c);
                    }
                }
            }
        }
    }

    /// How long it takes at the rate limit, in whole seconds; `None` without a limit.
    #[must_use]
    pub fn seconds(&self) -> Option<i64> {
        (self.segments_per_second > 0)
            .then(|| (self.segments + self.segments_per_second - 1) / self.segments_per_second)
    }
}
