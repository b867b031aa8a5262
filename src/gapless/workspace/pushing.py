"""Rows of a workspace's files into its event log: at once, or as they became known."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import KNOWN_AT
from gapless.clock import parse_duration
from gapless.events.aside import PushReport
from gapless.events.files import open_good_rows, push_data
from gapless.events.lines import push_lines
from gapless.ingest.clean import table_schema
from gapless.product import EventSource
from gapless.workspace.parts import Parts

__all__ = ["push", "replay"]

_STDIN = "-"


def push(
    parts: Parts,
    source: str,
    data: Any,
    *,
    replay: bool,
    format: str | None,
    name: str | None,
    progress: Callable[[int], None] | None,
) -> PushReport:
    """See `Workspace.push`."""
    found = parts.product.source(source)
    streams = str(data) == _STDIN if isinstance(data, (str, Path)) else hasattr(data, "read")
    if not streams or format not in (None, "jsonl"):
        return push_data(
            parts.pusher, parts.offline, found, data, replay=replay, format=format, name=name, progress=progress
        )
    stream = data if hasattr(data, "read") else sys.stdin.buffer
    called = name or ("standard input" if stream is sys.stdin.buffer else str(getattr(stream, "name", "stream")))
    return push_lines(parts.pusher, parts.offline, found, stream, replay=replay, name=called, progress=progress)


def replay(
    parts: Parts, data: Mapping[str, Any], every: str, from_us: int | None, until_us: int | None
) -> Iterator[int]:
    """See `Workspace.replay`."""
    width_us = parse_duration(every)
    requests = {model.requests.name for model in parts.product.models}
    names = sorted(data, key=lambda name: name in requests)  # a stable sort: else as they are given
    histories = [_history(parts, parts.product.source(name), data[name], from_us, until_us) for name in names]
    return _slices(parts, histories, width_us)


@dataclass(frozen=True)
class _History:
    """Rows of a source in the order in which they became known."""

    source: EventSource
    rows: pa.Table
    known_us: npt.NDArray[np.int64]

    def between(self, first_us: int, last_us: int) -> list[pa.RecordBatch]:
        """Those that became known in (first, last]."""
        start, end = np.searchsorted(self.known_us, [first_us, last_us], side="right").tolist()
        batches: list[pa.RecordBatch] = self.rows.slice(start, end - start).to_batches()
        return batches


def _history(parts: Parts, source: EventSource, data: Any, from_us: int | None, until_us: int | None) -> _History:
    with TemporaryDirectory(prefix="gapless-replay-") as folder:
        batches = list(open_good_rows(parts.offline, source, data, Path(folder)).batches())
    table = pa.Table.from_batches(batches, table_schema(source)).combine_chunks()
    known_us = table.column(KNOWN_AT).cast(pa.int64()).to_numpy()
    order = np.argsort(known_us, kind="stable")
    first, last = np.searchsorted(known_us[order], [_or(from_us, -(2**63)), _or(until_us, 2**63 - 1)]).tolist()
    chosen = order[first:last]
    return _History(source, table.take(pa.array(chosen)).combine_chunks(), known_us[chosen])


def _slices(parts: Parts, histories: Sequence[_History], width_us: int) -> Iterator[int]:
    ends = [-(-history.known_us // width_us) * width_us for history in histories]
    for end_us in np.unique(np.concatenate([np.empty(0, np.int64), *ends])).tolist():
        for history in histories:
            parts.pusher.push_batches(history.source, history.between(end_us - width_us, end_us), replay=True)
        yield end_us


def _or(us: int | None, default: int) -> int:
    return default if us is None else us
