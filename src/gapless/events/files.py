"""Files and tables into the event log: bad rows set aside with the reason, the rest pushed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from gapless.events.aside import PushReport, commit, set_aside
from gapless.events.pushing import Pusher
from gapless.ingest.clean import Clean, clean
from gapless.ingest.origins import open_origin
from gapless.ingest.quarantine import Quarantine
from gapless.ingest.rows import Origin, Raw
from gapless.ports.offline import OfflineStore
from gapless.product import EventSource

__all__ = ["Rows", "open_good_rows", "push_data"]

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Rows:
    """The good rows of a file or table, which was read to its end; the others are in the quarantine."""

    source: EventSource
    origin: Origin
    rows_read: int
    reasons: Counter[str]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The source's columns and `_known_at`, as often as it is called."""
        for raw in self.origin.batches():
            yield _clean(self.source, self.origin, raw).batch

    def report(self) -> PushReport:
        """Once all of them were pushed."""
        aside, extra = self.reasons.total(), self.origin.extra_columns
        name, reasons = self.origin.name, dict(sorted(self.reasons.items()))
        return PushReport(self.source.name, name, self.rows_read, self.rows_read - aside, aside, reasons, extra)


def open_good_rows(
    store: OfflineStore,
    source: EventSource,
    data: Any,
    folder: Path,
    *,
    format: str | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> Rows:
    """Reads all of the data once; every bad row is in the source's quarantine, with the reason.

    Parameters:
        folder — where what comes only once is kept while the rows are used; exists.

    Raises: InputError for a file that cannot be read to its end or lacks a column; StorageError.
    """
    origin = open_origin(data, source.columns, folder, format=format, name=name)
    quarantine, read = Quarantine(folder, file=origin.name, batch_id=f"push:{origin.batch_id}"), 0
    for raw in origin.batches():
        set_aside(quarantine, raw, _clean(source, origin, raw))
        read += raw.batch.num_rows + len(raw.rejected)
        if progress is not None:
            progress(read // 2)  # everything is read once more, to be pushed
    commit(store, source, quarantine)
    return Rows(source, origin, read, quarantine.reasons)


def push_data(
    pusher: Pusher,
    store: OfflineStore,
    source: EventSource,
    data: Any,
    *,
    replay: bool = False,
    format: str | None = None,
    name: str | None = None,
    progress: Progress | None = None,
) -> PushReport:
    """Every good row of a file or table is in the event log; every other one is in the quarantine, with the reason.

    Parameters:
        data, format, name — as for `gapless.ingest.ingest`.
        replay — rows are known when the source says; else not before now.
        progress — called with the number of rows done so far.

    Raises: InputError for a file that cannot be read to its end or lacks a column: nothing was pushed. What
        `Pusher.push_batches` raises: some rows may be in the log; with an `event_id` they count once when it is run
        again.

    Cost: the data is read twice, so that a file is refused before anything of it is pushed. Memory of some batches.
    """
    tell = progress or _silent
    with TemporaryDirectory(prefix="gapless-push-") as folder:
        rows = open_good_rows(store, source, data, Path(folder), format=format, name=name, progress=progress)
        pushed = 0
        for batch in rows.batches():
            pushed += pusher.push_batches(source, [batch], replay=replay).events
            tell((rows.rows_read + pushed) // 2)
        return rows.report()


def _clean(source: EventSource, origin: Origin, raw: Raw) -> Clean:
    return clean(raw, source, from_text=not origin.has_types, file=origin.name)


def _silent(rows_done: int) -> None:
    """Nobody watches."""
