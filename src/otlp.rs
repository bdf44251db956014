//! Traces and metrics for an OpenTelemetry collector, by its protocol (OTLP): gathered, sent, and given up rather than piled up while nobody takes them.

mod figures;
mod settings;
mod spans;
mod transport;

use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::traces::Traces;

pub use settings::{Protocol, Settings, headers, pairs};
pub use transport::Error;
use transport::{Target, Transport};

/// How long the last of it may take when the process stops, which is promised to be over within 25 s, all told.
const LAST: Duration = Duration::from_secs(2);

/// The export of both, under way in tasks of its own.
#[derive(Debug)]
pub struct Exporter {
    tasks: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

/// The process, as every export describes it.
#[derive(Debug, Clone)]
struct Source {
    resource: Resource,
    clock: Clock,
}

impl Exporter {
    /// Begins to export the ended spans of `traces`, and what `page` renders in the text format of `OpenMetrics`.
    pub fn start<F>(
        settings: &Settings,
        traces: &Traces,
        clock: &Clock,
        page: impl Fn() -> F + Send + 'static,
    ) -> Result<Self, Error>
    where
        F: Future<Output = String> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let source = Source { resource: settings.resource(), clock: clock.clone() };
        let mut tasks = Vec::new();
        if let (Some(url), Some(ended)) = (&settings.traces, traces.ended()) {
            let transport = Transport::open(settings, url, Target::Traces)?;
            let exported =
                spans::export(transport, source.clone(), traces.clone(), ended, settings.delay, stop.clone());
            tasks.push(tokio::spawn(exported));
        }
        if let Some(url) = &settings.metrics {
            let transport = Transport::open(settings, url, Target::Metrics)?;
            tasks.push(tokio::spawn(figures::export(transport, source, page, settings.every, stop.clone())));
        }
        Ok(Self { tasks, stop })
    }

    /// Exports what is left, within a limit.
    pub async fn stop(self) {
        self.stop.cancel();
        let all = futures::future::join_all(self.tasks);
        if tokio::time::timeout(LAST, all).await.is_err() {
            tracing::warn!("the collector did not take the last traces and metrics in time");
        }
    }
}

/// The program, as what has made all of it.
fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "messaging".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

/// An attribute.
fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// The time as the protocol has it.
fn nanos(at: jiff::Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or_default()
}
