"""Counts in the text form that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gapless.serving.http.meters import BOUNDS_S, Histogram, Key, Snapshot

__all__ = ["CONTENT_TYPE", "METRICS", "Meaning", "exposed"]

V = TypeVar("V")
CONTENT_TYPE = CONTENT_TYPE_LATEST


@dataclass(frozen=True)
class Meaning:
    """What a metric says, and by what it is split."""

    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...] = ()


METRICS: Mapping[str, Meaning] = {
    "gapless_requests": Meaning("counter", "HTTP requests answered.", ("route", "method", "status")),
    "gapless_request_seconds": Meaning("histogram", "From the request's head to its answer.", ("route",)),
    "gapless_stage_seconds": Meaning(
        "histogram", "Parts of answering: decode, lookup, features, score, trust, entries, log.", ("model", "stage")
    ),
    "gapless_rows": Meaning("counter", "Rows predicted.", ("model", "version")),
    "gapless_answers": Meaning("counter", "Predictions by how far to trust them.", ("model", "version", "trust")),
    "gapless_events_pushed": Meaning("counter", "Events that are in the event log.", ("source",)),
    "gapless_push_seconds": Meaning(
        "histogram", "From the body of a push to its events being in the event log.", ("source",)
    ),
    "gapless_problems": Meaning("counter", "Requests that were not answered as asked, by code.", ("route", "code")),
    "gapless_feature_age_seconds": Meaning("gauge", "Age of a view's state when last read.", ("model", "view")),
    "gapless_model": Meaning("gauge", "1 for each model version that answers.", ("model", "version", "definition")),
    "gapless_ready": Meaning("gauge", "1 while requests are welcome."),
    "gapless_log_at_risk": Meaning("gauge", "With --log async: entries acknowledged and not on disk, in one worker."),
    "gapless_log_lost": Meaning("counter", "With --log async: acknowledged entries that the disk refused."),
    "gapless_log_failures": Meaning("counter", "Answers withheld because the prediction log could not be written."),
}
"""Every metric, by the name it is counted under; counters are shown with `_total` behind it."""


class _Counted(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        for name, meaning in METRICS.items():
            yield _family(name, meaning, self._snapshot)


def exposed(snapshot: Snapshot) -> bytes:
    """The page of `GET /metrics`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counted(snapshot))
    return generate_latest(registry)


def _family(name: str, meaning: Meaning, snapshot: Snapshot) -> Metric:
    if meaning.kind == "histogram":
        histogram = HistogramMetricFamily(name, meaning.text, labels=meaning.labels)
        for labels, value in _named(snapshot.histograms, name):
            histogram.add_metric(labels, _buckets(value), value.total)
        return histogram
    values = snapshot.counts if meaning.kind == "counter" else snapshot.gauges
    made = (CounterMetricFamily if meaning.kind == "counter" else GaugeMetricFamily)(
        name, meaning.text, labels=meaning.labels
    )
    for labels, number in _named(values, name):
        made.add_metric(labels, number)
    return made


def _named(values: Mapping[Key, V], name: str) -> Iterator[tuple[tuple[str, ...], V]]:
    return ((labels, values[named, labels]) for named, labels in sorted(values) if named == name)


def _buckets(value: Histogram) -> list[tuple[str, float]]:
    bounds = [*(f"{bound:g}" for bound in BOUNDS_S), "+Inf"]
    return list(zip(bounds, accumulate(value.counts), strict=True))
