"""Rows of a request: from JSON to typed values, or a problem that names row and field."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec

from gapless.clock import format_instant
from gapless.schema import Schema, Type
from gapless.serving.answers import Row, Signature, Value
from gapless.serving.http.problems import Problem

__all__ = ["FIRST_US", "LAST_US", "RowDecoder", "checked_instant", "decode_json", "instant_of", "request_decoder"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
FIRST_US = -62_135_596_800_000_000
LAST_US = 253_402_300_799_999_999
"""The first and last instant that a date can be written of: years 1 to 9999."""

_WHOLE = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_INSTANT = datetime | Annotated[int, msgspec.Meta(ge=FIRST_US, le=LAST_US)]
_TYPES: dict[Type, Any] = {
    Type.FLOAT: float,
    Type.INT: _WHOLE,
    Type.BOOL: bool,
    Type.STRING: str,
    Type.TIMESTAMP: _INSTANT,
}
INSTANT = "an instant: RFC 3339 text such as 2013-12-01T10:15:00Z, or whole microseconds since 1970-01-01 UTC"
ALLOWED: dict[Type, str] = {
    Type.FLOAT: "a number",
    Type.INT: "a whole number from -2^53 to 2^53",
    Type.BOOL: "true or false",
    Type.STRING: "a text",
    Type.TIMESTAMP: INSTANT,
}
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_PLACE = re.compile(r"^(?:\.\w+)?\[(?P<row>\d+)\](?:\.(?P<field>\w+))?")
_NAMED = re.compile(r"field `(?P<field>.*)`", re.DOTALL)


class RowDecoder:
    """`{"NAME": [{column: value, …}, …], …}` decoded by the types of the columns.

    Parameters:
        columns — of a row; required — those that must be there and not null, others are null where they are absent.
        complete — every column must be there, be it null: an absent one is a mistake and no unknown value.
        time — the column that is the instant of asking where it is absent; None: there is none.
        member — the NAME that holds the rows; limit — how many there may be.

    Guarantees: safe to share between threads. A value of another type, an unknown or a missing column is a Problem 422
        with row and field, text that is no JSON one of 400.

    Cost: about 1 µs per row and 0.1 µs per column.
    """

    def __init__(
        self,
        columns: Schema,
        *,
        required: Sequence[str] = (),
        complete: bool = False,
        time: str | None = None,
        member: str = "requests",
        limit: int = 10_000,
    ) -> None:
        self._columns, self._required, self._time, self._limit = columns, frozenset(required), time, limit
        self._complete = complete
        self._instants = [name for name, kind in columns.items() if kind is Type.TIMESTAMP]
        row = msgspec.defstruct("Row", self._fields(), forbid_unknown_fields=True, gc=False)
        many = Annotated[list[row], msgspec.Meta(min_length=1)]  # type: ignore[valid-type]
        body = msgspec.defstruct("Body", [(member, many)], forbid_unknown_fields=True)
        self._member = member
        self._body, self._list = msgspec.json.Decoder(body), msgspec.json.Decoder(many)

    def _fields(self) -> list[Any]:
        needed = [(name, _TYPES[kind]) for name, kind in self._columns.items() if name in self._required]
        free = [(name, _TYPES[kind] | None) for name, kind in self._columns.items() if name not in self._required]
        return [*needed, *(free if self._complete else [(*one, None) for one in free])]

    def body(self, text: bytes, now_us: int) -> list[Row]:
        """The rows of a whole body."""
        try:
            found = getattr(self._body.decode(text), self._member)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._problem(error, text, inside=True) from None
        return self._rows(found, now_us)

    def rows(self, text: bytes | msgspec.Raw, now_us: int) -> list[Row]:
        """The rows of a text that is a list of rows."""
        try:
            found = self._list.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._problem(error, bytes(text), inside=False) from None
        return self._rows(found, now_us)

    def _rows(self, found: Sequence[Any], now_us: int) -> list[Row]:
        if len(found) > self._limit:
            raise too_many(len(found), self._limit)
        rows: list[dict[str, Any]] = [msgspec.structs.asdict(row) for row in found]
        for name in self._instants:
            self._make_instants(rows, name, now_us if name == self._time else None)
        return rows  # type: ignore[return-value]

    def _make_instants(self, rows: list[dict[str, Any]], name: str, absent: int | None) -> None:
        for index, row in enumerate(rows):
            value = row[name]
            if value is None:
                row[name] = absent
            elif type(value) is not int:
                row[name] = checked_instant(instant_of(value), row=index, field=name)

    def _problem(self, error: Exception, text: bytes, *, inside: bool) -> Problem:
        if not isinstance(error, msgspec.ValidationError):
            return malformed(error)
        found = _AT.match(str(error))
        assert found is not None
        what, path = found["what"], found["path"] or ""
        place = _PLACE.match(path)
        if place is None:
            return Problem(422, "wrong_shape", what, field=path.lstrip(".") or None, allowed=self._shape())
        return self._row_problem(
            what, int(place["row"]), place["field"], self._raw_row(text, int(place["row"]), inside)
        )

    def _row_problem(self, what: str, row: int, field: str | None, raw: Any) -> Problem:
        named = _NAMED.search(what)
        if named is not None and what.startswith("Object contains unknown"):
            known = ", ".join(self._columns)
            return Problem(
                422, "unknown_field", "there is no such column", row=row, field=named["field"], allowed=known
            )
        if named is not None:
            name = named["field"]
            return Problem(422, "missing_field", "it is needed", row=row, field=name, allowed=self._allowed(name))
        seen = raw.get(field) if isinstance(raw, dict) and field is not None else raw
        allowed = self._allowed(field) if field is not None else "an object with the columns of a request"
        return Problem(
            422, "wrong_type", what, row=row, field=field, seen="null" if seen is None else seen, allowed=allowed
        )

    def _allowed(self, name: str) -> str:
        return ALLOWED[self._columns[name]] + ("" if name in self._required else ", or null")

    def _shape(self) -> str:
        return f'{{"{self._member}": [{{"{next(iter(self._columns))}": …}}, …]}}, at least one row'

    def _raw_row(self, text: bytes, row: int, inside: bool) -> Any:
        """What the client wrote there, read again without types; for the message alone."""
        try:
            whole = msgspec.json.decode(text)
            return (whole[self._member] if inside else whole)[row]
        except (ValueError, LookupError, TypeError, RecursionError):  # broken further on, or a member is there twice
            return "what cannot be read alone"


def request_decoder(signature: Signature, limit: int) -> RowDecoder:
    """For the requests of a model."""
    return RowDecoder(signature.columns, required=[signature.id], time=signature.time, limit=limit)


def decode_json(text: bytes, kind: type[Any], *, with_nan: bool = False, shape: str | None = None) -> Any:
    """A value of a type from JSON. Raises: Problem 400 for what is no JSON, 422 for another shape.

    Parameters:
        with_nan — take the words NaN and Infinity too, which are not JSON and which Python's clients send.
        shape — what would have been accepted, for the problem.
    """
    try:
        if with_nan and (b"NaN" in text or b"Infinity" in text):
            return msgspec.convert(_with_nan(text), kind)
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        found = _AT.match(str(error))
        assert found is not None
        field = (found["path"] or "").lstrip(".") or None
        raise Problem(422, "wrong_shape", found["what"], field=field, allowed=shape) from None
    except (ValueError, RecursionError) as error:
        raise malformed(error) from None


def _with_nan(text: bytes) -> Any:
    found = json.loads(text.decode())  # of bytes it would take halves of surrogate pairs too
    if b"\\u" in text:
        json.dumps(found, ensure_ascii=False).encode()  # raises for such a half; msgspec does by itself
    return found


def malformed(error: Exception) -> Problem:
    """The text is no JSON."""
    return Problem(400, "malformed", _fault(error), allowed="one JSON document in UTF-8; what is missing is null")


def _fault(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the JSON is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"the JSON is not UTF-8: {error.reason}"
    if isinstance(error, UnicodeEncodeError):
        return "the JSON holds half of a surrogate pair, which is no Unicode text"
    if str(error) == "Input data was truncated":
        return "the JSON ends too early, or the body is empty"
    if isinstance(error, msgspec.DecodeError | json.JSONDecodeError):
        return str(error)
    return "the JSON holds a number with too many digits"


def too_many(rows: int, limit: int) -> Problem:
    """More rows than one call may ask for."""
    return Problem(413, "too_many_rows", "more rows than one call may hold", seen=rows, allowed=f"{limit} rows")


def instant_of(value: datetime) -> int:
    """µs UTC; without an offset it is UTC."""
    moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def checked_instant(us: int, *, row: int | None = None, field: str | None = None) -> int:
    """The instant. Raises: Problem 422 for one that lies outside of years 1 to 9999."""
    if FIRST_US <= us <= LAST_US:
        return us
    allowed = f"{format_instant(FIRST_US)} to {format_instant(LAST_US)}"
    raise Problem(
        422, "out_of_range", "no date can be written of this instant", row=row, field=field, seen=us, allowed=allowed
    )


def plain(value: Value, kind: Type) -> Value:
    """A value as JSON shows it: instants as text."""
    return format_instant(value) if kind is Type.TIMESTAMP and isinstance(value, int) else value
