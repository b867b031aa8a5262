"""Records of a partition into events that count: clean, in the order of the log, each id once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP, to_numpy
from gapless.errors import SettingsError
from gapless.events.decoded import Decoded
from gapless.events.decoding import Decoder
from gapless.events.recent import CONFLICT, NEW, REPEAT, Recent
from gapless.ingest.clean import Clean, clean, table_schema
from gapless.ingest.coerce import coerce
from gapless.ingest.rows import Raw
from gapless.ports.events import LogRecord
from gapless.ports.places import PLACE_SHIFT
from gapless.product import EventSource
from gapless.schema import Type

__all__ = ["HORIZON", "Intake", "Rejected", "Taken", "landed_schema"]

HORIZON = 100_000
"""Accepted events of a partition among which an id counts once."""

_LONGEST_TEXT = 4_000


@dataclass(frozen=True)
class Rejected:
    """An event, or a whole record, that is not taken in.

    Parameters:
        reason — as ingest names it; "not_json", "not_an_object", "not_arrow", "wrong_type", "unknown_format" and
            "too_many_events" are of records; "event_id_conflict" is the id of an accepted event with other values.
        column — None: the row as a whole.
        text — the event as JSON; of one that is long or cannot be read the beginning, as a JSON string.
    """

    place: int
    reason: str
    column: str | None
    text: str


@dataclass(frozen=True)
class Taken:
    """What became of some records: events = rows + rejected + duplicates.

    Parameters:
        rows — what counts, in the order of the log: the source's columns, `_known_at`, and the place as `_offset`.
        rejected — what does not, in the order of the log.
        duplicates — repeats of accepted events.
        end — the offset of the next record.
        events — how many the records held; one that cannot be read counts as one.
    """

    rows: pa.RecordBatch
    rejected: Sequence[Rejected]
    duplicates: int
    end: int
    events: int


def landed_schema(source: EventSource) -> pa.Schema:
    """The source's columns, `_known_at` and `_offset`."""
    return table_schema(source).append(pa.field(OFFSET, pa.int64()))


class Intake:
    """Takes the records of one partition in, one after the other.

    Parameters:
        horizon — an event id counts once among that many accepted events.
        start — the offset of the first record to come.

    Guarantees: what is accepted depends on the log, on where this began and with which events it was seeded, and on
        `horizon`; not on how the records are cut into calls.

    Examples:
        >>> from datetime import datetime
        >>> source = EventSource("clicks", schema={"id": str, "at": datetime}, event_time="at", event_id="id")
        >>> intake = Intake(source, 0)
        >>> value = b'[{"id": "a", "at": "2020-01-01"}, {"id": "a", "at": "2020-01-01"}, {"id": "b"}]'
        >>> taken = intake.take([LogRecord(0, 7, 1_600_000_000_000_000, value)])
        >>> taken.rows.num_rows, taken.duplicates, taken.rejected[0].reason, taken.end
        (1, 1, 'null_event_time', 8)
    """

    def __init__(self, source: EventSource, partition: int, *, horizon: int = HORIZON, start: int = 0) -> None:
        if horizon < 1:
            raise SettingsError("a horizon that remembers nothing", seen=horizon, allowed="1 or more")
        self.source, self.partition, self.horizon = source, partition, horizon
        self._decoder = Decoder(source)
        self._recent = Recent(source, horizon)
        self._schema = landed_schema(source)
        self._name = f"events.{source.name}/{partition}"
        self._end = start

    def seed(self, rows: pa.RecordBatch) -> None:
        """Rows that were accepted before, the oldest first; only the newest `horizon` of them matter."""
        self._recent.seed(rows)

    def take(self, records: Sequence[LogRecord]) -> Taken:
        """The next records of the partition.

        Raises: nothing for any bytes in a record.
        """
        if records:
            self._end = records[-1].offset + 1
        parts = [self._clean(decoded, records) for decoded in self._decoder.decode(records)]
        rejected = [each for _, faults in parts for each in faults]
        rows = self._in_order([batch for batch, _ in parts if batch.num_rows])
        events = rows.num_rows + len(rejected)
        verdicts = self._recent.verdicts(rows)
        if verdicts.any():
            rejected += _conflicts(rows, verdicts, self.source.event_id)
            rows = rows.filter(pa.array(verdicts == NEW))
        rejected.sort(key=lambda each: each.place)
        return Taken(rows, rejected, int(np.count_nonzero(verdicts == REPEAT)), self._end, events)

    def _in_order(self, batches: list[pa.RecordBatch]) -> pa.RecordBatch:
        if not batches:
            return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in self._schema], schema=self._schema)
        if len(batches) == 1:
            return batches[0]
        both = pa.concat_batches(batches)
        return both.take(pa.array(np.argsort(both.column(OFFSET).to_numpy(), kind="stable")))

    def _clean(self, decoded: Decoded, records: Sequence[LogRecord]) -> tuple[pa.RecordBatch, list[Rejected]]:
        raw = decoded.raw
        cleaned = clean(raw, self.source, from_text=decoded.from_text, file=self._name)
        stamps, faults = coerce(raw.batch.column(KNOWN_AT), Type.TIMESTAMP, from_text=decoded.from_text)
        rejected = [Rejected(r.row_number, r.reason, r.column, _cut(r.text)) for r in raw.rejected]
        for fault in cleaned.faults:
            rejected += _rejected(raw, fault.rows, fault.reason, fault.column)
        good = np.ones(cleaned.batch.num_rows, np.bool_)
        for reason, mask in faults:
            bad = mask[cleaned.rows] & good
            rejected += _rejected(raw, cleaned.rows[bad], reason, KNOWN_AT)
            good &= ~bad
        rows = self._stamped(cleaned, stamps, raw.row_numbers, records)
        return (rows if good.all() else rows.filter(pa.array(good))), rejected

    def _stamped(
        self, cleaned: Clean, stamps: pa.Array, places: npt.NDArray[np.int64], records: Sequence[LogRecord]
    ) -> pa.RecordBatch:
        """With `_known_at` as the record says; else the later of what the source says and when it was appended."""
        given, is_given = to_numpy(stamps)
        given, is_given, places = given[cleaned.rows], is_given[cleaned.rows], places[cleaned.rows]
        declared, _ = to_numpy(cleaned.batch.column(KNOWN_AT))
        known = given if is_given.all() else np.where(is_given, given, np.maximum(declared, _appended(records, places)))
        columns = cleaned.batch.columns[:-1]
        arrays = [*columns, pa.array(known, pa.int64()).view(TIMESTAMP), pa.array(places, pa.int64())]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


def _appended(records: Sequence[LogRecord], places: npt.NDArray[np.int64]) -> Any:
    """When the record of each place was appended."""
    offsets = np.array([record.offset for record in records], np.int64)
    instants = np.array([record.appended_us for record in records], np.int64)
    return instants[np.searchsorted(offsets, places >> PLACE_SHIFT)]


def _rejected(raw: Raw, rows: npt.NDArray[np.int64], reason: str, column: str | None) -> list[Rejected]:
    if not len(rows):
        return []
    places = raw.row_numbers[rows].tolist()
    return [
        Rejected(place, reason, column, _cut(text)) for place, text in zip(places, raw.originals(rows), strict=True)
    ]


def _conflicts(rows: pa.RecordBatch, verdicts: npt.NDArray[np.uint8], event_id: str | None) -> list[Rejected]:
    raw = Raw(rows, rows.column(OFFSET).to_numpy())
    return _rejected(raw, np.flatnonzero(verdicts == CONFLICT), "event_id_conflict", event_id)


def _cut(text: str) -> str:
    """As it is, or the beginning of it as a JSON string."""
    return text if len(text) <= _LONGEST_TEXT else json.dumps(text[:_LONGEST_TEXT], ensure_ascii=False)
