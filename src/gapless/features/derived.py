"""The columns that pandas functions make of events: the one place where these functions run.

batch of the origin's columns ─► DataFrame ─► the author's function ─► checked, coerced ─► columns beside the others
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from gapless.arrow import KNOWN_AT, TIMESTAMP, schema_to_arrow
from gapless.errors import NotFound
from gapless.features.derived_values import derived_columns
from gapless.features.row_wise import check_row_wise
from gapless.features.sources import SourceReader
from gapless.product import Derivation, EventSource

__all__ = ["DerivedSources", "Deriving", "FunctionRun"]


@dataclass(frozen=True)
class FunctionRun:
    """What a pandas function did in one run; `seconds` is 0 where nobody measured.

    Examples:
        >>> FunctionRun("read_text", "1", "ab12", 50_000, 2.0).us_per_row
        40.0
    """

    name: str
    version: str
    hash: str
    rows: int
    seconds: float

    @property
    def us_per_row(self) -> float | None:
        """Microseconds per row; None for no rows."""
        return self.seconds * 1e6 / self.rows if self.rows else None

    @property
    def rate(self) -> float | None:
        """Rows per second; None where nobody measured."""
        return self.rows / self.seconds if self.seconds else None


@dataclass
class Deriving:
    """Runs the functions of one run: a training set, a materialization, a stream. Each is checked to be row-wise once.

    Parameters:
        ticks — nanoseconds that only grow, to measure the functions by; None: they are not measured.
    """

    ticks: Callable[[], int] | None = None
    _rows: dict[str, int] = field(default_factory=dict)
    _ns: dict[str, int] = field(default_factory=dict)
    _functions: dict[str, Derivation] = field(default_factory=dict)
    _checked: set[str] = field(default_factory=set)

    def batches(
        self,
        source: EventSource,
        columns: Sequence[str],
        read: Callable[[EventSource, Sequence[str]], Iterable[pa.RecordBatch]],
    ) -> Iterator[pa.RecordBatch]:
        """The columns of a source, derived or not, then whatever of the platform's own columns the reader gives.

        Parameters:
            read — gives columns of a source that is not derived; columns that begin with "_" may follow them.

        Raises: NotFound where nobody has the function any more; DefinitionError, UserCodeError for one that fails.
        """
        made = source.derivation
        if made is None:
            yield from read(source, columns)
            return
        own = [name for name in columns if name in made.outputs]
        needed = dict.fromkeys([*(name for name in columns if name not in own), *(made.inputs if own else ())])
        for batch in self.batches(made.source, list(needed), read):
            yield self._extended(made, batch, columns) if own else _selected(batch, columns)

    def over(self, source: EventSource, columns: Sequence[str], batch: pa.RecordBatch) -> pa.RecordBatch:
        """The same of one batch that has the stored columns: what micro-batches of a stream take."""
        return next(iter(self.batches(source, columns, lambda _, wanted: [_selected(batch, wanted)])))

    def runs(self) -> list[FunctionRun]:
        """What each function did so far, by name."""
        return [
            FunctionRun(made.name, made.version, key, self._rows[key], self._ns[key] / 1e9)
            for key, made in sorted(self._functions.items(), key=lambda item: item[1].name)
        ]

    def _extended(self, made: Derivation, batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
        if made.function is None:
            raise _no_function(made)
        if made.hash not in self._checked and batch.num_rows > 1:
            check_row_wise(made, batch)
            self._checked.add(made.hash)
        began = 0 if self.ticks is None else self.ticks()
        added = derived_columns(made, batch)
        self._functions[made.hash] = made
        self._rows[made.hash] = self._rows.get(made.hash, 0) + batch.num_rows
        self._ns[made.hash] = self._ns.get(made.hash, 0) + (0 if self.ticks is None else self.ticks() - began)
        both = dict(zip(batch.schema.names, batch.columns, strict=True))
        both |= dict(zip(added.schema.names, added.columns, strict=True))
        return _selected(pa.RecordBatch.from_pydict(both), columns)


class DerivedSources:
    """Any reader of events, with the columns that pandas functions make. A `SourceReader`.

    Examples:
        >>> from gapless.features import TableSources
        >>> reader = DerivedSources.around(TableSources({}))
        >>> DerivedSources.around(reader) is reader
        True
    """

    def __init__(self, reader: SourceReader, deriving: Deriving | None = None) -> None:
        self._reader, self._deriving = reader, deriving or Deriving()

    @classmethod
    def around(cls, reader: SourceReader) -> DerivedSources:
        """The reader itself, where it is one already."""
        return reader if isinstance(reader, cls) else cls(reader)

    def read(
        self, source: EventSource, columns: Sequence[str], *, start_us: int | None, end_us: int | None
    ) -> pa.RecordBatchReader:
        """See `SourceReader`."""
        if source.derivation is None:
            return self._reader.read(source, columns, start_us=start_us, end_us=end_us)
        types = schema_to_arrow(source.columns)
        schema = pa.schema([*(types.field(name) for name in columns), pa.field(KNOWN_AT, TIMESTAMP)])

        def read(origin: EventSource, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
            # a reader prunes by time, and may want the column that it prunes by
            wanted = list(dict.fromkeys([*names, origin.event_time]))
            yield from self._reader.read(origin, wanted, start_us=start_us, end_us=end_us)

        return pa.RecordBatchReader.from_batches(schema, self._deriving.batches(source, columns, read))

    def rows(self, source: EventSource) -> int:
        """See `SourceReader`."""
        return self._reader.rows(source.origin)


def _selected(batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    return batch.select([*columns, *(name for name in batch.schema.names if name.startswith("_"))])


def _no_function(made: Derivation) -> NotFound:
    return NotFound(
        f"the product does not have pandas function {made.name!r} as this version was trained with it",
        seen=f"version {made.version!r}, {made.hash[:12]}",
        allowed="the same text, inputs, outputs and version=",
        next_step="put that function back, or train a new version: what was computed before is still looked up",
    )
