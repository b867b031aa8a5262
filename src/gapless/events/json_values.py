"""JSON values of records into raw rows.

Records that are plainly right, which is nearly all, are decoded straight into typed columns. Each of the others goes,
row by row, through what ingest does with a line of JSON; both ways give the same rows.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import ARROW_TYPES, KNOWN_AT, TIMESTAMP
from gapless.events.decoded import Decoded, places, poison
from gapless.ingest.coerce import EARLIEST_US, LATEST_US
from gapless.ingest.jsonlines import line_parser, read_lines
from gapless.ingest.rows import Raw, Rejected
from gapless.ports.events import MAX_EVENTS, LogRecord
from gapless.ports.places import place_of, record_of
from gapless.schema import Schema, Type

__all__ = ["JsonReader"]

_PYTHON: dict[Type, Any] = {Type.FLOAT: float, Type.INT: int, Type.BOOL: bool, Type.STRING: str, Type.TIMESTAMP: str}
_INT64 = 1 << 63
_BLANK = b" \t\r\n"
_SPACES = re.compile(r"[ \t\r\n]*")
_WHOLE = re.compile(r"-?[0-9]+")


@dataclass(frozen=True)
class _JsonRaw(Raw):
    """Typed rows that know where their texts are: in the records, which are in the order of the rows."""

    records: Sequence[LogRecord] = ()

    def originals(self, rows: npt.NDArray[np.int64]) -> list[str]:
        offsets = [record.offset for record in self.records]
        found: list[str] = []
        for offset, group in groupby(self.row_numbers[rows].tolist(), record_of):
            elements = _elements(self.records[bisect_left(offsets, offset)].value) or []
            found += [elements[place - place_of(offset)].decode("utf-8", "backslashreplace") for place in group]
        return found


class JsonReader:
    """JSON of gapless itself, where times are whole microseconds, or of others, where they are texts."""

    def __init__(self, columns: Schema, *, own: bool) -> None:
        self._columns, self._own = columns, own
        self._numbers = {KNOWN_AT} | {name for name, kind in columns.columns if own and kind is Type.TIMESTAMP}
        fields = [(f"c{i}", self._python(name, kind) | None, None) for i, (name, kind) in enumerate(columns.columns)]
        names = {f"c{i}": name for i, name in enumerate(columns)}
        row = msgspec.defstruct("Event", fields, rename=names, gc=False)
        self._parse = msgspec.json.Decoder(row | list[row]).decode  # type: ignore[valid-type]
        self._parse_line = line_parser(columns)

    def read(self, records: Sequence[LogRecord]) -> Iterator[Decoded]:
        """What is plainly right, then the rest."""
        rows: list[Any] = []
        counts: list[int] = []
        right: list[LogRecord] = []
        rest: list[LogRecord] = []
        parse = self._parse
        for record in records:
            try:
                found = parse(record.value)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                rest.append(record)
                continue
            many = found if type(found) is list else [found]
            if len(many) > MAX_EVENTS:
                rest.append(record)
                continue
            rows += many
            counts.append(len(many))
            right.append(record)
        try:
            yield self._typed(rows, right, counts)
        except OverflowError:  # an integer of 20 digits: its record, and no other, is read the slow way
            fits = self._fitting(rows, counts)
            rest = sorted(
                [*rest, *(r for r, fit in zip(right, fits, strict=True) if not fit)], key=attrgetter("offset")
            )
            yield from self.read([record for record, fit in zip(right, fits, strict=True) if fit])
        if rest:
            yield self._spelled(rest)

    def _python(self, name: str, kind: Type) -> Any:
        return int if name in self._numbers else _PYTHON[kind]

    def _typed(self, rows: list[Any], records: Sequence[LogRecord], counts: Sequence[int]) -> Decoded:
        arrays = [
            self._array(list(map(attrgetter(f"c{i}"), rows)), name, kind)
            for i, (name, kind) in enumerate(self._columns.columns)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, list(self._columns))
        at = places([record.offset for record in records], counts)
        return Decoded(_JsonRaw(batch, at, records=records), from_text=True)

    def _array(self, values: list[Any], name: str, kind: Type) -> pa.Array:
        if name in self._numbers:
            return pa.array(values, pa.int64()).view(TIMESTAMP)
        return pa.array(values, pa.string() if kind is Type.TIMESTAMP else ARROW_TYPES[kind])

    def _fitting(self, rows: list[Any], counts: Sequence[int]) -> list[bool]:
        """By record, whether all of its integers are of 64 bits."""
        ends = np.cumsum(counts).tolist()
        return [
            all(_fits(value) for row in rows[end - count : end] for value in msgspec.structs.astuple(row))
            for end, count in zip(ends, counts, strict=True)
        ]

    def _spelled(self, records: Sequence[LogRecord]) -> Decoded:
        """As ingest reads lines of JSON: values as they are spelled, each row for itself."""
        lines: list[tuple[int, bytes]] = []
        rejected: list[Rejected] = []
        for record in records:
            elements = _elements(record.value)
            if elements is None or len(elements) > MAX_EVENTS:
                rejected.append(poison(record, "not_json" if elements is None else "too_many_events"))
            else:
                lines += [(place_of(record.offset, i), element) for i, element in enumerate(elements)]
        raw = read_lines(lines, self._columns, self._parse_line)
        arrays = [
            _instants(raw.batch.column(name)) if name in self._numbers else raw.batch.column(name)
            for name in self._columns
        ]
        batch = pa.RecordBatch.from_arrays(arrays, list(self._columns))
        return Decoded(replace(raw, batch=batch, rejected=[*raw.rejected, *rejected]), from_text=True)


def _fits(value: Any) -> bool:
    return type(value) is not int or -_INT64 <= value < _INT64


def _elements(value: bytes) -> list[bytes] | None:
    """The bytes of the objects of a value; None for an array that is none."""
    text = value.strip(_BLANK).removeprefix(b"\xef\xbb\xbf").lstrip(_BLANK)
    if not text.startswith(b"["):
        return [text]
    try:
        return [bytes(element) for element in msgspec.json.decode(text, type=list[msgspec.Raw])]
    except (msgspec.MsgspecError, RecursionError):
        return _scanned(text)


def _scanned(value: bytes) -> list[bytes] | None:
    """The same for JSON as Python reads it, which knows NaN."""
    scan = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
    found: list[bytes] = []
    try:
        text = value.decode("utf-8")
        at = _after_spaces(text, 1)
        while text[at] != "]" or found:
            _, end = scan(text, at)
            found.append(text[at:end].encode("utf-8"))
            at = _after_spaces(text, end)
            if text[at] == "]":
                break
            if text[at] != ",":
                return None
            at = _after_spaces(text, at + 1)
    except (ValueError, RecursionError, IndexError):
        return None
    return found if at + 1 == len(text) else None


def _after_spaces(text: str, at: int) -> int:
    match = _SPACES.match(text, at)
    return at if match is None else match.end()


def _instants(column: pa.Array) -> pa.Array:
    """Whole microseconds as texts of instants; other texts as they are."""
    return pa.array([_instant(text) for text in column.to_pylist()], pa.string())


def _instant(text: str | None) -> str | None:
    if text is None or not _WHOLE.fullmatch(text):
        return text
    us = min(max(int(text[:20]), EARLIEST_US - 1), LATEST_US)  # what is outside stays outside
    return f"{np.datetime64(us, 'us')}Z"
