//! `messaging user limit` and `show`: how much a user may have at once and spend, and what is left of it.

use std::collections::BTreeSet;
use std::io::Write;
use std::str::FromStr;

use clap::Args;
use jiff::SignedDuration;

use crate::cli::Failure;
use crate::cli::admin::DatabaseArgs;
use crate::config::{self, Env};
use crate::domain::allowed::Allowed;
use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::domain::phone::Msisdn;
use crate::domain::spend::PerNumber;
use crate::store::User;

#[derive(Debug, Args)]
#[group(required = true, multiple = true, id = "limits")]
pub(in crate::cli) struct Given {
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

#[derive(Debug, Args)]
pub(in crate::cli) struct Limit {
    /// Whose messages
    user: i64,
    #[command(flatten)]
    given: Given,
    /// The window of --per-number, in minutes; at most 31 days
    #[arg(long, default_value_t = 24 * 60, requires = "per_number", value_parser = clap::value_parser!(u16).range(1..=31 * 24 * 60))]
    window_minutes: u16,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// A limit from 1 to `MOST`, or none.
#[derive(Debug, Clone, Copy)]
struct Bound<const MOST: u32>(Option<u32>);

impl<const MOST: u32> FromStr for Bound<MOST> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let number = text.parse().ok().filter(|n| (1..=MOST).contains(n));
        number.map(|n| Self(Some(n))).ok_or_else(|| format!("must be from 1 to {MOST}, or none"))
    }
}

impl Limit {
    pub(in crate::cli) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let Given { in_flight, segments_per_day, segments_per_month, per_number, .. } = self.given;
        let Given { calls, streams, uploads, refreshes, countries, .. } = self.given;
        let countries = countries.map(|names| parse_countries(&names)).transpose()?;
        let window = SignedDuration::from_mins(i64::from(self.window_minutes));
        let change = move |user: &mut User| {
            let limits = &mut user.limits;
            if let Some(Bound(most)) = in_flight {
                user.max_in_flight = most.and_then(|n| usize::try_from(n).ok());
            }
            let at_once = &mut user.at_once;
            for (given, kept) in [
                (calls, &mut at_once.calls),
                (streams, &mut at_once.streams),
                (uploads, &mut at_once.uploads),
                (refreshes, &mut at_once.refreshes),
            ] {
                if let Some(Bound(most)) = given {
                    *kept = most;
                }
            }
            if let Some(Bound(most)) = segments_per_day {
                limits.per_day = most;
            }
            if let Some(Bound(most)) = segments_per_month {
                limits.per_month = most;
            }
            if let Some(countries) = &countries {
                limits.countries = countries.clone();
            }
            if let Some(Bound(most)) = per_number {
                limits.per_number = most.map(|messages| PerNumber { messages, window });
            }
            Some(limits_of(user).map(|(name, value)| format!("{name} {value}")).join(", "))
        };
        let done = self.database.store(env).await?.change_user(OwnerId(self.user), Act::UserLimited, change).await;
        done.map_err(Failure::other)?.ok_or_else(super::unknown_user)?;
        writeln!(out, "limited").map_err(Failure::other)
    }
}

fn parse_countries(names: &str) -> Result<Allowed, Failure> {
    if names == "any" {
        return Ok(Allowed::Any);
    }
    let names: BTreeSet<String> = names.split(',').map(|name| name.trim().to_ascii_uppercase()).collect();
    match names.iter().find(|name| !Msisdn::is_country(name)) {
        Some(_) => {
            Err(config::Error::of("--countries", "must be countries as ISO 3166-1 names them: GR,DE; or any").into())
        }
        None => Ok(Allowed::Only(names)),
    }
}

/// The limits of a user, each with its name.
fn limits_of(user: &User) -> [(&'static str, String); 9] {
    let number = |n: Option<u32>| n.map_or_else(|| "none".to_owned(), |n| n.to_string());
    let default = |n: Option<u32>| n.map_or_else(|| "default".to_owned(), |n| n.to_string());
    let per_number = user
        .limits
        .per_number
        .map_or_else(|| "none".to_owned(), |n| format!("{} in {} minutes", n.messages, n.window.as_mins()));
    [
        ("in flight", user.max_in_flight.map_or_else(|| "default".to_owned(), |n| n.to_string())),
        ("calls", default(user.at_once.calls)),
        ("streams", default(user.at_once.streams)),
        ("uploads", default(user.at_once.uploads)),
        ("refreshes", default(user.at_once.refreshes)),
        ("segments a day", number(user.limits.per_day)),
        ("segments a month", number(user.limits.per_month)),
        ("countries", user.limits.countries.to_string()),
        ("messages to one number", per_number),
    ]
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// Whom
    user: i64,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Show {
    pub(in crate::cli) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        let store = self.database.store(env).await?;
        let user = store.user(OwnerId(self.user)).await.map_err(Failure::other)?.ok_or_else(super::unknown_user)?;
        let left = store.segments_left(user.id).await.map_err(Failure::other)?;
        let mut line =
            |name: &str, value: &dyn std::fmt::Display| writeln!(out, "{name}\t{value}").map_err(Failure::other);
        line("id", &user.id)?;
        line("name", &user.name)?;
        line("state", &if user.disabled_at.is_some() { "disabled" } else { "live" })?;
        line("sender", &user.sender.as_ref().map_or("-", |sender| sender.as_str()))?;
        line("may send as", &user.senders)?;
        line("may use accounts", &user.accounts)?;
        for (name, value) in limits_of(&user) {
            line(name, &value)?;
        }
        for (name, left) in [("segments left today", left.today), ("segments left this month", left.this_month)] {
            if let Some(left) = left {
                line(name, &left)?;
            }
        }
        Ok(())
    }
}
