"""What a stream says of itself to Prometheus: counts, lag and freshness, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import start_http_server
from prometheus_client.registry import CollectorRegistry

__all__ = ["StreamCollector", "serve_metrics"]

_COUNTS = {
    "events": "Rows that records of the log held.",
    "duplicates": "Rows whose event_id had counted already.",
    "rejected": "Rows that cannot be used; they are in the quarantine once they are landed.",
    "repeated": "Events that were in the state already, after a restart.",
    "late": "Events that happened before one of an earlier batch did.",
    "too_late": "Late events that no window of some view covers any more.",
}


class StreamCollector:
    """Metrics of `Stream.report`."""

    def __init__(self, report: Callable[[], Mapping[str, Any]]) -> None:
        self._report = report

    def collect(self) -> Iterable[Metric]:
        """Every metric as it is now."""
        report = self._report()
        for name, meaning in _COUNTS.items():
            counter = CounterMetricFamily(f"gapless_stream_{name}", meaning, labels=["source"])
            for source, counts in report["sources"].items():
                counter.add_metric([source], counts[name])
            yield counter
        yield from self._partitions(report)
        answers = CounterMetricFamily("gapless_stream_answers", "Requests that were answered.", labels=["model"])
        for model, each in report["answers"].items():
            answers.add_metric([model], each["answered"])
        yield answers
        fresh = GaugeMetricFamily("gapless_stream_fresh_seconds", "Unix time until which everything pushed is in.")
        if report["fresh_us"] is not None:
            fresh.add_metric([], report["fresh_us"] / 1e6)
        yield fresh

    @staticmethod
    def _partitions(report: Mapping[str, Any]) -> Iterable[Metric]:
        labels = ["source", "partition"]
        lag = GaugeMetricFamily("gapless_stream_lag_records", "Records that are not in the state yet.", labels=labels)
        filling = GaugeMetricFamily("gapless_stream_filling", "Groups of views that are being filled.", labels=labels)
        for each in report["partitions"]:
            where = [each["source"], str(each["partition"])]
            lag.add_metric(where, each["lag"])
            filling.add_metric(where, each["parts"] - each["ready"])
        yield lag
        yield filling


def serve_metrics(report: Callable[[], Mapping[str, Any]], port: int) -> int:
    """Metrics at http://127.0.0.1:PORT/metrics, by a thread that ends with the process; gives the port.

    Parameters:
        port — 0 takes a free one.
    """
    registry = CollectorRegistry()
    registry.register(StreamCollector(report))
    server, _ = start_http_server(port, addr="127.0.0.1", registry=registry)
    return int(server.server_address[1])
