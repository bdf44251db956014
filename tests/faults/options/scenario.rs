//! The scenarios, and what each needs.

use std::time::Duration;

use clap::ValueEnum;

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
    /// The connections to Postgres that are open fall silent, new ones work
    Swallowed,
    /// Answers to COMMIT are lost
    CommitLost,
    /// One of two replicas stands still in a transaction
    Frozen,
    /// Postgres is away for longer than a lease, with answers in hand
    OutageLong,
    /// The same, and the replicas are killed meanwhile
    OutageKilled,
    /// The provider takes messages and says 500 or 503
    #[value(name = "takes-and-500")]
    TakesAnd500,
    /// The wall clock steps by days
    Clock,
    /// The database refuses every change of one message
    RefusedRow,
    /// Postgres takes no write
    ReadOnly,
    /// The disk that the database is on is full
    FullDisk,
    /// Forty read long lists
    Readers,
    /// STOP and START of one number, at a replica that stands still
    StopStart,
    /// Strangers and one hostile owner do their worst beside a good one
    Hostile,
    /// Owners' endpoints of every temper are told of what happens, while replicas are killed
    Hooks,
    /// Messages are cancelled, and others take their place, when they are due
    Races,
}

impl Scenario {
    pub fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    /// Whether it mostly waits, and leaves the machine to others.
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Pause | Self::Provider | Self::Frozen | Self::OutageLong | Self::OutageKilled)
    }

    /// Whether it is about when messages are sent, and cuts nothing.
    pub fn is_about_pace(self) -> bool {
        matches!(self, Self::Rate | Self::Fair)
    }

    /// Whether it stops Postgres, and needs one of its own.
    pub fn stops_postgres(self) -> bool {
        matches!(
            self,
            Self::Database | Self::Reports | Self::OutageLong | Self::OutageKilled | Self::ReadOnly | Self::FullDisk
        )
    }

    /// Whether it is about Postgres as a server of its own, and has nothing to do on SQLite.
    pub fn is_for_postgres(self) -> bool {
        self.has_line() || matches!(self, Self::Database | Self::OutageLong | Self::OutageKilled | Self::ReadOnly)
    }

    /// Whether the first replica's way to Postgres is the harness's.
    pub fn has_line(self) -> bool {
        matches!(self, Self::Swallowed | Self::CommitLost | Self::Frozen)
    }

    /// How long the database is away or full, at most, beyond what every client waits for anyway, if the outage lasts so long.
    pub fn outage(self, lasts: Duration) -> Duration {
        match self {
            Self::OutageLong | Self::OutageKilled => lasts.max(Duration::from_mins(2)),
            Self::FullDisk => Duration::from_mins(2),
            _ => Duration::ZERO,
        }
    }

    /// Whether the database is on a small disk of its own.
    pub fn has_small_disk(self) -> bool {
        self == Self::FullDisk
    }

    /// How many replicas it has on Postgres.
    pub fn replicas(self) -> usize {
        match self {
            Self::Swallowed | Self::CommitLost | Self::Clock | Self::Hostile => 1,
            Self::Hooks => 3,
            _ => 2,
        }
    }

    /// Whether a small run leaves it out unless it is named.
    pub fn is_long(self) -> bool {
        self.is_halves() || self == Self::Hostile
    }

    /// Whether something fails by halves in it.
    pub fn is_halves(self) -> bool {
        self as u8 > Self::Fair as u8 && !matches!(self, Self::Hostile | Self::Hooks | Self::Races)
    }

    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}
