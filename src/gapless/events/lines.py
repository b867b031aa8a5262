"""JSON lines of a stream into the event log, as they come."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from gapless.errors import InputError
from gapless.events.aside import PushReport, commit, set_aside
from gapless.events.pushing import Pusher
from gapless.ingest.clean import Clean, clean
from gapless.ingest.jsonlines import line_parser, read_lines
from gapless.ingest.quarantine import Quarantine
from gapless.ingest.rows import Raw
from gapless.ports.offline import OfflineStore
from gapless.product import EventSource

__all__ = ["push_lines"]

Progress = Callable[[int], None]
_CHUNK = 1 << 16
_LONGEST_LINE = 4 << 20


def push_lines(
    pusher: Pusher,
    store: OfflineStore,
    source: EventSource,
    stream: BinaryIO,
    *,
    replay: bool = False,
    name: str = "stream",
    progress: Progress | None = None,
) -> PushReport:
    """JSON lines of a stream into the event log, as they come: whatever whole lines are there are pushed together.

    The next piece of the stream is asked for once the lines before are durable; a column that a line lacks is null.
    A bad line is in the source's quarantine, by its number, before the good ones around it are pushed.

    Parameters:
        stream — its `read1`, or `read` where it has none, gives what is there and waits only where nothing is.

    Raises: InputError for a line over 4 MiB; what `Pusher.push_batches` raises.

    Guarantees: killed at any point, every line that came before the last piece is in the log or in the quarantine.
    """
    lines, parse = _Lines(pusher, store, source, name, replay=replay), line_parser(source.columns)
    take, rest = getattr(stream, "read1", stream.read), b""
    while chunk := take(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        lines.push(whole, parse)
        if progress is not None:
            progress(lines.read)
        if len(rest) > _LONGEST_LINE:
            raise InputError(
                "a line longer than 4 MiB",
                where=f"{name}, line {lines.number + 1}",
                next_step="write one object per line; the lines before are pushed",
            )
    lines.push([rest], parse)
    return lines.report()


class _Lines:
    """The lines so far."""

    def __init__(self, pusher: Pusher, store: OfflineStore, source: EventSource, name: str, *, replay: bool) -> None:
        self._pusher, self._store, self._source, self._name, self._replay = pusher, store, source, name, replay
        self.number = self.read = self._pushed = 0
        self._reasons: Counter[str] = Counter()

    def push(self, lines: list[bytes], parse: Callable[[bytes], Any]) -> None:
        """The next ones; blank ones count as lines and are no rows."""
        numbered = [(number, line.strip(b" \t\r")) for number, line in enumerate(lines, self.number + 1)]
        if self.number == 0 and numbered:
            numbered[0] = 1, numbered[0][1].removeprefix(b"\xef\xbb\xbf")
        self.number += len(lines)
        block = [(number, line) for number, line in numbered if line]
        if block:
            raw = read_lines(block, self._source.columns, parse)
            cleaned = clean(raw, self._source, from_text=True, file=self._name)
            if cleaned.faults or raw.rejected:
                self._put_aside(raw, cleaned, lines)
            self._pushed += self._pusher.push_batches(self._source, [cleaned.batch], replay=self._replay).events
            self.read += len(block)

    def report(self) -> PushReport:
        """What became of each line."""
        aside, reasons = self.read - self._pushed, dict(sorted(self._reasons.items()))
        return PushReport(self._source.name, self._name, self.read, self._pushed, aside, reasons)

    def _put_aside(self, raw: Raw, cleaned: Clean, lines: list[bytes]) -> None:
        digest = hashlib.sha256(b"\n".join(lines)).hexdigest()
        with TemporaryDirectory(prefix="gapless-push-") as folder:
            quarantine = Quarantine(Path(folder), file=self._name, batch_id=f"push:{digest}")
            set_aside(quarantine, raw, cleaned)
            commit(self._store, self._source, quarantine)
        self._reasons.update(quarantine.reasons)
