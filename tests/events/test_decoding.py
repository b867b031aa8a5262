"""Values of records by the rules of ingest, whichever way they are read; no bytes do harm."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.adapters.delta import DeltaStore
from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP
from gapless.events.intake import Intake
from gapless.events.payload import ARROW, FORMAT, JSON
from gapless.ingest import ingest
from gapless.ports.events import MAX_EVENTS
from gapless.ports.places import place_of
from tests.events.clicks import START, clicks, foreign, json_values, records, shown

SOURCE = clicks(event_id=None)

_AWKWARD = {
    "id": ["a", "", None, 7, True, ["l"], "\ud800", "é\n"],
    "page": ["home", None, "🛫", {"a": 1}, " NA "],
    "x": [
        1,
        1.5,
        -0.0,
        "2.5",
        " 3 ",
        "soon",
        "nan",
        None,
        True,
        2**53 + 1,
        10**25,
        1e308,
        [1],
        "",
        "null",
        float("nan"),
    ],
    "n": [1, 1.0, 1.5, "7", "8.0", "1e3", 2**53, 2**53 + 1, 2**64, 10**30, "x", None, False, float("inf")],
    "new": [True, False, None, "true", " FALSE ", "yes", 1, 0.0],
    "at": [
        *("2024-02-29", "2024-02-30", "2024-01-01T10:00:00.123456+02:00", "2024-01-01 10:00", "1500-01-01", None, ""),
        *("2024-01-01T00:00:00.1234567Z", 1_700_000_000_000_000, 1.5, True, "now", " 2024-01-01 ", "2300-01-01"),
    ],
}
_PLAIN = {"id": "a", "page": "home", "x": 1.5, "n": 3, "new": True, "at": "2024-01-01T10:00:00Z"}


def _awkward(seed, count, *, share=0.4):
    draw = random.Random(seed)

    def row(i):
        values = {name: draw.choice(_AWKWARD[name]) if draw.random() < share else _PLAIN[name] for name in _PLAIN}
        kept = {name: value for name, value in values.items() if draw.random() < 0.9}
        return kept | ({"other": i} if draw.random() < 0.2 else {})

    return [row(i) for i in range(count)]


def _facts(taken):
    return [(each.place, each.reason, each.column) for each in taken.rejected]


def _without_times(batch):
    return [{k: v for k, v in row.items() if k not in (KNOWN_AT, OFFSET)} for row in shown(batch)]


@pytest.mark.parametrize("share", [0.02, 0.4])
@pytest.mark.parametrize("seed", range(8))
def test_foreign_json_is_what_ingest_makes_of_it(seed, share, tmp_path):
    lines = [json.dumps(row).encode() for row in _awkward(seed, 300, share=share)]
    lines += [b"", b"null", b"[1", b'{"id": "\xff"}', b'{"at"', b"12", b'"text"', b"{} {}", b"{" * 5_000]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(lines))
    store = DeltaStore(tmp_path / "store")
    report = ingest(store, SOURCE, tmp_path / "rows.jsonl")
    taken = Intake(SOURCE, 0).take(records(foreign(*lines)))
    blank = 1  # an empty line is nothing, an empty record is a bad one
    assert taken.events == len(lines) == report.rows_read + blank
    table = store.read("sources/clicks").read_all().combine_chunks()
    assert _without_times(taken.rows) == _without_times(table.to_batches()[0])
    aside = store.read("quarantine/clicks").read_all().to_pylist()
    expected = sorted((place_of(row["row_number"] - 1), row["reason"], row["column"]) for row in aside)
    assert [fact for fact in _facts(taken) if fact[0] != place_of(300)] == expected
    texts = {place_of(row["row_number"] - 1): row["row"] for row in aside}
    found = {each.place: each.text for each in taken.rejected if each.place != place_of(300)}
    assert found == {place: text if len(text) <= 4_000 else json.dumps(text[:4_000]) for place, text in texts.items()}


@pytest.mark.parametrize("seed", range(4))
def test_objects_and_arrays_of_objects_are_the_same_rows(seed):
    rows = _awkward(seed, 100)
    one = Intake(SOURCE, 0).take(records(foreign(*rows)))
    draw, arrays, at = random.Random(seed), [], 0
    where = {}
    while at < len(rows):
        count = draw.randint(0, 9)
        where |= {place_of(len(arrays), i): place_of(at + i) for i in range(min(count, len(rows) - at))}
        arrays.append(rows[at : at + count])
        at += count
    many = Intake(SOURCE, 0).take(records(foreign(*arrays)))
    assert [(where[place], *rest) for place, *rest in _facts(many)] == _facts(one)
    assert _without_times(many.rows) == _without_times(one.rows)
    assert [where[place] for place in many.rows.column(OFFSET).to_pylist()] == one.rows.column(OFFSET).to_pylist()


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_both_ways_of_reading_give_the_same(seed, own):
    """A key that nobody asked for, with a NaN, sends a record the slow way."""
    rows = _awkward(seed, 200, share=0.05)
    for i, row in enumerate(rows):
        if own and "at" in row and i % 7:
            row["at"] = [START + i, -START, 10**18, 10**19, -(10**30)][i % 40 if i % 40 < 5 else 0]
        row |= {} if i % 3 else {KNOWN_AT: [START, 10**17, 10**22, None, "2020-01-01", "soon", 1.5, True][i // 3 % 8]}
    headers = {FORMAT: JSON} if own else {}
    fast = [(json.dumps(row).encode(), headers) for row in rows]
    slow = [(json.dumps(row | {"zz": float("nan")}).encode(), headers) for row in rows]
    one, other = Intake(SOURCE, 0).take(records(fast)), Intake(SOURCE, 0).take(records(slow))
    assert one.rows.equals(other.rows)
    assert _facts(one) == _facts(other)
    assert one.rows.num_rows > 60
    assert len(one.rejected) > 20


def test_times_of_gapless_are_microseconds_and_those_of_others_texts():
    value = json.dumps({"id": "a", "at": START})
    assert _facts(Intake(SOURCE, 0).take(records(foreign(value.encode())))) == [(0, "not_a_timestamp", "at")]
    own = Intake(SOURCE, 0).take(records([(value.encode(), {FORMAT: JSON})]))
    assert shown(own.rows)[0]["at"] == START


@pytest.mark.parametrize(
    ("stamp", "reason"),
    [
        ("soon", "not_a_timestamp"),
        (1.5, "not_a_timestamp"),
        (True, "not_a_timestamp"),
        ([1], "not_a_timestamp"),
        (10**17, "timestamp_out_of_range"),
        (-(10**40), "timestamp_out_of_range"),
    ],
)
def test_a_malformed_stamp_is_a_fault(stamp, reason):
    rows = [{"id": "a", "at": "2024-01-01", KNOWN_AT: stamp}, {"id": "b", "at": "2024-01-01", KNOWN_AT: 7}]
    taken = Intake(SOURCE, 0).take(records(foreign(*rows)))
    assert _facts(taken) == [(0, reason, KNOWN_AT)]
    assert shown(taken.rows)[0][KNOWN_AT] == 7


def _stream(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes(), {FORMAT: ARROW}


def _typed(kind):
    """A table of 20 good and bad rows in one of several sets of types that all are read."""
    at = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=i) for i in range(20)]
    whole = [None if i == 3 else 2**53 + 1 if i == 4 and kind else i for i in range(20)]
    ids = [f"f{i}" for i in range(20)]
    return pa.table(
        {
            "id": pa.array(ids, [pa.string(), pa.large_string(), pa.string()][kind]),
            "page": pa.array(["a", None] * 10).dictionary_encode() if kind else pa.array([None] * 20, pa.null()),
            "x": pa.array(whole, [pa.float64(), pa.int64(), pa.uint64()][kind]),
            "n": pa.array(
                [1.5 if i == 7 else 2.0 for i in range(20)], [pa.float64(), pa.float32(), pa.float64()][kind]
            ),
            "new": pa.array([None, True] * 10),
            "at": pa.array([None if i == 9 else x for i, x in enumerate(at)], pa.timestamp(["us", "ns", "ms"][kind])),
            "more": pa.array([[1]] * 20),
        }
    )


@pytest.mark.parametrize("kind", range(3))
def test_arrow_is_what_ingest_makes_of_parquet(kind, tmp_path):
    table = _typed(kind)
    pq.write_table(table, tmp_path / "rows.parquet")
    store = DeltaStore(tmp_path / "store")
    ingest(store, SOURCE, tmp_path / "rows.parquet")
    taken = Intake(SOURCE, 0).take(records([_stream(table.slice(0, 8)), _stream(table.slice(8))]))
    expected = store.read("sources/clicks").read_all().combine_chunks().to_batches()[0]
    assert _without_times(taken.rows) == _without_times(expected)
    aside = store.read("quarantine/clicks").read_all().to_pylist()
    at = {i + 1: place_of(0, i) if i < 8 else place_of(1, i - 8) for i in range(20)}
    assert _facts(taken) == sorted((at[row["row_number"]], row["reason"], row["column"]) for row in aside)


def test_arrow_of_many_types_and_json_among_it_keep_the_order_of_the_log():
    values = [_stream(_typed(i % 3).slice(i, 2)) for i in range(6)]
    values.insert(2, foreign({"id": "j", "at": "2024-01-01"})[0])
    values.insert(5, json_values(SOURCE, [{"id": "k", "at": START}])[0])
    taken = Intake(SOURCE, 0).take(records(values))
    places = taken.rows.column(OFFSET).to_pylist()
    assert places == sorted(places)
    alone = [Intake(SOURCE, 0).take([record]) for record in records(values)]
    assert [row for one in alone for row in shown(one.rows)] == shown(taken.rows)
    assert [fact for one in alone for fact in _facts(one)] == _facts(taken)


def test_a_column_that_a_producer_does_not_know_is_null():
    table = pa.table({"at": pa.array([START], TIMESTAMP), "id": ["a"]})
    arrow = Intake(SOURCE, 0).take(records([_stream(table)]))
    plain = Intake(SOURCE, 0).take(records(foreign({"at": "2023-11-14T22:13:20Z", "id": "a"})))
    assert shown(arrow.rows) == shown(plain.rows)
    assert shown(arrow.rows)[0]["page"] is None
    lacking = Intake(clicks(), 0).take(records([_stream(pa.table({"page": ["a"]})), foreign({"page": "a"})[0]]))
    assert _facts(lacking) == [(0, "null_event_time", "at"), (place_of(1), "null_event_time", "at")]


def test_what_is_no_record_is_one_bad_row():
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["id", "id"])
    values = [
        (b"nonsense", {FORMAT: ARROW}),
        (b"", {FORMAT: ARROW}),
        _stream(pa.table({"at": ["2024-01-01", "2024-01-02"], "id": ["a", "b"]})),
        _stream(twice),
        (b"{}", {FORMAT: b"avro"}),
        (b"[{}, {]", {FORMAT: JSON}),
        (b"[" + b",".join([b"{}"] * (MAX_EVENTS + 1)) + b"]", {}),
        _stream(pa.table({"n": np.zeros(MAX_EVENTS + 1)})),
        (b"[NaN, 1]", {}),
        (b"[{}, \xff]", {}),
        (b"[[", {}),
    ]
    taken = Intake(SOURCE, 0).take(records(values))
    assert [(place >> 16, reason, column) for place, reason, column in _facts(taken)] == [
        (0, "not_arrow", None),
        (1, "not_arrow", None),
        (2, "wrong_type", "at"),
        (3, "not_arrow", None),
        (4, "unknown_format", None),
        (5, "not_json", None),
        (6, "too_many_events", None),
        (7, "too_many_events", None),
        (8, "not_an_object", None),
        (8, "not_an_object", None),
        (9, "not_json", None),
        (10, "not_json", None),
    ]
    assert all(isinstance(json.loads(each.text), (str, int, dict)) or each.text == "NaN" for each in taken.rejected)


def test_an_empty_array_is_no_event():
    taken = Intake(SOURCE, 0).take(records(foreign([], b" [ ] ", b"\xef\xbb\xbf[]", b"[ \n]")))
    assert (taken.events, taken.rejected, taken.end) == (0, [], 4)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=60), st.sampled_from([{}, {FORMAT: JSON}, {FORMAT: ARROW}])), max_size=6))
def test_no_bytes_raise(values):
    taken = Intake(clicks(), 0).take(records(values))
    assert taken.events == taken.rows.num_rows + len(taken.rejected) + taken.duplicates


@pytest.mark.parametrize("seed", range(300))
def test_damaged_arrow_does_no_harm(seed):
    draw = random.Random(seed)
    good, headers = _stream(_typed(seed % 3))
    bad = bytearray(good)
    for _ in range(draw.randint(1, 6)):
        bad[draw.randrange(len(bad))] = draw.randrange(256)
    if draw.random() < 0.3:
        del bad[draw.randrange(len(bad)) :]
    taken = Intake(clicks(), 0).take(records([(bytes(bad), headers), foreign({"id": "z", "at": "2024-01-01"})[0]]))
    assert taken.rows.column("id")[-1].as_py() == "z"
    taken.rows.validate(full=True)
