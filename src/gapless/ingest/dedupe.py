"""Which rows repeat an event_id: exactly, over the file and the whole table, in bounded memory.

Every row becomes five words: its id's hash (2), its content's hash (2), its place (1). They are spilled to 256 files by
the first bits of the id, so that all rows of one id are in one file, in order; then each file is resolved by itself.

    word 0    1    2        3        4
        id   id   content  content  place

Cost: 40 bytes of disk per row; memory of one 256th of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.ingest.hashing import hash_rows
from gapless.ingest.kernels import resolve
from gapless.ports.offline import TextRange, TimeRange

__all__ = ["CONFLICT", "NEW", "REPEAT", "Repeats"]

NEW, REPEAT, CONFLICT = 0, 1, 2
_BITS = 8
_PARTS = 1 << _BITS
_IN_MEMORY = 262_144
_PREFIX_BITS = 24
_PREFIX_SHIFT = np.uint64(64 - _PREFIX_BITS)
_WORDS = 5


class _Spill:
    """Rows of five words: a few in memory, many in one file per first bits of the id."""

    def __init__(self, folder: Path, name: str) -> None:
        self._paths = [folder / f"{name}-{part}" for part in range(_PARTS)]
        self._files: list[BinaryIO] = []
        self._waiting: list[npt.NDArray[np.uint64]] = []
        self._waiting_rows = 0

    def add(self, rows: npt.NDArray[np.uint64]) -> None:
        self._waiting.append(rows)
        self._waiting_rows += len(rows)
        if self._waiting_rows > _IN_MEMORY:
            self.flush()

    @property
    def in_files(self) -> bool:
        return bool(self._files)

    def flush(self) -> None:
        """What waits in memory goes to the files."""
        self._files = self._files or [path.open("wb") for path in self._paths]
        for rows in self._waiting:
            part = (rows[:, 0] >> np.uint64(64 - _BITS)).astype(np.uint8)
            ordered = rows[np.argsort(part, kind="stable")]  # radix: linear
            ends = np.cumsum(np.bincount(part, minlength=_PARTS)).tolist()
            for file, start, end in zip(self._files, [0, *ends], ends, strict=False):
                if end > start:
                    file.write(ordered[start:end].tobytes())
        self._waiting, self._waiting_rows = [], 0

    def parts(self) -> Iterator[npt.NDArray[np.uint64]]:
        if not self._files:
            yield np.concatenate([np.zeros((0, _WORDS), np.uint64), *self._waiting])
            return
        for file, path in zip(self._files, self._paths, strict=True):
            file.close()
            yield np.fromfile(path, np.uint64).reshape(-1, _WORDS)


class Repeats:
    """Knows of each good row of a file whether its id is new, from the file's rows and those of the table.

    Use: add() every batch; where the table's ids within `span` touch them, add_table() every batch of the table within
    `span`; resolve(); then verdicts(count), in the order of add().
    """

    def __init__(self, folder: Path, columns: list[str], event_id: str) -> None:
        folder.mkdir()
        self._folder = folder
        self._columns = columns
        self._event_id = event_id
        self._new, self._old = _Spill(folder, "new"), _Spill(folder, "old")
        self._rows = 0
        self._ends: tuple[Any, Any] | None = None
        self._verdicts: Any = None
        self._first_words: Any = None
        self._prefixes: Any = None
        self._read = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Good rows of the file, in order."""
        if not batch.num_rows:
            return
        ends = pc.min_max(batch.column(self._event_id)).as_py()
        low, high = self._ends or (ends["min"], ends["max"])
        self._ends = min(low, ends["min"]), max(high, ends["max"])
        self._new.add(self._words(batch, self._rows))
        self._rows += batch.num_rows

    @property
    def span(self) -> TimeRange | TextRange | None:
        """The ids that were added; None where there are none."""
        if self._ends is None:
            return None
        low, high = self._ends
        return (
            TextRange(self._event_id, low, high) if isinstance(low, str) else TimeRange(self._event_id, low, high + 1)
        )

    def touches(self, batches: Iterable[pa.RecordBatch]) -> bool:
        """Whether any of these ids (one column) may be among the added ones. Many added ones are not worth the look."""
        return self._new.in_files or any(self._among_new(batch.column(0)).any() for batch in batches)

    def add_table(self, batch: pa.RecordBatch) -> None:
        """Rows that are in the table already."""
        if not self._new.in_files:
            batch = batch.filter(pa.array(self._among_new(batch.column(self._event_id))))
        if batch.num_rows:
            self._old.add(self._words(batch, 0))

    def _among_new(self, ids: pa.Array) -> npt.NDArray[np.bool_]:
        """By the first word: through a table of its first bits, which settles nearly all."""
        if self._first_words is None:
            self._first_words = np.unique(np.concatenate([rows[:, 0] for rows in self._new.parts()]))
            self._prefixes = np.zeros(1 << _PREFIX_BITS, np.bool_)
            self._prefixes[self._first_words >> _PREFIX_SHIFT] = True
        words = hash_rows([ids])[:, 0]
        among: npt.NDArray[np.bool_] = self._prefixes[words >> _PREFIX_SHIFT]
        likely = np.flatnonzero(among)
        among[likely] = np.isin(words[likely], self._first_words)
        return among

    def resolve(self) -> None:
        """Decides every row that was added."""
        if self._new.in_files or self._old.in_files:
            self._new.flush()
            self._old.flush()
        path = self._folder / "verdicts"
        with path.open("wb") as file:
            file.truncate(max(self._rows, 1))
        self._verdicts = np.memmap(path, np.uint8, "r+")
        for old, new in zip(self._old.parts(), self._new.parts(), strict=True):
            size = 1 << max(4, int(2 * (len(old) + len(new))).bit_length())
            verdicts = np.zeros(len(new), np.uint8)
            resolve(old, new, np.full(size, -1, np.int64), verdicts)
            repeated = np.flatnonzero(verdicts)
            self._verdicts[new[repeated, 4].astype(np.int64)] = verdicts[repeated]

    def verdicts(self, count: int) -> npt.NDArray[np.uint8]:
        """Of the next `count` rows."""
        part: npt.NDArray[np.uint8] = np.array(self._verdicts[self._read : self._read + count])
        self._read += count
        return part

    def _words(self, batch: pa.RecordBatch, first: int) -> npt.NDArray[np.uint64]:
        rows = np.empty((batch.num_rows, _WORDS), np.uint64)
        rows[:, 0:2] = hash_rows([batch.column(self._event_id)])
        rows[:, 2:4] = hash_rows([batch.column(name) for name in self._columns])
        rows[:, 4] = np.arange(first, first + batch.num_rows, dtype=np.uint64)
        return rows
