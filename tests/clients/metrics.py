"""Reads the page of metrics with the strict parser of OpenMetrics that Prometheus's Python client has, and holds it to the rules of names."""

import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

with urllib.request.urlopen(sys.argv[1]) as answer:
    kind = answer.headers["content-type"]
    assert kind.startswith("application/openmetrics-text; version=1.0.0"), kind
    families = list(text_string_to_metric_families(answer.read().decode()))

types = {}
for family in families:
    assert family.type in ("counter", "gauge", "histogram"), f"{family.name} is {family.type}"
    assert family.documentation, f"{family.name} does not say what it means"
    assert family.samples, f"{family.name} has no series"
    assert family.name.startswith(("messaging_", "process_")), family.name
    series = [(s.name, tuple(sorted(s.labels.items()))) for s in family.samples]
    assert len(series) == len(set(series)), f"{family.name} has a series twice"
    types[family.name] = family.type

# Time is told in seconds, and what only rises is a counter.
for name, kind in types.items():
    assert not name.endswith(("_ms", "_millis", "_micros")), name
assert types["messaging_writer_batches"] == types["messaging_writer_writes"] == "counter", types
assert types["messaging_build_info"] == "gauge" and types["process_cpu_seconds"] == "counter", types
print(f"every family is well formed: {len(families)}, with {sum(len(f.samples) for f in families)} samples")
