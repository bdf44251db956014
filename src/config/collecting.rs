//! The collector of traces and metrics: OpenTelemetry's variables, which every SDK reads.

use std::time::Duration;

use url::Url;

use crate::config::{Env, Error, variables as var};
use crate::otlp::{Protocol, Settings};
use crate::traces::Sampler;

/// Reads where traces and metrics go; `None` if nowhere.
pub(super) fn load(env: &Env) -> Result<Option<Settings>, Error> {
    let protocol = if var::OTEL_EXPORTER_OTLP_PROTOCOL.read(env)? == "grpc" { Protocol::Grpc } else { Protocol::Http };
    let base = var::OTEL_EXPORTER_OTLP_ENDPOINT.read(env)?;
    // Over HTTP the general address is what both are below; by gRPC there is one for all.
    let below = |path: &[&str]| {
        let mut url = base.clone()?;
        if protocol == Protocol::Http {
            url.path_segments_mut().ok()?.pop_if_empty().extend(path);
        }
        Some(url)
    };
    let wanted = |word: &str, own: Option<Url>, path: &[&str]| (word == "otlp").then(|| own.or_else(|| below(path)))?;
    let own = (var::OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.read(env)?, var::OTEL_EXPORTER_OTLP_METRICS_ENDPOINT.read(env)?);
    let settings = Settings {
        traces: wanted(var::OTEL_TRACES_EXPORTER.read(env)?, own.0, &["v1", "traces"]),
        metrics: wanted(var::OTEL_METRICS_EXPORTER.read(env)?, own.1, &["v1", "metrics"]),
        protocol,
        headers: var::OTEL_EXPORTER_OTLP_HEADERS.read(env)?.unwrap_or_default(),
        timeout: Duration::from_millis(var::OTEL_EXPORTER_OTLP_TIMEOUT.read(env)?),
        sampler: sampler(env)?,
        delay: Duration::from_millis(var::OTEL_BSP_SCHEDULE_DELAY.read(env)?),
        every: Duration::from_millis(var::OTEL_METRIC_EXPORT_INTERVAL.read(env)?),
        service: var::OTEL_SERVICE_NAME.read(env)?,
        attributes: var::OTEL_RESOURCE_ATTRIBUTES.read(env)?.unwrap_or_default(),
    };
    let disabled = var::OTEL_SDK_DISABLED.read(env)?;
    let any = settings.traces.is_some() || settings.metrics.is_some();
    Ok(Some(settings).filter(|_| any && !disabled))
}

fn sampler(env: &Env) -> Result<Sampler, Error> {
    let (word, share) = (var::OTEL_TRACES_SAMPLER.read(env)?, var::OTEL_TRACES_SAMPLER_ARG.read(env)?);
    let (parent_based, rest) = word.strip_prefix("parentbased_").map_or((false, word), |rest| (true, rest));
    let ratio = match rest {
        "always_off" => 0.0,
        "traceidratio" => share,
        _ => 1.0,
    };
    Ok(Sampler { parent_based, ratio })
}
