"""Records into raw rows, by the rules of ingest; what is none is set aside with a reason.

Which way a record is read depends on the record alone, so any cut of the log into batches gives the same rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from gapless.arrow import KNOWN_AT
from gapless.events.arrow_values import read_arrow
from gapless.events.decoded import Decoded, no_rows, poison
from gapless.events.json_values import JsonReader
from gapless.events.payload import ARROW, FORMAT, JSON
from gapless.ports.events import LogRecord
from gapless.product import EventSource
from gapless.schema import Schema, Type

__all__ = ["Decoder"]


class Decoder:
    """Reads the values of records of one source."""

    def __init__(self, source: EventSource) -> None:
        self._columns = Schema((*source.columns.columns, (KNOWN_AT, Type.TIMESTAMP)))
        self._json = {own: JsonReader(self._columns, own=own) for own in (True, False)}

    def decode(self, records: Sequence[LogRecord]) -> list[Decoded]:
        """All rows, those of one record together and in order; no order is kept between records."""
        by_format: dict[bytes, list[LogRecord]] = defaultdict(list)
        for record in records:
            by_format[record.headers.get(FORMAT, b"")].append(record)
        found: list[Decoded] = []
        for name, group in by_format.items():
            if name == ARROW:
                found += read_arrow(group, self._columns)
            elif name in (JSON, b""):
                found += self._json[name == JSON].read(group)
            else:
                found.append(no_rows(self._columns, [poison(record, "unknown_format") for record in group]))
        return found
