//! The options of a run, and the sizes that follow from it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

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
    /// How many messages `kills` sends, and `reports`
    #[arg(long)]
    pub messages: Option<u32>,
    /// How often `kills` kills, two seconds apart or more, and `reports`
    #[arg(long)]
    pub kills: Option<u32>,
    /// Which database
    #[arg(long, value_enum, default_value_t)]
    pub database: Databases,
    /// Decides who is killed, and when; the one of this run is printed
    #[arg(long)]
    pub seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// kill -9 of a random replica every two seconds
    Kills,
    /// kill -9 at four moments of a provider call
    Moments,
    /// A replica is stopped past its leases, and goes on
    Pause,
    /// Postgres is stopped without a word, and started again
    Database,
    /// The provider is away, silent, broken, busy, cuts its answers and garbles them
    Provider,
    /// Every replica is replaced under load
    Upgrade,
    /// Campaigns are paused, resumed, cancelled and scheduled while replicas are killed
    Orders,
    /// The provider reports thrice, shuffled, too early, wrongly and untruly, while replicas are killed and Postgres is stopped
    Reports,
    /// An account is limited, and has more to send than that
    Rate,
    /// One owner has much to send, others came after it with little
    Fair,
}

impl Scenario {
    pub const ALL: [Self; 10] = [
        Self::Kills,
        Self::Moments,
        Self::Pause,
        Self::Database,
        Self::Provider,
        Self::Upgrade,
        Self::Orders,
        Self::Reports,
        Self::Rate,
        Self::Fair,
    ];

    /// Whether it mostly waits, and leaves the machine to others.
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Pause | Self::Provider)
    }

    /// Whether it is about when messages are sent, and cuts nothing.
    pub fn is_about_pace(self) -> bool {
        matches!(self, Self::Rate | Self::Fair)
    }

    /// Whether it stops Postgres, and needs one of its own.
    pub fn stops_postgres(self) -> bool {
        matches!(self, Self::Database | Self::Reports)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Kills => "kills",
            Self::Moments => "moments",
            Self::Pause => "pause",
            Self::Database => "database",
            Self::Provider => "provider",
            Self::Upgrade => "upgrade",
            Self::Orders => "orders",
            Self::Reports => "reports",
            Self::Rate => "rate",
            Self::Fair => "fair",
        }
    }
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
    /// How often each thing is done that a scenario does several times.
    pub rounds: u32,
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
                rounds: 1,
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
                rounds: 5,
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
            reported_kills: self.kills.unwrap_or(size.reported_kills),
            ..size
        }
    }

    /// A case on the program that is run.
    pub fn case(&self, scenario: Scenario, kind: Kind, bug: Option<&'static str>) -> Case {
        let built = || PathBuf::from(env!("CARGO_BIN_EXE_messaging"));
        Case { scenario, kind, program: self.program.clone().unwrap_or_else(built), bug }
    }

    pub fn scenarios(&self) -> Vec<Scenario> {
        let mut scenarios = if self.scenarios.is_empty() { Scenario::ALL.to_vec() } else { self.scenarios.clone() };
        // What mostly waits goes first: the others run beside it.
        scenarios.sort_by_key(|scenario| (scenario.is_about_pace(), !scenario.is_waiting()));
        scenarios
    }
}
