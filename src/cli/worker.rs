//! `messaging worker`: sends what is queued, without a gRPC listener.

use std::io::Write;

use futures::FutureExt as _;
use rand::RngExt as _;
use serde_json::json;

use crate::app;
use crate::cli::Failure;
use crate::cli::serve::{supervisor, until_stopped};
use crate::config::{Config, Env, variables as var};
use crate::server::HttpListener;
use crate::shutdown;
use crate::worker::Worker;

/// Runs until it is told to stop. Its HTTP listener tells whether it lives, and what it counts.
pub(super) async fn run(env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    crate::telemetry::Settings::load(&env)?.install();
    let supervisor = supervisor(&env)?;
    // It checks nobody's tokens.
    let secret = rand::rng().random::<[u8; 32]>().iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"));
    let config = Config::load(&env.or(&var::JWT_SECRET, secret))?;
    if !config.work.enabled {
        return Err(var::WORKERS.error("is 0, which leaves a worker nothing to do: leave it out").into());
    }
    let listener = HttpListener::open(&config.http, config.grpc.max_connections).await?;
    let service = app::build(&config).await?;
    let exporter = app::export(&config, &service)?;
    let stop = shutdown::signal().map_err(Failure::other)?;
    writeln!(out, "{}", json!({"http": listener.address().to_string()})).map_err(Failure::other)?;
    out.flush().map_err(Failure::other)?;
    tracing::info!(http = %listener.address(), "working");
    let worker = Worker::start(&service, true);
    let serving = listener.serve(service.clone(), stop.clone()).map(Ok);
    let served = Box::pin(until_stopped(serving, worker, service, stop, &supervisor)).await;
    if let Some(exporter) = exporter {
        exporter.stop().await;
    }
    served
}
