"""Every coercion against an oracle that is written without Arrow."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gapless.ingest.coerce import EARLIEST_US, LATEST_US, WrongTypeError, coerce
from gapless.schema import Type

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _of(column: pa.Array, kind: Type, *, from_text: bool = False) -> list[Any]:
    """The value of each row, or its first reason."""
    values, faults = coerce(column, kind, from_text=from_text)
    found = (values.view(pa.int64()) if kind is Type.TIMESTAMP else values).to_pylist()
    for reason, mask in reversed(faults):
        for row in np.flatnonzero(mask):
            assert found[row] is None
            found[row] = reason
    return found


def _text(values: list[str | None], kind: Type) -> list[Any]:
    return _of(pa.array(values, pa.string()), kind, from_text=True)


def test_floats_lose_what_is_not_finite() -> None:
    column = pa.array([1.5, math.nan, math.inf, -math.inf, None, -0.0])
    assert str(_of(column, Type.FLOAT)) == "[1.5, None, None, None, None, -0.0]"
    assert _of(column.cast(pa.float32()), Type.FLOAT)[0] == 1.5


@pytest.mark.parametrize("kind", [Type.FLOAT, Type.INT])
def test_integers_are_exact_or_refused(kind: Type) -> None:
    edge = 2**53
    column = pa.array([edge, edge + 1, -edge, -edge - 1, None, 0], pa.int64())
    assert _of(column, kind) == [edge, "not_exact", -edge, "not_exact", None, 0]
    assert _of(pa.array([2**64 - 1, 3], pa.uint64()), kind) == ["not_exact", 3]
    assert _of(pa.array([-128, 127], pa.int8()), kind) == [-128, 127]


def test_floats_are_integers_only_when_whole() -> None:
    column = pa.array([3.0, 3.5, math.nan, math.inf, 1e300, None])
    assert _of(column, Type.INT) == [3, "not_whole", None, None, "not_exact", None]


def test_decimals_are_rounded_once() -> None:
    column = pa.array([Decimal("0.10"), Decimal("12345678901234567.89"), None], pa.decimal128(19, 2))
    assert _of(column, Type.FLOAT) == [0.1, 12345678901234567.89, None]
    assert _of(pa.array([Decimal("7.00"), Decimal("7.01")], pa.decimal128(5, 2)), Type.INT) == [7, "not_whole"]


_SPELLINGS = st.one_of(
    st.floats().map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.from_regex(r"[+-]?[0-9]{0,4}\.?[0-9]{0,4}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.text(alphabet="0123456789+-.eExX_ naif", max_size=8),
    st.sampled_from(
        ["", " ", "NA", "n/a", "null", "None", "\\N", "nan", "-inf", "Infinity", "1_000", "0x10", "٣", "1,5"]
    ),
)
_NOTHING = {"", "na", "n/a", "null", "none", "\\n", "nan", "inf", "infinity"}


def _number(text: str) -> Any:
    """float() in Python takes a little more than the grammar."""
    stripped = text.strip(" \t\n\r\v\f").lower()
    if stripped in {"", "na", "n/a", "null", "none", "\\n"} or re.fullmatch("[+-]?(nan|inf|infinity)", stripped):
        return None
    try:
        number = float(stripped) if stripped.isascii() and "_" not in stripped else None
    except ValueError:
        number = None
    if number is None:
        return "not_a_number"
    return number if math.isfinite(number) else None


@given(st.lists(_SPELLINGS, max_size=20))
@example(["1.5", "abc"])
@example(["1e400", "-0", "+1", "."])
def test_numbers_in_text(texts: list[str]) -> None:
    assert list(map(repr, _text(list(texts), Type.FLOAT))) == [repr(_number(text)) for text in texts]


def _integer(text: str) -> Any:
    number = _number(text)
    if number == "not_a_number" or text.strip().lower().lstrip("+-") in _NOTHING:
        return number
    exact = Decimal(text.strip())
    if abs(exact) > 2**53:
        return "not_exact"
    return int(exact) if exact == exact.to_integral_value() else "not_whole"


@given(st.lists(_SPELLINGS, max_size=20))
@example(["1", "1.0", "1e3", "9007199254740992.5", "4503599627370497.2", "0" * 30 + "7"])
def test_integers_in_text(texts: list[str]) -> None:
    assert _text(list(texts), Type.INT) == [_integer(text) for text in texts]


def test_booleans_are_true_and_false_only() -> None:
    assert _text(["true", "False", " TRUE", "1", "yes", None, "NA"], Type.BOOL) == [
        True,
        False,
        True,
        "not_a_boolean",
        "not_a_boolean",
        None,
        None,
    ]
    assert _of(pa.array([True, None]), Type.BOOL) == [True, None]


@given(
    st.datetimes(datetime(1678, 1, 1), datetime(2261, 12, 31)),
    st.sampled_from(["T", " ", "t"]),
    st.one_of(st.none(), st.integers(-23 * 60, 23 * 60)),
    st.sampled_from([":", "", "hours"]),
)
def test_instants_in_text(moment: datetime, between: str, offset: int | None, style: str) -> None:
    text = moment.isoformat(sep=between)
    minutes = 0 if offset is None else offset
    if offset is not None:
        hours, rest = divmod(abs(offset), 60)
        if style == "hours":
            minutes, rest = int(math.copysign(hours * 60, offset)), 0
        tail = "" if style == "hours" else f"{'' if style == '' else ':'}{rest:02d}"
        text += f"{'-' if offset < 0 else '+'}{hours:02d}{tail}"
    us = (moment.replace(tzinfo=UTC) - timedelta(minutes=minutes) - _EPOCH) // timedelta(microseconds=1)
    expected = us if EARLIEST_US <= us < LATEST_US else "timestamp_out_of_range"
    assert _text([text], Type.TIMESTAMP) == [expected]
    if offset is None:
        assert _text([text + "Z"], Type.TIMESTAMP) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2013-01-01", 1356998400000000),
        ("2013-01-01T00:00", 1356998400000000),
        ("2013-01-01T00:00:00,5Z", 1356998400500000),
        ("2013-01-01T00:00:00.1234567Z", "finer_than_a_microsecond"),
        ("2013-01-01T00:00:00.123456000Z", 1356998400123456),
        ("2012-02-29", 1330473600000000),
        ("2013-02-29", "not_a_timestamp"),
        ("1900-02-29", "not_a_timestamp"),
        ("2013-13-01", "not_a_timestamp"),
        ("2013-1-1", "not_a_timestamp"),
        ("20130101", "not_a_timestamp"),
        ("2013", "not_a_timestamp"),
        ("1356998400", "not_a_timestamp"),
        ("01/02/2013", "not_a_timestamp"),
        ("2013-01-01T24:00:00", "not_a_timestamp"),
        ("2013-01-01T00:00:60", "not_a_timestamp"),
        ("2013-01-01T00:00:00.Z", "not_a_timestamp"),
        ("2013-01-01T00:00:00+1", "not_a_timestamp"),
        ("2013-01-01T00:00:00+25:00", "not_a_timestamp"),
        ("2013-01-01T00:00:00Zjunk", "not_a_timestamp"),
        ("2013-01-01T00:00:0", "not_a_timestamp"),
        ("2013-01-01T", "not_a_timestamp"),
        ("0001-01-01", "timestamp_out_of_range"),
        ("9999-12-31T23:59:59.999999Z", "timestamp_out_of_range"),
        ("0000-01-01", "not_a_timestamp"),
        ("NA", None),
        ("", None),
    ],
)
def test_the_grammar_of_instants(text: str, expected: Any) -> None:
    assert _text([text], Type.TIMESTAMP) == [expected]


@given(st.lists(st.text(max_size=30), max_size=10))
def test_any_text_is_an_instant_or_a_reason(texts: list[str]) -> None:
    for text, found in zip(texts, _text(list(texts), Type.TIMESTAMP), strict=True):
        if isinstance(found, int):
            python = datetime.fromisoformat(text.strip().replace(",", "."))
            python = python if python.tzinfo else python.replace(tzinfo=UTC)
            assert found == (python - _EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(("unit", "scale"), [("s", 10**6), ("ms", 10**3), ("us", 1)])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
@given(tick=st.integers(-(2**63) + 1, 2**63 - 1))
@example(tick=1)
def test_timestamps_of_every_unit(unit: str, scale: int, zone: str | None, tick: int) -> None:
    us = tick * scale
    expected = us if EARLIEST_US <= us < LATEST_US else "timestamp_out_of_range"
    assert _of(pa.array([tick, None], pa.int64()).view(pa.timestamp(unit, zone)), Type.TIMESTAMP) == [expected, None]


def test_nanoseconds_are_microseconds_or_refused() -> None:
    column = pa.array([1_000, 1_001, -1_000, -1, None], pa.timestamp("ns"))
    fine = "finer_than_a_microsecond"
    assert _of(column, Type.TIMESTAMP) == [1, fine, -1, fine, None]


def test_dates_are_midnight() -> None:
    assert _of(pa.array([date(1970, 1, 2), None]), Type.TIMESTAMP) == [86_400_000_000, None]
    assert _of(pa.array([2**31 - 1], pa.int32()).view(pa.date32()), Type.TIMESTAMP) == ["timestamp_out_of_range"]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.string(), pa.large_string()])
def test_bytes_that_are_no_text_spoil_their_row(kind: pa.DataType) -> None:
    raw = pa.array([b"a", b"\xff", None, "ä".encode()], pa.large_binary())
    column = raw.view(kind) if kind == pa.large_string() else raw.cast(pa.binary())
    column = column.view(pa.string()) if kind == pa.string() else column
    assert _of(column, Type.STRING) == ["a", "invalid_utf8", None, "ä"]


def test_every_encoding_of_strings_is_a_string() -> None:
    words = ["b", None, "", "b"]
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())):
        assert _of(pa.array(words, kind), Type.STRING) == words


@pytest.mark.parametrize("kind", list(Type))
def test_a_column_of_nulls_is_of_any_type(kind: Type) -> None:
    assert _of(pa.nulls(2), kind) == [None, None]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([[1.0]]), Type.FLOAT),
        (pa.array(["1"]), Type.FLOAT),
        (pa.array([True]), Type.FLOAT),
        (pa.array(["1"]), Type.INT),
        (pa.array([1]), Type.BOOL),
        (pa.array([1]), Type.STRING),
        (pa.array([1]), Type.TIMESTAMP),
        (pa.array(["2013-01-01"]), Type.TIMESTAMP),
        (pa.array([{"a": 1}]), Type.STRING),
    ],
)
def test_a_wrong_type_is_the_file_s_fault(column: pa.Array, kind: Type) -> None:
    with pytest.raises(WrongTypeError):
        coerce(column, kind, from_text=False)


@given(st.integers(0, 12), st.integers(0, 12))
def test_slices_are_read_at_their_place(start: int, length: int) -> None:
    texts = [f"2013-01-{day:02d}" for day in range(1, 13)]
    whole = _text(list(texts), Type.TIMESTAMP)
    part = pa.array(texts).slice(start, length)
    assert _of(part, Type.TIMESTAMP, from_text=True) == whole[start : start + length]
