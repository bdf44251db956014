//! Logs: structured lines on standard error, for people or as JSON. Never a number, a text or a secret: those live in
//! types that do not print.

use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Env, Error, variables as var};

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// The shape of the logs, by `LOG_FORMAT` and `LOG_LEVEL`.
#[derive(Debug, Clone)]
pub struct Settings {
    format: Format,
    level: &'static str,
}

impl Settings {
    /// Reads the settings.
    pub fn load(env: &Env) -> Result<Self, Error> {
        let format = if var::LOG_FORMAT.read(env)? == "json" { Format::Json } else { Format::Human };
        Ok(Self { format, level: var::LOG_LEVEL.read(env)? })
    }

    /// Makes these settings the process's, on standard error. The first call counts.
    pub fn install(&self) {
        let _ = tracing::subscriber::set_global_default(self.subscriber(std::io::stderr));
    }

    /// A subscriber that writes to `writer`. Our own lines follow the level; libraries' only warn, whatever the level,
    /// because their debug lines may hold what ours never do.
    pub fn subscriber<W>(&self, writer: W) -> Box<dyn Subscriber + Send + Sync>
    where
        W: for<'w> fmt::MakeWriter<'w> + Send + Sync + 'static,
    {
        let filter = EnvFilter::new(format!("warn,messaging={},h2=error,rlibphonenumber=off", self.level));
        let registry = tracing_subscriber::registry().with(filter);
        match self.format {
            Format::Human => {
                Box::new(registry.with(fmt::layer().with_writer(writer).with_ansi(false).with_target(false)))
            }
            Format::Json => Box::new(
                registry.with(fmt::layer().json().flatten_event(true).with_writer(writer).with_current_span(false)),
            ),
        }
    }
}
