"""Rows in, rows out: every format, counted once, offsets dense, bad rows set aside."""

from __future__ import annotations

import gzip
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.adapters.delta import DeltaStore
from gapless.ingest import ingest
from tests.ingest.sources import departures, facts, flights, quarantined, rows


def _csv(table: pa.Table, path: Path) -> Path:
    text = table.set_column(5, "at", table["at"].cast(pa.string()))
    pacsv.write_csv(text, path)
    return path


def _jsonl(table: pa.Table, path: Path) -> Path:
    lines = [json.dumps(row | {"at": row["at"].isoformat()}) for row in table.to_pylist()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _parquet(table: pa.Table, path: Path) -> Path:
    pq.write_table(table, path, row_group_size=33)
    return path


def _as_format(form: str, table: pa.Table, folder: Path) -> Any:
    path = folder / f"flights.{form}"
    make = {
        "parquet": lambda: _parquet(table, path),
        "csv": lambda: _csv(table, path),
        "jsonl": lambda: _jsonl(table, path),
        "csv.gz": lambda: _packed(_csv(table, folder / "plain.csv"), path),
        "jsonl.gz": lambda: _packed(_jsonl(table, folder / "plain.jsonl"), path),
        "pandas": lambda: table.to_pandas(),
        "table": lambda: table,
        "reader": lambda: table.to_reader(7),
        "batch": lambda: table.combine_chunks().to_batches()[0],
    }
    return make[form]()


def _packed(path: Path, packed: Path) -> Path:
    packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    return packed


_FORMS = ["parquet", "csv", "jsonl", "csv.gz", "jsonl.gz", "pandas", "table", "reader", "batch"]


@pytest.mark.parametrize("event_id", [None, "flight"])
@pytest.mark.parametrize("form", _FORMS)
def test_every_format_gives_the_same_table(form: str, event_id: str | None, tmp_path: Path) -> None:
    table = flights(count=200)
    source = departures(event_id=event_id, delay="20m")
    store = DeltaStore(tmp_path / "store")
    report = ingest(store, source, _as_format(form, table, tmp_path))
    assert (report.rows_read, report.rows_added, report.repeated, report.version) == (200, 200, False, 0)
    found = store.read("sources/departures").read_all()
    assert found.column("_offset").to_pylist() == list(range(200))
    late = [at + timedelta(minutes=20) for at in table.column("at").to_pylist()]
    assert found.column("_known_at").to_pylist() == late
    assert found.drop_columns(["_offset", "_known_at"]).to_pylist() == table.to_pylist()
    assert store.tables() == ["sources/departures"]


@pytest.mark.parametrize("form", _FORMS)
def test_the_same_content_counts_once(form: str, tmp_path: Path) -> None:
    store, source = DeltaStore(tmp_path / "store"), departures()
    first = ingest(store, source, _as_format(form, flights(), tmp_path), name="monday")
    again = ingest(store, source, _as_format(form, flights(), tmp_path), name="tuesday")
    assert (again.repeated, again.rows_read, again.rows_added, again.batch_id) == (True, 0, 0, first.batch_id)
    assert store.stats("sources/departures").rows == 100


def test_known_at_can_be_a_column(tmp_path: Path) -> None:
    table = flights(count=3).append_column("seen", pa.array([10**15, None, 10**15 + 1], pa.timestamp("us")))
    report = ingest(DeltaStore(tmp_path), departures(known_at="seen"), table)
    assert report.reasons == {"null_known_at": 1}
    assert [row["_known_at"] for row in rows(tmp_path)] == [row["seen"] for row in rows(tmp_path)]


def test_without_either_a_row_is_known_as_it_happens(tmp_path: Path) -> None:
    ingest(DeltaStore(tmp_path), departures(), flights(count=3))
    assert all(row["_known_at"] == row["at"] for row in rows(tmp_path))


def test_offsets_go_on_over_files_and_gaps(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    spoil = {3: {"at": None}, 12: {"at": None}}
    for first in (0, 10, 20):
        ingest(store, departures(), flights(first, 10, change=lambda i: spoil.get(i, {})))
    assert [row["_offset"] for row in rows(tmp_path)] == list(range(28))
    assert facts(tmp_path) == [("null_event_time", "at", 4), ("null_event_time", "at", 3)]


def test_a_bad_row_is_found_again_in_the_quarantine(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "flight,origin,delay,seats,late,at,gate\n"
        "f1,JFK,1.5,100,true,2013-01-01T05:00:00Z,B1\n"
        "f2,JFK,soon,100,true,2013-01-01T05:01:00Z,B2\n"
        "f3,JFK,1.5\n"
        "\n"
        "f4,JFK,1.5,100.5,true,2013-01-01T05:02:00Z,B3\n"
        'f5,"J\nFK",nan,100.0,,2013-01-01 05:03,B4\n'
        "f6,JFK,1.5,100,true,,B5\n",
        encoding="utf-8",
    )
    report = ingest(DeltaStore(tmp_path / "s"), departures(event_id="flight"), path, name="a.csv")
    assert (report.rows_read, report.rows_added, report.rows_quarantined, report.rows_duplicate) == (6, 2, 4, 0)
    assert report.extra_columns == ("gate",)
    assert report.reasons == {"not_a_number": 1, "not_whole": 1, "null_event_time": 1, "wrong_number_of_fields": 1}
    assert sorted(facts(tmp_path / "s"), key=lambda fact: fact[2]) == [
        ("not_a_number", "delay", 2),
        ("wrong_number_of_fields", None, 3),
        ("not_whole", "seats", 4),
        ("null_event_time", "at", 6),
    ]
    by_number = {row["row_number"]: row for row in quarantined(tmp_path / "s")}
    assert json.loads(by_number[2]["row"]) == {
        "flight": "f2",
        "origin": "JFK",
        "delay": "soon",
        "seats": "100",
        "late": "true",
        "at": "2013-01-01T05:01:00Z",
    }
    assert json.loads(by_number[3]["row"]) == "f3,JFK,1.5"
    assert {row["file"] for row in by_number.values()} == {"a.csv"}
    assert {row["batch_id"] for row in by_number.values()} == {report.batch_id}
    assert rows(tmp_path / "s")[1]["origin"] == "J\nFK"
    assert rows(tmp_path / "s")[1]["delay"] is None


def test_json_lines_say_line_by_line_what_is_wrong(tmp_path: Path) -> None:
    good = {"flight": "f", "origin": "JFK", "delay": 1, "seats": 3.0, "late": False, "at": "2013-01-01"}
    lines = [
        json.dumps(good),
        "",
        "null",
        json.dumps(good | {"flight": 7}),
        "{",
        json.dumps(good | {"delay": float("nan"), "gate": "B2"}),
        json.dumps(good | {"delay": "2.5"}),
        json.dumps(good | {"delay": [1]}),
        json.dumps(good | {"seats": 10**20}),
        json.dumps(good | {"at": 1356998400}),
        json.dumps(good | {"late": 1}),
        '{"flight": "\\ud800", "at": "2013-01-01"}',
        json.dumps({"flight": "g", "at": "2013-01-02"}),
        "[" * 100_000,
        '{"flight": "deep", "at": "2013-01-01", "x": ' + "[" * 100_000,
    ]
    raw = "\n".join(lines).encode() + b'\n{"flight": "\xff", "at": "2013-01-01"}\r\n'
    report = ingest(DeltaStore(tmp_path), departures(), io.BytesIO(raw), format="jsonl", name="a.jsonl")
    assert report.rows_read == 15
    assert report.rows_added == 4
    assert sorted(facts(tmp_path), key=lambda fact: fact[2]) == [
        ("not_an_object", None, 3),
        ("not_a_string", "flight", 4),
        ("not_json", None, 5),
        ("not_a_number", "delay", 8),
        ("not_exact", "seats", 9),
        ("not_a_timestamp", "at", 10),
        ("not_a_boolean", "late", 11),
        ("invalid_utf8", "flight", 12),
        ("not_json", None, 14),
        ("not_json", None, 15),
        ("invalid_utf8", None, 16),
    ]
    assert [row["delay"] for row in rows(tmp_path)] == [1.0, None, 2.5, None]
    assert [row["seats"] for row in rows(tmp_path)] == [3, 3, 3, None]
    assert all(json.loads(row["row"]) is not ... for row in quarantined(tmp_path))
    assert report.extra_columns == ("gate",)


def test_types_that_nearly_fit_are_taken_exactly(tmp_path: Path) -> None:
    table = pa.table(
        {
            "flight": pa.array(["a", "b", "c"], pa.large_string()),
            "origin": pa.array(["x", None, "x"]).dictionary_encode(),
            "delay": pa.array([1, 2**53 + 1, 3], pa.int64()),
            "seats": pa.array([1.0, 2.0, 2.5]),
            "late": pa.array([None, None, None]),
            "at": pa.array([1, 2, 3], pa.timestamp("s", "America/New_York")),
        }
    )
    report = ingest(DeltaStore(tmp_path), departures(), table)
    assert report.reasons == {"not_exact": 1, "not_whole": 1}
    assert rows(tmp_path)[0] == {
        "flight": "a",
        "origin": "x",
        "delay": 1.0,
        "seats": 1,
        "late": None,
        "at": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        "_known_at": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        "_offset": 0,
    }


def test_pandas_with_nanoseconds_objects_and_an_index(tmp_path: Path) -> None:
    frame = flights(count=20).to_pandas()
    frame["at"] = frame["at"].astype("datetime64[ns, UTC]")
    frame["flight"] = frame["flight"].astype(object)
    frame.index = pd.Index([f"row {i}" for i in range(20)], name="label")
    report = ingest(DeltaStore(tmp_path), departures(), frame)
    assert report.rows_added == 20
    assert [row["at"] for row in rows(tmp_path)] == flights(count=20)["at"].to_pylist()


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _jsonl(flights(count=5), tmp_path / "a.jsonl")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    report = ingest(DeltaStore(tmp_path / "s"), departures(), "-", format="jsonl")
    assert (report.rows_added, report.name) == (5, "standard input")
    assert ingest(DeltaStore(tmp_path / "s"), departures(), path).repeated


def test_no_rows_are_fine(tmp_path: Path) -> None:
    for i, data in enumerate((flights(count=0), _csv(flights(count=0), tmp_path / "e.csv"))):
        report = ingest(DeltaStore(tmp_path / str(i)), departures(event_id="flight"), data)
        assert (report.rows_read, report.rows_added, report.version) == (0, 0, 0)
        assert rows(tmp_path / str(i)) == []


def test_progress_counts_up_to_all_rows(tmp_path: Path) -> None:
    for event_id in (None, "flight"):
        seen: list[int] = []
        table = flights(count=300_000 // 100)
        big = pa.concat_tables([table] * 100)
        store = DeltaStore(tmp_path / str(event_id))
        report = ingest(store, departures(event_id=event_id), big, progress=seen.append)
        assert (report.rows_added, report.rows_duplicate) == ((3_000, 297_000) if event_id else (300_000, 0))
        assert seen == sorted(seen)
        assert seen[-1] == 300_000
        assert len(seen) >= 3


def test_separators_are_found_in_the_header(tmp_path: Path) -> None:
    for i, separator in enumerate(";\t|"):
        path = tmp_path / f"{i}.csv"
        lines = ["flight,origin,delay,seats,late,at", f"f{i},JFK,1.5,3,true,2013-01-01"]
        path.write_text("\ufeff" + "\n".join(lines).replace(",", separator))
        assert ingest(DeltaStore(tmp_path / "s"), departures(), path).rows_added == 1


def test_events_count_once_per_id(tmp_path: Path) -> None:
    store, source = DeltaStore(tmp_path), departures(event_id="flight")
    ingest(store, source, flights(0, 10))
    changed = flights(5, 10, change=lambda i: {"delay": 99.0} if i in (6, 12) else {})
    twice = pa.concat_tables([changed, flights(12, 2), flights(12, 1)])
    report = ingest(store, source, twice, name="second")
    assert (report.rows_read, report.rows_added, report.rows_duplicate) == (13, 5, 5)
    assert report.reasons == {"event_id_conflict": 3}
    assert [row["flight"] for row in rows(tmp_path)] == [f"f{i:06d}" for i in range(15)]
    assert rows(tmp_path)[12]["delay"] == 99.0, "the first of them wins"
    assert facts(tmp_path) == [("event_id_conflict", "flight", number) for number in (2, 11, 13)]


def test_ids_may_be_integers(tmp_path: Path) -> None:
    store, source = DeltaStore(tmp_path), departures(event_id="seats")
    change = lambda i: {"seats": i}  # noqa: E731
    ingest(store, source, flights(0, 10, change=change))
    report = ingest(store, source, flights(5, 10, change=change))
    assert (report.rows_added, report.rows_duplicate) == (5, 5)


def test_an_event_without_its_id_is_set_aside(tmp_path: Path) -> None:
    report = ingest(
        DeltaStore(tmp_path), departures(event_id="flight"), flights(0, 5, change=lambda i: {"flight": None})
    )
    assert report.reasons == {"null_event_id": 5}
    assert report.rows_added == 0


_EVENTS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from([0.0, -0.0, 1.0, None])), max_size=25)


@settings(max_examples=15)
@given(files=st.lists(_EVENTS, min_size=1, max_size=4))
def test_exactly_once_against_a_dictionary(
    files: list[list[tuple[int, float | None]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("once")
    store, source = DeltaStore(root), departures(event_id="flight")
    first: dict[int, str] = {}
    for place, events in enumerate(files):
        table = pa.Table.from_pylist([_event(*event) for event in events], flights().schema)
        report = ingest(store, source, table, name=f"file {place}")
        counts = {"new": 0, "repeat": 0, "conflict": 0}
        for number, delay in events:
            known = first.setdefault(number, "")
            first[number] = known or repr(delay)
            counts["repeat" if known == repr(delay) else "conflict" if known else "new"] += 1
        if not report.repeated:
            assert (report.rows_added, report.rows_duplicate) == (counts["new"], counts["repeat"])
            assert report.reasons.get("event_id_conflict", 0) == counts["conflict"]
    assert [(row["flight"], repr(row["delay"])) for row in rows(root)] == [(f"id{k}", v) for k, v in first.items()]


def _event(number: int, delay: float | None) -> dict[str, Any]:
    return {"flight": f"id{number}", "origin": "JFK", "delay": delay, "seats": 1, "late": None, "at": 10**15}
