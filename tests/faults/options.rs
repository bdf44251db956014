//! The options of a run, and the sizes that follow from it.

mod scenario;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

pub use scenario::Scenario;

/// Kills and disturbs the program while messages are being sent, and checks that its promises held.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Which scenarios; all of them unless some are named
    #[arg(value_enum)]
    pub scenarios: Vec<Scenario>,
    /// A minute's worth: fewer messages, and what waits for its resend is not waited for
    #[arg(long)]
    pub small: bool,
    /// Run each planted bug, and see that the check that is meant for it finds it; the program has to be one that has them
    #[arg(long, requires = "program")]
    pub prove: bool,
    /// The program that is run; the one that was built with the harness unless another is named
    #[arg(long)]
    program: Option<PathBuf>,
    /// How many messages `kills` sends, and `reports`, and how many `races` takes back
    #[arg(long)]
    pub messages: Option<u32>,
    /// How often `kills` kills, two seconds apart or more, and `reports`
    #[arg(long)]
    pub kills: Option<u32>,
    /// How many seconds Postgres is away in `outage-long`, instead of 84 (30 in a small run); 420 is seven minutes
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(10..=3600))]
    pub outage: Option<u64>,
    /// Which database
    #[arg(long, value_enum, default_value_t)]
    pub database: Databases,
    /// Decides who is killed, and when; the one of this run is printed
    #[arg(long)]
    pub seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum Databases {
    Sqlite,
    Postgres,
    #[default]
    Both,
}

impl Databases {
    pub fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Sqlite => &[Kind::Sqlite],
            Self::Postgres => &[Kind::Postgres],
            Self::Both => &[Kind::Postgres, Kind::Sqlite],
        }
    }
}

/// One scenario on one database.
#[derive(Debug, Clone)]
pub struct Case {
    pub scenario: Scenario,
    pub kind: Kind,
    /// What the replicas run.
    pub program: PathBuf,
    /// A planted bug that the program is told to have.
    pub bug: Option<&'static str>,
    /// How long Postgres is away in `outage-long`, if that was said.
    pub outage: Duration,
}

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// The messages of `kills`, and how often it kills.
    pub messages: u32,
    pub kills: u32,
    /// The messages of `reports`, how often it kills, and how often it stops Postgres.
    pub reported: u32,
    pub reported_kills: u32,
    pub stops: u32,
    /// How many messages `races` takes back.
    pub raced: u32,
    /// How often each thing is done that a scenario does several times.
    pub rounds: u32,
    /// How long Postgres is away in `outage-long`, if that was said.
    pub outage: Option<Duration>,
    /// How long each of the provider's troubles lasts.
    pub trouble: Duration,
    /// How many recipients a campaign has: more than the expander takes at a time.
    pub recipients: u32,
    /// The messages that one user has in the queue when the others come, and what each of these has.
    pub backlog: u32,
    pub small: u32,
    /// How many messages `rate` sends: four of five are campaigns' recipients.
    pub limited: u32,
    /// Messages a second, of the scenarios that send as long as their disturbance takes.
    pub rate: u32,
    /// Whether messages that wait two minutes before they are sent again are waited for.
    pub resends: bool,
    /// How many scenarios disturb at a time; those that only wait for leases to end, or to be sent again, do so beside them.
    pub at_once: usize,
}

impl Options {
    pub fn size(&self) -> Size {
        let size = if self.small || self.prove {
            Size {
                messages: 2600,
                kills: 4,
                reported: 2500,
                reported_kills: 3,
                stops: 1,
                raced: 1500,
                rounds: 1,
                outage: None,
                trouble: Duration::from_millis(1500),
                recipients: 520,
                backlog: 6000,
                small: 40,
                limited: 2000,
                rate: 30,
                resends: false,
                at_once: 3,
            }
        } else {
            Size {
                messages: 20_000,
                kills: 50,
                reported: 20_000,
                reported_kills: 20,
                stops: 3,
                raced: 20_000,
                rounds: 5,
                outage: None,
                trouble: Duration::from_secs(5),
                recipients: 1200,
                backlog: 100_000,
                small: 100,
                limited: 6000,
                rate: 120,
                resends: true,
                at_once: 2,
            }
        };
        Size {
            messages: self.messages.unwrap_or(size.messages),
            kills: self.kills.unwrap_or(size.kills),
            reported: self.messages.unwrap_or(size.reported),
            raced: self.messages.unwrap_or(size.raced),
            reported_kills: self.kills.unwrap_or(size.reported_kills),
            outage: self.outage.map(Duration::from_secs),
            ..size
        }
    }

    /// A case on the program that is run.
    pub fn case(&self, scenario: Scenario, kind: Kind, bug: Option<&'static str>) -> Case {
        let built = || PathBuf::from(env!("CARGO_BIN_EXE_messaging"));
        let outage = Duration::from_secs(self.outage.unwrap_or(0));
        Case { scenario, kind, program: self.program.clone().unwrap_or_else(built), bug, outage }
    }

    pub fn scenarios(&self) -> Vec<Scenario> {
        let mut scenarios = if self.scenarios.is_empty() { Scenario::all() } else { self.scenarios.clone() };
        // What mostly waits goes first: the others run beside it.
        scenarios.sort_by_key(|scenario| (scenario.is_about_pace(), !scenario.is_waiting()));
        scenarios
    }
}
