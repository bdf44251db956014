//! The export of metrics: the page that Prometheus is given, in the words of OTLP, so that both tell the same.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum,
};
use tokio_util::sync::CancellationToken;

use crate::otlp::transport::Transport;
use crate::otlp::{Source, attribute, nanos, scope};

/// Exports the page every so often, and once more after `stop`. One that fails is not tried again: the next one tells the same and more.
pub(super) async fn export<F>(
    transport: Transport,
    source: Source,
    page: impl Fn() -> F + Send + 'static,
    every: Duration,
    stop: CancellationToken,
) where
    F: Future<Output = String> + Send + 'static,
{
    let begun = source.clock.now();
    loop {
        let stopping = tokio::select! {
            () = tokio::time::sleep(every) => false,
            () = stop.cancelled() => true,
        };
        let metrics = read(&page().await, begun, source.clock.now());
        let scope_metrics = vec![ScopeMetrics { scope: Some(scope()), metrics, ..ScopeMetrics::default() }];
        let resource = Some(source.resource.clone());
        let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
        let export = ExportMetricsServiceRequest { resource_metrics };
        if let Err(refused) = transport.send::<_, ExportMetricsServiceResponse>(export).await {
            tracing::warn!(%refused, "the collector did not take metrics");
        }
        if stopping {
            return;
        }
    }
}

/// A family of the page, as far as it was read.
#[derive(Default)]
struct Family<'a> {
    name: &'a str,
    kind: &'a str,
    unit: &'a str,
    help: &'a str,
    /// The points, in their order, and where each one's labels are found.
    numbers: Vec<NumberDataPoint>,
    spread: Vec<HistogramDataPoint>,
    places: HashMap<Labels, usize>,
}

/// Reads a page of `OpenMetrics`. What has no sample is left out.
fn read(page: &str, begun: Timestamp, now: Timestamp) -> Vec<Metric> {
    let (mut metrics, mut family) = (Vec::new(), Family::default());
    for line in page.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            family.sample(line, begun, now);
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        let (what, name, rest) = (words.next(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if name != family.name {
            metrics.extend(std::mem::take(&mut family).metric());
            family.name = name;
        }
        match what {
            Some("TYPE") => family.kind = rest,
            Some("UNIT") => family.unit = rest,
            Some("HELP") => family.help = rest,
            _ => {}
        }
    }
    metrics.extend(family.metric());
    metrics
}

impl Family<'_> {
    /// Takes in a line: `name{label="value",…} number`.
    fn sample(&mut self, line: &str, begun: Timestamp, now: Timestamp) {
        let Some((name, mut labels, value)) = parts(line) else { return };
        let Ok(number) = value.parse::<f64>() else { return };
        let Some(suffix) = name.strip_prefix(self.name) else { return };
        let (start_time_unix_nano, time_unix_nano) = (nanos(begun), nanos(now));
        if self.kind != "histogram" {
            let exact = value.parse::<i64>().map(Number::AsInt);
            let value = Some(exact.unwrap_or(Number::AsDouble(number)));
            let start_time_unix_nano = if self.kind == "counter" { start_time_unix_nano } else { 0 };
            let attributes = attributes(&labels);
            self.numbers.push(NumberDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                value,
                ..NumberDataPoint::default()
            });
            return;
        }
        let bound = labels.iter().position(|(name, _)| name == "le").map(|at| labels.remove(at).1);
        let attributes = attributes(&labels);
        let at = *self.places.entry(labels).or_insert(self.spread.len());
        if at == self.spread.len() {
            let point = HistogramDataPoint { attributes, start_time_unix_nano, time_unix_nano, ..Default::default() };
            self.spread.push(point);
        }
        let Some(point) = self.spread.get_mut(at) else { return };
        match (suffix, bound) {
            ("_sum", _) => point.sum = Some(number),
            ("_count", _) => point.count = value.parse().unwrap_or_default(),
            ("_bucket", Some(bound)) => {
                point.explicit_bounds.extend(bound.parse::<f64>().ok().filter(|bound| bound.is_finite()));
                // On the page a bucket counts those below it, too.
                let below: u64 = point.bucket_counts.iter().sum();
                point.bucket_counts.push(value.parse().unwrap_or(below).saturating_sub(below));
            }
            _ => {}
        }
    }

    fn metric(self) -> Option<Metric> {
        let cumulative = AggregationTemporality::Cumulative.into();
        if self.numbers.is_empty() && self.spread.is_empty() {
            return None;
        }
        let data = match self.kind {
            "histogram" => Data::Histogram(Histogram { data_points: self.spread, aggregation_temporality: cumulative }),
            "counter" => {
                Data::Sum(Sum { data_points: self.numbers, aggregation_temporality: cumulative, is_monotonic: true })
            }
            _ => Data::Gauge(Gauge { data_points: self.numbers }),
        };
        let unit = if self.unit == "seconds" {
            "s"
        } else if self.unit == "bytes" {
            "By"
        } else {
            self.unit
        };
        let description = self.help.trim_end_matches('.').to_owned();
        Some(Metric {
            name: self.name.to_owned(),
            description,
            unit: unit.to_owned(),
            data: Some(data),
            ..Metric::default()
        })
    }
}

fn attributes(labels: &[(String, String)]) -> Vec<KeyValue> {
    labels.iter().map(|(name, value)| attribute(name, Value::StringValue(value.clone()))).collect()
}

/// Names and values.
type Labels = Vec<(String, String)>;

/// The name, the labels and the number of a sample.
fn parts(line: &str) -> Option<(&str, Labels, &str)> {
    let at = line.find(['{', ' '])?;
    let (name, rest) = line.split_at_checked(at)?;
    let Some(mut rest) = rest.strip_prefix('{') else { return Some((name, Vec::new(), first_word(rest))) };
    let mut labels = Vec::new();
    while !rest.starts_with('}') {
        let (label, quoted) = rest.split_once("=\"")?;
        let (value, after) = unquoted(quoted)?;
        labels.push((label.to_owned(), value));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Some((name, labels, first_word(rest.strip_prefix('}')?)))
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// The value up to its closing quote, and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.chars());
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"# HELP messaging_calls Calls, by "method".
# TYPE messaging_calls counter
messaging_calls_total{method="Send\"S\\",code="OK"} 41
messaging_calls_total{method="Get",code="OK"} 2
# HELP messaging_idle Nobody has any.
# TYPE messaging_idle gauge
# HELP messaging_age_seconds How old.
# TYPE messaging_age_seconds gauge
# UNIT messaging_age_seconds seconds
messaging_age_seconds 1.5
# HELP messaging_took_seconds How long.
# TYPE messaging_took_seconds histogram
# UNIT messaging_took_seconds seconds
messaging_took_seconds_sum{m="a"} 3.5
messaging_took_seconds_count{m="a"} 6
messaging_took_seconds_bucket{le="0.5",m="a"} 1
messaging_took_seconds_bucket{le="1.0",m="a"} 1
messaging_took_seconds_bucket{le="+Inf",m="a"} 6
messaging_took_seconds_sum{m="b"} 0.0
messaging_took_seconds_count{m="b"} 0
messaging_took_seconds_bucket{le="0.5",m="b"} 0
messaging_took_seconds_bucket{le="+Inf",m="b"} 0
# EOF
"#;

    fn metrics() -> Vec<Metric> {
        read(PAGE, Timestamp::from_second(10).unwrap(), Timestamp::from_second(20).unwrap())
    }

    #[test]
    fn what_has_samples_is_told_with_its_unit() {
        let told: Vec<_> = metrics().iter().map(|m| (m.name.clone(), m.unit.clone(), m.description.clone())).collect();
        let told: Vec<_> =
            told.iter().map(|(name, unit, help)| (name.as_str(), unit.as_str(), help.as_str())).collect();
        let expected = [
            ("messaging_calls", "", "Calls, by \"method\""),
            ("messaging_age_seconds", "s", "How old"),
            ("messaging_took_seconds", "s", "How long"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn counters_rise_from_the_start_of_the_process() {
        let Some(Data::Sum(sum)) = &metrics()[0].data else { panic!("no sum") };
        assert!(sum.is_monotonic && sum.aggregation_temporality == AggregationTemporality::Cumulative as i32);
        let first = &sum.data_points[0];
        assert_eq!(first.value, Some(Number::AsInt(41)));
        assert_eq!((first.start_time_unix_nano, first.time_unix_nano), (10_000_000_000, 20_000_000_000));
        let labels = [("method".to_owned(), "Send\"S\\".to_owned()), ("code".to_owned(), "OK".to_owned())];
        assert_eq!(first.attributes, attributes(&labels));
        assert_eq!(sum.data_points.len(), 2);
    }

    #[test]
    fn a_bucket_counts_its_own_alone() {
        let Some(Data::Histogram(histogram)) = &metrics()[2].data else { panic!("no histogram") };
        let [a, b] = &histogram.data_points[..] else { panic!("not two points") };
        assert_eq!((a.explicit_bounds.clone(), a.bucket_counts.clone()), (vec![0.5, 1.0], vec![1, 0, 5]));
        assert_eq!((a.sum, a.count), (Some(3.5), 6));
        assert_eq!((b.explicit_bounds.clone(), b.bucket_counts.clone(), b.count), (vec![0.5], vec![0, 0], 0));
    }

    #[test]
    fn a_gauge_is_a_number_of_now() {
        let Some(Data::Gauge(gauge)) = &metrics()[1].data else { panic!("no gauge") };
        assert_eq!(gauge.data_points[0].value, Some(Number::AsDouble(1.5)));
    }
}
