//! How much a user may have at once, and spend.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::Operations;
use crate::auth::Caller;
use crate::domain::allowed::Allowed;
use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::domain::phone::Msisdn;
use crate::domain::spend::PerNumber;
use crate::error::{Error, Resource, Violation};
use crate::store::User;

/// The window of a limit of messages to one number, unless it is told.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The limits to set, as a caller gives them: 0 for none or the default; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct GivenLimits {
    /// Queued messages in flight.
    pub in_flight: Option<i32>,
    /// Calls at once.
    pub calls: Option<i32>,
    /// Streams at once.
    pub streams: Option<i32>,
    /// Uploads at once.
    pub uploads: Option<i32>,
    /// Bulk refreshes at once.
    pub refreshes: Option<i32>,
    /// Segments a day.
    pub segments_per_day: Option<i32>,
    /// Segments a month.
    pub segments_per_month: Option<i32>,
    /// The countries.
    pub countries: Option<GivenCountries>,
    /// Messages to one number.
    pub per_number: Option<GivenPerNumber>,
}

/// Countries: every one, or these.
#[derive(Debug, Clone, Default)]
pub struct GivenCountries {
    /// Every one.
    pub every: bool,
    /// These.
    pub names: Vec<String>,
}

/// So many messages to one number in so long.
#[derive(Debug, Clone, Copy, Default)]
pub struct GivenPerNumber {
    /// How many.
    pub messages: i32,
    /// Within how long; a day unless told.
    pub window: Option<SignedDuration>,
}

/// The change of a limit: none, which leaves it, or the limit that it is set to, where nothing is no limit.
type To<T> = Option<Limit<T>>;

/// A limit, if there is one.
type Limit<T> = Option<T>;

/// The same, checked.
#[derive(Default)]
struct Read {
    in_flight: To<u32>,
    at_once: [To<u32>; 4],
    per_day: To<u32>,
    per_month: To<u32>,
    countries: Option<Allowed>,
    per_number: To<PerNumber>,
}

impl GivenLimits {
    fn read(self, mut violations: Vec<Violation>) -> Result<Read, Error> {
        let mut number = |field: &str, given: Option<i32>, most: i32| {
            let given = given?;
            if !(0..=most).contains(&given) {
                violations.push(Violation::new(field, format_args!("must be from 1 to {most}, or 0 for none")));
            }
            Some(u32::try_from(given).ok().filter(|n| *n > 0))
        };
        let mut read = Read {
            in_flight: number("in_flight", self.in_flight, 1000),
            at_once: [
                number("calls", self.calls, 65_536),
                number("streams", self.streams, 65_536),
                number("uploads", self.uploads, 65_536),
                number("refreshes", self.refreshes, 65_536),
            ],
            per_day: number("segments_per_day", self.segments_per_day, 1_000_000_000),
            per_month: number("segments_per_month", self.segments_per_month, 1_000_000_000),
            ..Read::default()
        };
        if let Some(given) = self.per_number {
            let window = given.window.unwrap_or(DAY);
            let messages = number("per_number.messages", Some(given.messages), 10_000).flatten();
            read.per_number = Some(messages.map(|messages| PerNumber { messages, window }));
            let minutes = window.as_secs() % 60 == 0 && window >= SignedDuration::from_mins(1);
            if given.messages != 0 && (!minutes || window > PerNumber::LONGEST) {
                violations.push(Violation::new("per_number.window", "must be whole minutes, at most 31 days"));
            }
        }
        read.countries = self.countries.map(|given| given.read(&mut violations));
        if violations.is_empty() { Ok(read) } else { Err(Error::Invalid(violations)) }
    }
}

impl GivenCountries {
    fn read(self, violations: &mut Vec<Violation>) -> Allowed {
        if self.every && !self.names.is_empty() {
            violations.push(Violation::new("countries.names", "must be empty where every country is allowed"));
        }
        if self.every {
            return Allowed::Any;
        }
        let names: BTreeSet<String> = self.names.iter().map(|name| name.trim().to_ascii_uppercase()).collect();
        if names.iter().any(|name| !Msisdn::is_country(name)) {
            violations.push(Violation::new("countries.names", "must be countries as ISO 3166-1 names them: GR, DE"));
        }
        Allowed::Only(names)
    }
}

impl Read {
    fn set(&self, user: &mut User) {
        if let Some(most) = self.in_flight {
            user.max_in_flight = most.and_then(|n| usize::try_from(n).ok());
        }
        let at_once = &mut user.at_once;
        let kept = [&mut at_once.calls, &mut at_once.streams, &mut at_once.uploads, &mut at_once.refreshes];
        for (kept, given) in kept.into_iter().zip(self.at_once) {
            *kept = given.unwrap_or(*kept);
        }
        let limits = &mut user.limits;
        limits.per_day = self.per_day.unwrap_or(limits.per_day);
        limits.per_month = self.per_month.unwrap_or(limits.per_month);
        limits.per_number = self.per_number.unwrap_or(limits.per_number);
        if let Some(countries) = &self.countries {
            limits.countries = countries.clone();
        }
    }
}

impl Operations {
    /// Sets the limits that the request names. Returns the user as it is then.
    pub async fn limit_user(
        &self,
        caller: &Caller,
        id: i64,
        limits: GivenLimits,
        mut violations: Vec<Violation>,
    ) -> Result<User, Error> {
        let store = self.acting(caller)?;
        if id == 0 {
            violations.push(Violation::new("id", "is required"));
        }
        let read = limits.read(violations)?;
        let change = move |user: &mut User| {
            read.set(user);
            Some(told(user))
        };
        let found = store.change_user(OwnerId(id), Act::UserLimited, change).await?;
        found.ok_or_else(|| Error::NotFound(Resource::User, id.to_string()))?;
        self.user(id).await
    }
}

/// All limits of a user, for the audit.
fn told(user: &User) -> String {
    let or = |n: Option<u32>, word: &str| n.map_or_else(|| word.to_owned(), |n| n.to_string());
    let per_number = user
        .limits
        .per_number
        .map_or_else(|| "none".to_owned(), |n| format!("{} in {} minutes", n.messages, n.window.as_mins()));
    let in_flight = user.max_in_flight.map_or_else(|| "default".to_owned(), |n| n.to_string());
    let (at_once, limits) = (&user.at_once, &user.limits);
    [
        ("in flight", in_flight),
        ("calls", or(at_once.calls, "default")),
        ("streams", or(at_once.streams, "default")),
        ("uploads", or(at_once.uploads, "default")),
        ("refreshes", or(at_once.refreshes, "default")),
        ("segments a day", or(limits.per_day, "none")),
        ("segments a month", or(limits.per_month, "none")),
        ("countries", limits.countries.to_string()),
        ("messages to one number", per_number),
    ]
    .map(|(name, value)| format!("{name} {value}"))
    .join(", ")
}
