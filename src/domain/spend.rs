//! How much an owner may spend: segments a day and a month, the countries, messages to one number. Counted where messages
//! are accepted, whatever becomes of them.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil, tz::TimeZone};

use crate::domain::allowed::Allowed;
use crate::domain::phone::Msisdn;

/// The limits of one owner. The default has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Segments a day, from midnight UTC.
    pub per_day: Option<u32>,
    /// Segments a calendar month, by UTC.
    pub per_month: Option<u32>,
    /// The countries of recipients, as ISO 3166-1 names them: `GR`.
    pub countries: Allowed,
    /// Messages to one number.
    pub per_number: Option<PerNumber>,
}

/// So many messages to one number in so long a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerNumber {
    /// How many.
    pub messages: u32,
    /// Within how long.
    pub window: SignedDuration,
}

impl PerNumber {
    /// The longest window.
    pub const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);
}

/// Each kind of limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// Segments a day.
    Day,
    /// Segments a month.
    Month,
    /// The countries.
    Country,
    /// Messages to one number.
    Number,
}

impl Limit {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Day, Self::Month, Self::Country, Self::Number];

    /// Its name, for machines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "segments_per_day",
            Self::Month => "segments_per_month",
            Self::Country => "countries",
            Self::Number => "per_number",
        }
    }

    /// The reason that a message which it kept from being sent carries.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Day | Self::Month => "SPEND_LIMIT",
            Self::Country => "COUNTRY_NOT_ALLOWED",
            Self::Number => "NUMBER_LIMIT",
        }
    }
}

/// A message that a limit does not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Which one.
    pub limit: Limit,
    /// How much it allows; 0 of countries.
    pub most: u32,
    /// How long until it may let the message through, if it ever does by itself.
    pub wait: Option<SignedDuration>,
}

impl std::fmt::Display for Over {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let most = self.most;
        match self.limit {
            Limit::Day => {
                write!(f, "This owner may send {most} segments a day (UTC), and this message would be over it")
            }
            Limit::Month => {
                write!(f, "This owner may send {most} segments a month (UTC), and this message would be over it")
            }
            Limit::Country => f.write_str("This owner may not send to the recipient's country"),
            Limit::Number => write!(f, "This owner has sent {most} messages to this number lately, as many as it may"),
        }
    }
}

/// When the day and the month of a time began, by UTC.
#[must_use]
pub fn periods(now: Timestamp) -> (Timestamp, Timestamp) {
    let today = now.to_zoned(TimeZone::UTC).date();
    (midnight(today, now), midnight(today.first_of_month(), now))
}

/// When the next day and the next month begin.
fn next(now: Timestamp) -> (Timestamp, Timestamp) {
    let today = now.to_zoned(TimeZone::UTC).date();
    let tomorrow = today.checked_add(1.day()).unwrap_or(today);
    let month = today.first_of_month().checked_add(1.month()).unwrap_or(today);
    (midnight(tomorrow, now), midnight(month, now))
}

fn midnight(date: civil::Date, or: Timestamp) -> Timestamp {
    date.to_zoned(TimeZone::UTC).map_or(or, |at| at.timestamp())
}

/// The rest of an owner's limits; `None` where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    /// Segments today.
    pub today: Option<u32>,
    /// Segments this month.
    pub this_month: Option<u32>,
    /// Messages to the number that was asked about.
    pub to_number: Option<u32>,
}

/// One owner's account: the limits, and what was used of them.
#[derive(Debug, Clone)]
pub struct Account {
    limits: Limits,
    now: Timestamp,
    today: i64,
    this_month: i64,
    to_numbers: HashMap<String, i64>,
    taken: i64,
}

impl Account {
    /// The account at `now`, with the segments used today and this month, and how many messages the numbers had in the window.
    #[must_use]
    pub fn new(
        limits: Limits,
        now: Timestamp,
        (today, this_month): (i64, i64),
        to_numbers: HashMap<String, i64>,
    ) -> Self {
        Self { limits, now, today, this_month, to_numbers, taken: 0 }
    }

    /// Takes a message's segments, or says which limit it would break; then nothing is taken.
    pub fn take(&mut self, to: &Msisdn, segments: i16) -> Result<(), Over> {
        let segments = i64::from(segments.max(1));
        if self.limits.countries != Allowed::Any && !to.country().is_some_and(|c| self.limits.countries.has(&c)) {
            return Err(Over { limit: Limit::Country, most: 0, wait: None });
        }
        let had = self.to_numbers.get(to.as_str()).copied().unwrap_or(0);
        if let Some(PerNumber { messages, window }) = self.limits.per_number
            && had >= i64::from(messages)
        {
            return Err(Over { limit: Limit::Number, most: messages, wait: Some(window) });
        }
        let (tomorrow, month) = next(self.now);
        for (limit, most, used, until) in [
            (Limit::Month, self.limits.per_month, self.this_month, month),
            (Limit::Day, self.limits.per_day, self.today, tomorrow),
        ] {
            if let Some(most) = most
                && used + self.taken + segments > i64::from(most)
            {
                return Err(Over { limit, most, wait: Some(until.duration_since(self.now)) });
            }
        }
        self.taken += segments;
        if self.limits.per_number.is_some() {
            self.to_numbers.insert(to.as_str().to_owned(), had + 1);
        }
        Ok(())
    }

    /// Whether there is no segment left, whoever it is for.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        let left = self.left(None);
        left.today == Some(0) || left.this_month == Some(0)
    }

    /// How many segments were taken since it was opened.
    #[must_use]
    pub fn taken(&self) -> i64 {
        self.taken
    }

    /// The rest of the limits, for this number among others.
    #[must_use]
    pub fn left(&self, to: Option<&Msisdn>) -> Left {
        let rest = |most: Option<u32>, used: i64| Some(u32::try_from(i64::from(most?) - used).unwrap_or(0));
        let had = to.and_then(|to| self.to_numbers.get(to.as_str())).copied().unwrap_or(0);
        Left {
            today: rest(self.limits.per_day, self.today + self.taken),
            this_month: rest(self.limits.per_month, self.this_month + self.taken),
            to_number: rest(self.limits.per_number.map(|n| n.messages), had),
        }
    }
}
