//! The export of spans: in batches, each tried a few times, and dropped when nobody takes it.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Told;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::otlp::transport::Transport;
use crate::otlp::{Source, attribute, nanos, scope};
use crate::traces::{Ended, Kind, Traces, Value};

/// How many spans go in one export at most.
const MOST: usize = 512;
/// How long after a try that failed the next one begins; after the last the batch is dropped.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
/// The bit of a span's flags that says that the next one is known: whether its parent is another process's.
const SAMPLED: u32 = 1;

/// Exports what ends until `stop`, and then what is left.
pub(super) async fn export(
    transport: Transport,
    source: Source,
    traces: Traces,
    mut ended: mpsc::Receiver<Ended>,
    delay: Duration,
    stop: CancellationToken,
) {
    let mut batch = Vec::with_capacity(MOST);
    loop {
        let open = tokio::select! {
            n = ended.recv_many(&mut batch, MOST) => n > 0,
            () = stop.cancelled() => false,
        };
        if open {
            let full = gather(&mut ended, &mut batch);
            tokio::select! {
                () = full => {}
                () = tokio::time::sleep(delay) => {}
                () = stop.cancelled() => {}
            }
        } else {
            ended.close();
            ended.recv_many(&mut batch, MOST).await;
        }
        if batch.is_empty() {
            return;
        }
        let n = batch.len();
        let export = request(&source, std::mem::take(&mut batch));
        traces.exported(n, hand_over(&transport, export, &stop).await);
    }
}

async fn gather(ended: &mut mpsc::Receiver<Ended>, batch: &mut Vec<Ended>) {
    while batch.len() < MOST && ended.recv_many(batch, MOST - batch.len()).await > 0 {}
}

/// Whether somebody took it.
async fn hand_over(transport: &Transport, export: ExportTraceServiceRequest, stop: &CancellationToken) -> bool {
    for pause in PAUSES.map(Some).into_iter().chain([None]) {
        let sent = transport.send::<_, ExportTraceServiceResponse>(export.clone()).await;
        let Err(refused) = sent else { return true };
        let Some(pause) = pause.filter(|_| refused.may_pass() && !stop.is_cancelled()) else {
            tracing::warn!(%refused, "the collector did not take spans: they are dropped");
            return false;
        };
        tracing::debug!(%refused, "the collector did not take spans");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    false
}

fn request(source: &Source, batch: Vec<Ended>) -> ExportTraceServiceRequest {
    let spans = batch.into_iter().map(span).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
    let resource = Some(source.resource.clone());
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

fn span(ended: Ended) -> Span {
    let link = |to: crate::domain::trace::TraceContext| Link {
        trace_id: to.trace.to_be_bytes().to_vec(),
        span_id: to.span.to_be_bytes().to_vec(),
        flags: u32::from(to.sampled) & SAMPLED,
        ..Link::default()
    };
    let told = |value: Value| match value {
        Value::Word(word) => Told::StringValue(word.to_owned()),
        Value::Number(n) => Told::IntValue(n),
        Value::Id(id) => Told::StringValue(id.to_string()),
    };
    Span {
        trace_id: ended.context.trace.to_be_bytes().to_vec(),
        span_id: ended.context.span.to_be_bytes().to_vec(),
        parent_span_id: ended.parent.map(|parent| parent.to_be_bytes().to_vec()).unwrap_or_default(),
        flags: SAMPLED,
        name: ended.name.into_owned(),
        kind: match ended.kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
        }
        .into(),
        start_time_unix_nano: nanos(ended.begun),
        end_time_unix_nano: nanos(ended.ended),
        attributes: ended.told.into_iter().map(|(name, value)| attribute(name, told(value))).collect(),
        links: ended.links.into_iter().map(link).collect(),
        status: ended.failed.then(|| Status { code: StatusCode::Error.into(), ..Status::default() }),
        ..Span::default()
    }
}
