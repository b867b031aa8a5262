"""Rows into values of records: all of them, in order, none too large for a log."""

from __future__ import annotations

import math

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.arrow import KNOWN_AT, OFFSET
from gapless.errors import InputError
from gapless.events.intake import Intake
from gapless.events.payload import ARROW, FORMAT, JSON, pack_batch, pack_rows
from gapless.ports.events import MAX_EVENTS, MAX_RECORD_BYTES
from tests.events.clicks import START, arrow_values, as_batch, clicks, json_values, records, shown

SOURCE = clicks(event_id=None)

_rows = st.lists(
    st.fixed_dictionaries(
        {"at": st.integers(START - 10**15, START + 10**15)},
        optional={
            "id": st.none() | st.text(),
            "page": st.none() | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
            "x": st.none() | st.floats(),
            "n": st.none() | st.integers(-(2**53), 2**53),
            "new": st.none() | st.booleans(),
            KNOWN_AT: st.integers(START - 10**15, START + 10**15),
        },
    ),
    max_size=12,
)


def _expected(rows):
    def whole(x):
        return x if x is not None and math.isfinite(x) else None

    return [
        {name: whole(row.get(name)) if name == "x" else row.get(name) for name in SOURCE.columns}
        | {KNOWN_AT: row.get(KNOWN_AT, row["at"])}
        for row in rows
    ]


@pytest.mark.parametrize("values", [json_values, arrow_values], ids=["json", "arrow"])
@settings(deadline=None)
@given(_rows, st.integers(1, 5))
def test_rows_come_back_as_they_were(values, rows, each):
    taken = Intake(SOURCE, 0).take(records(values(SOURCE, rows, each=each)))
    assert (taken.rejected, taken.duplicates, taken.events) == ([], 0, len(rows))
    assert [{k: v for k, v in row.items() if k != OFFSET} for row in shown(taken.rows)] == _expected(rows)


def test_the_sign_of_a_zero_stays():
    rows = [{"x": -0.0, "at": START}]
    for values in (json_values, arrow_values):
        taken = Intake(SOURCE, 0).take(records(values(SOURCE, rows)))
        assert str(taken.rows.column("x")[0]) == "-0.0"


@pytest.mark.parametrize("format", [JSON, ARROW])
def test_values_are_cut_to_what_a_log_takes(format):
    rows = [{"id": f"i{i}", "page": "p" * (i % 2000), "at": START + i} for i in range(2_000)]
    packed = pack_batch(SOURCE, as_batch(SOURCE, rows)) if format == ARROW else pack_rows(SOURCE, rows, [0] * 2_000)
    assert {headers[FORMAT] for _, headers in packed} == {format}
    assert all(len(value) <= MAX_RECORD_BYTES for value, _ in packed)
    assert 2 < len(packed) < 8
    taken = Intake(SOURCE, 0).take(records(packed))
    assert taken.rows.column("id").to_pylist() == [row["id"] for row in rows]


def test_a_record_has_no_more_events_than_places():
    count = MAX_EVENTS + 3
    empty = clicks(event_id=None)
    batch = as_batch(empty, [{"at": START}]).take(pa.array([0] * count))
    packed = pack_batch(empty, batch)
    taken = Intake(empty, 0).take(records(packed))
    assert taken.events == taken.rows.num_rows == count
    tiny = msgspec.json.decode(pack_rows(empty, [{}] * 10, [0] * 10)[0][0])
    assert tiny == [{KNOWN_AT: 0}] * 10
    assert sum(len(msgspec.json.decode(value)) for value, _ in pack_rows(empty, [{}] * count, [1] * count)) == count


def test_a_row_that_no_record_holds_is_said():
    row = {"page": "x" * MAX_RECORD_BYTES, "at": START}
    with pytest.raises(InputError, match="too large for the log"):
        pack_rows(SOURCE, [row], [START])
    with pytest.raises(InputError, match="too large for the log"):
        pack_batch(SOURCE, as_batch(SOURCE, [row, row]))


def test_a_batch_without_a_column_is_said():
    with pytest.raises(InputError, match="lacks columns"):
        pack_batch(SOURCE, as_batch(SOURCE, [{"at": START}]).drop_columns([KNOWN_AT]))


def test_no_rows_are_no_records():
    assert pack_rows(SOURCE, [], []) == []
    assert pack_batch(SOURCE, as_batch(SOURCE, [])) == []
