"""A million events of 100 bytes into a log and out of it, durably: as Arrow, a thousand to a record, and one by one.

Single events are JSON records of their own; a call appends a thousand of them, or one alone. Rivals move the same
bytes in the same run: a plain loop over confluent-kafka against the log on Kafka, SQLite in WAL mode, synced, against
the embedded one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import measure
from bench.measure import Contender, Options, say
from bench.report import Findings

EVENTS, SINGLE, ALONE = 1_000_000, 100_000, 2_000
EVENT_BYTES, PER_RECORD, PER_CALL = 100, 1_000, 1_000
AGAINST = {"gapless": "sqlite", "gapless_kafka": "kafka"}
WAYS = ("arrow", "single", "alone")


def run(options: Options) -> Findings:
    sizes = {"arrow": options.rows(EVENTS), "single": options.rows(SINGLE), "alone": options.rows(ALONE)}
    found = Findings(figures={f"{way}_events": count for way, count in sizes.items()})
    what = {"sizes": sizes, "event_bytes": EVENT_BYTES, "per_record": PER_RECORD, "per_call": PER_CALL}
    for name in filter(options.wants, ("gapless", "sqlite")):
        _measure(found, name, {**what, "folder": str(options.scratch / name)}, options)
    on_kafka = [name for name in ("gapless_kafka", "kafka") if options.wants(name)]
    if on_kafka:
        with _kafka(options.scratch) as url:
            for name in on_kafka:
                _measure(found, name, {**what, "url": url}, options)
    _compare(found)
    return found


def _measure(found: Findings, name: str, what: dict[str, Any], options: Options) -> None:
    """The fastest of some runs of each part: what else the machine does only adds."""
    rates: dict[str, float] = {}
    for i in range(options.repeat):
        say(f"{name}: run {i + 1} of {options.repeat}")
        told = measure.run(Contender(name, "bench.ours.log", sys.executable, {**what, "name": name, "run": i})).result
        rates = {part: max(rate, rates.get(part, 0.0)) for part, rate in told.items()}
    found.figures |= {f"{name}_{part}_per_s": rate for part, rate in rates.items()}
    found.figures |= {f"{name}_{part}_mb_per_s": rate * EVENT_BYTES / 1e6 for part, rate in rates.items()}


@contextmanager
def _kafka(scratch: Path) -> Iterator[str]:
    from tests.kafka import kafka_server

    (scratch / "broker").mkdir()
    with kafka_server(scratch / "broker") as broker:
        yield broker.url()


def _compare(found: Findings) -> None:
    for ours, theirs in AGAINST.items():
        for way in WAYS:
            for part in ("append", "read"):
                pair = [found.figures.get(f"{name}_{way}_{part}_per_s") for name in (ours, theirs)]
                if pair[0] and pair[1]:
                    found.ratios[f"{theirs}_{way}_{part}"] = pair[0] / pair[1]
