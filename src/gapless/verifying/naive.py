"""Windows recomputed by their definition: plain Python over the events of one key, as the tables hold them.

Nothing here is shared with the kernel or with tiles: a value is `windows.naive.naive` over a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from gapless.arrow import KNOWN_AT, OFFSET
from gapless.expr import compile_row
from gapless.features import Group
from gapless.schema import Type
from gapless.verifying.key_table import PARTITION, KeyTable
from gapless.windows import Spec
from gapless.windows.naive import naive

__all__ = ["Event", "Floor", "KeyEvents", "value_in", "values_of"]

Value = float | bool | str | int | None


class Event(NamedTuple):
    """One event of a key; events are ordered as ties are broken.

    Parameters:
        values — one per input of the group: what its expression gives; None where it is null or `where` is not true.
        kept — one per input: whether `where` is true.
    """

    time: int
    known: int
    partition: int
    place: int
    values: tuple[Value, ...]
    kept: tuple[bool, ...]

    @property
    def visible_from(self) -> int:
        """The first instant that may use it."""
        return max(self.time + 1, self.known)


class KeyEvents:
    """The events of the keys of some requests, of one group of views; those of a key are made when it is asked for."""

    def __init__(self, table: KeyTable) -> None:
        self._table, self._group = table, table.group
        self._program = compile_row(table.group.expressions)
        self._last: tuple[int, list[Event]] = -1, []

    def of(self, row: int) -> list[Event]:
        """The events of a request's key in their order; asked for key by key, each is made once."""
        code = int(self._table.codes[row])
        if code != self._last[0]:
            self._last = code, self._made(row)
        return self._last[1]

    def _made(self, row: int) -> list[Event]:
        found = self._table.take(self._table.rows_of(row))
        return sorted(map(self._event, _rows(found))) if found.num_rows else []

    def _event(self, row: Mapping[str, Any]) -> Event:
        computed = self._program(row)
        where = tuple(computed.get(f"where{i}", True) is True for i in range(len(self._group.inputs)))
        values = tuple(computed.get(f"value{i}", 1.0) if kept else None for i, kept in enumerate(where))
        time = row[self._group.source.event_time]
        return Event(time, row[KNOWN_AT], row[PARTITION], row[OFFSET], values, where)


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as row programs take them: instants in µs."""
    columns = {name: table.column(name) for name in table.column_names}
    plain = {
        name: column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        for name, column in columns.items()
    }
    return list(pa.table(plain).to_pylist())


Floor = Callable[[Spec, Event], int]
"""The first event time that a state still had of the events that an event was kept with."""


def values_of(
    group: Group, events: Iterable[Event], at_us: int, types: Mapping[str, Type], floor: Floor | None = None
) -> dict[str, Value]:
    """Every feature of a group by its definition, over these events, which are in their order; a window takes those
    that are not before its lower end."""
    events = list(events)
    found: dict[str, Value] = {}
    for spec, columns in group.specs:
        lower = spec.window.lower(at_us)
        values = [
            value_in(event, spec)
            for event in events
            if event.time >= lower and (floor is None or event.time >= floor(spec, event))
        ]
        results = naive(spec.function, values, n=spec.n)
        found |= {column: _typed(value, types[column]) for column, value in zip(columns, results, strict=True)}
    return found


def value_in(event: Event, spec: Spec) -> Value:
    """What an event gives to an aggregation."""
    return 1.0 if spec.input is None else event.values[spec.input]


def _typed(value: Any, kind: Type) -> Value:
    if value is None:
        return None
    typed: Value = float(value) if kind is Type.FLOAT else bool(value) if kind is Type.BOOL else value
    return typed
