"""The offline store: append-only tables of Arrow rows with versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

__all__ = [
    "Commit",
    "OfflineStore",
    "Part",
    "PartAppends",
    "PartWriter",
    "SharedStore",
    "SplitReads",
    "TableSplit",
    "TableStats",
    "TextRange",
    "TimeRange",
]


@dataclass(frozen=True)
class Commit:
    """What an append did. `repeated`: this batch was there already and nothing was written."""

    table: str
    version: int
    rows: int
    repeated: bool


@dataclass(frozen=True)
class TimeRange:
    """Rows whose `column` (timestamp or integer) is in [start_us, end_us); None is an open end. Null is outside."""

    column: str
    start_us: int | None = None
    end_us: int | None = None


@dataclass(frozen=True)
class TextRange:
    """Rows whose string `column` is in [first, last], both included, ordered by UTF-8 bytes. Null is outside."""

    column: str
    first: str
    last: str


@dataclass(frozen=True)
class TableStats:
    """Counts of a table at one version. `ranges` has (min, max) of the columns for which the store knows both."""

    rows: int
    bytes: int
    files: int
    ranges: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


class OfflineStore(Protocol):
    """Append-only, versioned tables.

    A table's name is a relative path such as `sources/departures`. Versions count up from 0 and never change.

    Raises, from every method: StorageError (disk full, no permission), CorruptData (bytes that cannot be read back),
    InputError (a table with features that cannot be read right, named in the message).
    """

    def append(
        self,
        table: str,
        batches: pa.RecordBatchReader,
        *,
        batch_id: str,
        offset_column: str | None = None,
        widen: bool = False,
    ) -> Commit:
        """All rows of `batches` are in the table, durably, or none is.

        Parameters:
            batch_id — the identity of these rows. A batch that is there already is not read and not written again.
            offset_column — name of an int64 column to add: the row's place in the whole table, dense from 0.
            widen — columns may come and go: one that the table lacks is added to it and is null in its rows so far, one
                that these rows lack is null in them. A version of before is read without the new ones.

        Guarantees: atomic; on stable storage when it returns; one writer at a time.
            `batches` is pulled only while this append holds the table, so what the reader itself looks up in the same
            table stays true until the commit.

        Raises: InputError where the columns differ from the table's (with `widen`: where one has another type);
            Transient where somebody else committed meanwhile
            (nothing was written: append again).
        """
        ...

    def read(
        self,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        within: TimeRange | TextRange | None = None,
    ) -> pa.RecordBatchReader:
        """The rows of one version (default: the newest) in append order, filtered exactly by `within`.

        Guarantees: the version is fixed when this returns; later commits are not seen. Memory holds a few batches.

        Raises: NotFound for a table or version that is not there; UnknownName for a column.
        """
        ...

    def version(self, table: str) -> int | None:
        """The newest version; None where there is no such table."""
        ...

    def has_batch(self, table: str, batch_id: str) -> bool:
        """Whether the newest version holds this batch."""
        ...

    def tables(self) -> list[str]:
        """Names of all tables, sorted."""
        ...

    def stats(self, table: str, *, version: int | None = None) -> TableStats:
        """Counts from the table's metadata; no data is read."""
        ...


class TableSplit(Protocol):
    """Some of the rows that a read would give, in their order. Pickled: it is read wherever the store's files are.

    Raises: NotFound, where they are not; CorruptData; StorageError.
    """

    @property
    def rows(self) -> int | None:
        """How many, where that is known without reading."""
        ...

    def read(self) -> pa.RecordBatchReader:
        """The rows."""
        ...


class SplitReads(Protocol):
    """A store whose tables can be read by many machines at once."""

    def split(
        self,
        table: str,
        *,
        columns: Sequence[str],
        version: int,
        within: TimeRange | None = None,
        rows: int,
    ) -> Sequence[TableSplit]:
        """What `OfflineStore.read` gives, as splits in order: read one after the other they are the same rows.

        Parameters:
            rows — about as many in each.

        Raises: as `OfflineStore.read`. Cost: the table's metadata, and the footers of its files.
        """
        ...


@dataclass(frozen=True)
class Part:
    """Rows that a task has written, and that are in no table yet. `files` are names for the store alone."""

    files: tuple[str, ...]
    rows: int


class PartWriter(Protocol):
    """Writes rows for an append that is under way. Pickled: for tasks on any machine that reaches the store's files."""

    def write(self, first_row: int, batches: Iterable[pa.RecordBatch]) -> Part:
        """The rows are on stable storage, and no reader sees them.

        Parameters:
            first_row — where they stand among the rows of the append: the order of the parts.

        Raises: StorageError.
        """
        ...


class PartAppends(Protocol):
    """A store that takes rows which many machines have written."""

    def append_parts(
        self,
        table: str,
        schema: pa.Schema,
        *,
        batch_ids: Sequence[str],
        write: Callable[[PartWriter], Iterable[Part]],
    ) -> Commit:
        """All rows of the parts that `write` gives are in the table, in the order of their first rows, or none is.

        Parameters:
            schema — of the rows.
            batch_ids — the batches that these rows are, remembered together.
            write — called once, while this append holds the table. A part that it does not give is not in the table,
                and its files are removed.

        Guarantees: as `OfflineStore.append`: one commit, durable when it returns. Killed at any point, the next append
            to the table removes what was written.

        Raises: as `OfflineStore.append`; Conflict where some of the batches are there already, all of them is
            `Commit.repeated`.
        """
        ...


class SharedStore(OfflineStore, SplitReads, PartAppends, Protocol):
    """A store whose tables many machines read and write at once."""
