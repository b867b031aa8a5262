"""JSON lines: one object a line. A line that is none is one bad row.

pyarrow has a faster reader; it ends the process on a line such as `null`, and fails the file where one row is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from gapless.errors import InputError
from gapless.ingest.columns import extra_columns
from gapless.ingest.content import Content
from gapless.ingest.rows import Raw, Rejected
from gapless.schema import Schema, Type

__all__ = ["JsonLinesOrigin", "line_parser", "read_lines"]

_BLOCK_BYTES = 4 << 20
_LONGEST_LINE = 64 << 20
_LOOK_AT = 1_000

_PYTHON: dict[Type, Any] = {Type.FLOAT: float, Type.INT: int, Type.BOOL: bool, Type.STRING: str, Type.TIMESTAMP: str}
_ARROW = {
    Type.FLOAT: pa.float64(),
    Type.INT: pa.int64(),
    Type.BOOL: pa.bool_(),
    Type.STRING: pa.string(),
    Type.TIMESTAMP: pa.string(),
}


class _RefusedError(Exception):
    """args: reason, column."""


class _Literal(str):
    """A number as it is spelled."""


@dataclass(frozen=True)
class JsonLinesOrigin:
    """A file of JSON objects, one a line, in UTF-8; compressed ones are recognized by their name's ending."""

    content: Content
    extra_columns: tuple[str, ...]
    schema: Schema
    has_types: bool = False

    @classmethod
    def open(cls, content: Content, schema: Schema) -> JsonLinesOrigin:
        """Reads the first lines, for the names of their keys.

        Raises: InputError where it is another format, or lacks a column.
        """
        keys: dict[str, None] = {}
        for number, line in _lines(content):
            if number == 1 and line.startswith(b"["):
                raise InputError(
                    "a JSON array, where one object a line is taken",
                    where=content.name,
                    seen=line[:80].decode("utf-8", "replace"),
                    next_step="write one object per line: jq -c '.[]' FILE",
                )
            if number > _LOOK_AT:
                break
            keys |= dict.fromkeys(_keys(line))
        return cls(content, tuple(name for name in keys if name not in schema), schema)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.content.name

    @property
    def batch_id(self) -> str:
        """The hash of the file's bytes."""
        return self.content.digest

    def batches(self) -> Iterator[Raw]:
        """All rows, in order."""
        parse = line_parser(self.schema)
        unseen = {name: f'"{name}"'.encode() for name in self.schema}
        any_row = False
        for block in _blocks(self.content):
            unseen = {name: spelled for name, spelled in unseen.items() if not _holds(block, spelled)}
            any_row = any_row or bool(block)
            yield read_lines(block, self.schema, parse)
        if any_row and unseen:  # a key that no line has is a missing column
            known = [name for name in self.schema if name not in unseen]
            extra_columns([*known, *self.extra_columns], list(self.schema), file=self.name)
        self.content.check_unchanged()


def _holds(block: Sequence[tuple[int, bytes]], spelled: bytes) -> bool:
    return any(spelled in line for _, line in block)


def _keys(line: bytes) -> list[str]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return list(row) if isinstance(row, dict) else []


def _lines(content: Content) -> Iterator[tuple[int, bytes]]:
    for block in _blocks(content):
        yield from block


def _blocks(content: Content) -> Iterator[list[tuple[int, bytes]]]:
    """Lines with their numbers, some MiB at a time; blank ones count and are left out."""
    number, rest = 0, b""
    try:
        with pa.input_stream(str(content.path)) as stream:
            while chunk := stream.read(_BLOCK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                yield _numbered(lines, number)
                number += len(lines)
                if len(rest) > _LONGEST_LINE:
                    raise InputError(
                        "a line longer than 64 MiB",
                        where=f"{content.name}, line {number + 1}",
                        next_step="write one object per line; nothing was taken in",
                    )
    except (pa.ArrowException, OSError) as problem:
        raise InputError(
            "the file cannot be read to its end",
            where=content.name,
            seen=str(problem),
            next_step="write it again; nothing was taken in",
        ) from problem
    yield _numbered([rest], number)


def _numbered(lines: list[bytes], before: int) -> list[tuple[int, bytes]]:
    stripped = [(number, line.strip(b" \t\r")) for number, line in enumerate(lines, before + 1)]
    if before == 0 and stripped:
        stripped[0] = 1, stripped[0][1].removeprefix(b"\xef\xbb\xbf")
    return [(number, line) for number, line in stripped if line]


def line_parser(schema: Schema) -> Callable[[bytes], Any]:
    """Raises for whatever is not plainly right; then the slow one says what it is."""
    fields = [(f"c{i}", _PYTHON[kind] | None, None) for i, (_, kind) in enumerate(schema.columns)]
    names = {f"c{i}": name for i, name in enumerate(schema)}
    return msgspec.json.Decoder(msgspec.defstruct("Line", fields, rename=names, gc=False)).decode


def read_lines(block: Sequence[tuple[int, bytes]], schema: Schema, parse: Callable[[bytes], Any]) -> Raw:
    """Lines with their numbers as rows; those that are none are set aside.

    Parameters:
        parse — what `line_parser` makes of the schema.
    """
    rows: list[Any] = []
    kept: list[tuple[int, bytes]] = []
    rejected: list[Rejected] = []
    plainly = True
    for number, line in block:
        try:
            rows.append(parse(line))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            try:
                rows.append(_slowly(line, schema))
            except _RefusedError as refused:
                reason, column = refused.args
                rejected.append(Rejected(number, reason, column, _as_json(line, reason)))
                continue
            plainly = False
        kept.append((number, line))
    columns = [
        _column([getattr(row, f"c{i}") for row in rows], kind, plainly) for i, (_, kind) in enumerate(schema.columns)
    ]
    return Raw(
        pa.RecordBatch.from_arrays(columns, names=list(schema)),
        np.array([number for number, _ in kept], np.int64),
        rejected,
        [line for _, line in kept],
    )


def _as_json(line: bytes, reason: str) -> str:
    """The line as it is where it is JSON, else as a JSON string."""
    text = line.decode("utf-8", "backslashreplace")
    return json.dumps(text, ensure_ascii=False) if reason in ("not_json", "invalid_utf8") else text


def _column(values: list[Any], kind: Type, plainly: bool) -> pa.Array:
    if plainly:
        try:
            return pa.array(values, _ARROW[kind])
        except OverflowError:  # an integer of 20 digits
            return pa.array([_text(value) for value in values], pa.string())
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    """As the grammar of text columns reads it."""
    if value is None or type(value) is str:
        return value
    return str(value) if isinstance(value, _Literal) else json.dumps(value)


def _slowly(line: bytes, schema: Schema) -> Any:
    """The row with its values as they are spelled.

    Raises: _RefusedError for what is not an object, and for a string column that holds something else.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise _RefusedError("invalid_utf8", None) from None
    try:
        row = json.loads(text, parse_int=_Literal, parse_float=_Literal, parse_constant=_Literal)
    except (ValueError, RecursionError):
        raise _RefusedError("not_json", None) from None
    if not isinstance(row, dict):
        raise _RefusedError("not_an_object", None)
    for name, kind in schema.columns:
        value = row.get(name)
        if kind is Type.STRING and value is not None and type(value) is not str:
            raise _RefusedError("not_a_string", name)
        if isinstance(value, str) and not isinstance(value, _Literal) and not _is_unicode(value):
            raise _RefusedError("invalid_utf8", name)
    return _Row({f"c{i}": row.get(name) for i, name in enumerate(schema)})


def _is_unicode(value: str) -> bool:
    """A lone surrogate, which JSON can spell, is no character."""
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in value)


class _Row:
    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)
