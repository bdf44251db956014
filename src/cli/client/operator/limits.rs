//! `messaging user limit` and `show`: how much a user may have at once and spend, and what is left of it.

use std::str::FromStr;

use super::or_none;
use super::place::Place;
use crate::cli::client::Console;
use crate::cli::client::failure::Failure;
use crate::cli::client::output::held;
use crate::cli::client::text::plain;
use crate::proto::{GetUserResponse, LimitUserRequest, Names, NumberLimit, UserLimits};

/// The limits that a command names; the others stay.
#[derive(clap::Args)]
#[group(required = true, multiple = true, id = "limits")]
pub struct Given {
    /// How many of the user's queued messages one process has in flight; none for the configured default
    #[arg(long, value_name = "1..1000|none")]
    in_flight: Option<Bound<1000>>,
    /// How many segments a day, from midnight UTC
    #[arg(long, value_name = "N|none")]
    segments_per_day: Option<Bound<1_000_000_000>>,
    /// How many segments a calendar month, by UTC
    #[arg(long, value_name = "N|none")]
    segments_per_month: Option<Bound<1_000_000_000>>,
    /// The countries of recipients, as ISO 3166-1 names them, for example GR,DE
    #[arg(long, value_name = "GR,DE|any")]
    countries: Option<String>,
    /// How many calls at once, in one process; none for what any owner may have
    #[arg(long, value_name = "N|none")]
    calls: Option<Bound<65_536>>,
    /// How many streams of changes at once, in one process
    #[arg(long, value_name = "N|none")]
    streams: Option<Bound<65_536>>,
    /// How many uploads of recipients at once, in one process
    #[arg(long, value_name = "N|none")]
    uploads: Option<Bound<65_536>>,
    /// How many bulk refreshes at once, in one process
    #[arg(long, value_name = "N|none")]
    refreshes: Option<Bound<65_536>>,
    /// How many messages to one number within the window
    #[arg(long, value_name = "N|none")]
    per_number: Option<Bound<10_000>>,
}

/// Limit what a user may have in flight and spend.
#[derive(clap::Args)]
pub struct Limit {
    /// Whose messages
    user: i64,
    #[command(flatten)]
    given: Given,
    /// The window of --per-number, in minutes; at most 31 days
    #[arg(long, default_value_t = 24 * 60, requires = "per_number", value_parser = clap::value_parser!(u16).range(1..=31 * 24 * 60))]
    window_minutes: u16,
    #[command(flatten)]
    place: Place,
}

/// A limit from 1 to `MOST`, or 0, which is none.
#[derive(Debug, Clone, Copy)]
struct Bound<const MOST: i32>(i32);

impl<const MOST: i32> FromStr for Bound<MOST> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(0));
        }
        let number = text.parse().ok().filter(|n| (1..=MOST).contains(n));
        number.map(Self).ok_or_else(|| format!("must be from 1 to {MOST}, or none"))
    }
}

impl Limit {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let window = pbjson_types::Duration { seconds: i64::from(self.window_minutes) * 60, nanos: 0 };
        let given = self.given;
        let request = LimitUserRequest {
            id: self.user,
            in_flight: given.in_flight.map(|n| n.0),
            calls: given.calls.map(|n| n.0),
            streams: given.streams.map(|n| n.0),
            uploads: given.uploads.map(|n| n.0),
            refreshes: given.refreshes.map(|n| n.0),
            segments_per_day: given.segments_per_day.map(|n| n.0),
            segments_per_month: given.segments_per_month.map(|n| n.0),
            countries: given.countries.map(|names| countries(&names)),
            per_number: given.per_number.map(|n| NumberLimit { messages: n.0, window: Some(window) }),
        };
        let answer = self.place.open(console).await?.limit_user(request).await?.into_inner();
        self.place.print(console, &held(answer.user, "user")?, |_| Ok("limited".to_owned()))
    }
}

fn countries(names: &str) -> Names {
    if names == "any" {
        return Names { every: true, names: Vec::new() };
    }
    Names { every: false, names: names.split(',').map(|name| name.trim().to_owned()).collect() }
}

/// A user, a line for each thing that is known of it.
pub(super) fn show(answer: &GetUserResponse) -> Result<String, Failure> {
    let user = held(answer.user.as_ref(), "user")?;
    let limits = user.limits.clone().unwrap_or_default();
    let mut lines = vec![
        ("id", user.id.to_string()),
        ("name", plain(&user.name)),
        ("state", if user.disabled_at.is_some() { "disabled" } else { "live" }.to_owned()),
        ("sender", plain(or_none(&user.sender))),
        ("may send as", named(user.senders.as_ref())),
        ("may use accounts", named(user.route_accounts.as_ref())),
    ];
    lines.extend(limits_of(&limits));
    let left = |left: Option<u32>| left.map(|left| left.to_string());
    lines.extend(left(answer.segments_left_today).map(|left| ("segments left today", left)));
    lines.extend(left(answer.segments_left_this_month).map(|left| ("segments left this month", left)));
    let lines: Vec<String> = lines.into_iter().map(|(name, value)| format!("{name}\t{value}")).collect();
    Ok(lines.join("\n"))
}

/// The limits of a user, each with its name.
fn limits_of(limits: &UserLimits) -> [(&'static str, String); 9] {
    let or = |n: Option<i32>, word: &str| n.map_or_else(|| word.to_owned(), |n| n.to_string());
    let minutes = |limit: &NumberLimit| limit.window.as_ref().map_or(0, |window| window.seconds / 60);
    let per_number = limits.per_number.as_ref();
    let per_number = per_number.map(|limit| format!("{} in {} minutes", limit.messages, minutes(limit)));
    [
        ("in flight", or(limits.in_flight, "default")),
        ("calls", or(limits.calls, "default")),
        ("streams", or(limits.streams, "default")),
        ("uploads", or(limits.uploads, "default")),
        ("refreshes", or(limits.refreshes, "default")),
        ("segments a day", or(limits.segments_per_day, "none")),
        ("segments a month", or(limits.segments_per_month, "none")),
        ("countries", named(limits.countries.as_ref())),
        ("messages to one number", per_number.unwrap_or_else(|| "none".to_owned())),
    ]
}

/// Names that are allowed: `*` for every one, `-` for none.
fn named(names: Option<&Names>) -> String {
    match names {
        Some(Names { every: false, names }) => plain(or_none(&names.join(" "))),
        Some(Names { every: true, .. }) | None => "*".to_owned(),
    }
}
