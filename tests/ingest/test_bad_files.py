"""A file that cannot be taken in says what is wrong, what to do, and leaves nothing behind."""

from __future__ import annotations

import errno
import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gapless.adapters.delta import DeltaStore
from gapless.errors import GaplessError, InputError, StorageError
from gapless.ingest import ingest
from gapless.testing.faults import FailAt
from tests.ingest.sources import departures, flights

_HEADER = "flight,origin,delay,seats,late,at\n"
_ROW = "f1,JFK,1.5,3,true,2013-01-01\n"


def _refused(data: Any, folder: Path, *says: str, kind: type[GaplessError] = InputError, **options: Any) -> None:
    store = DeltaStore(folder / "store")
    with pytest.raises(kind) as caught:
        ingest(store, departures(event_id="flight"), data, **options)
    for words in says:
        assert words in str(caught.value)
    assert store.tables() == []
    assert not list((folder / "store").rglob("*.parquet"))


def _file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _parquet(folder: Path, table: pa.Table | None = None) -> Path:
    pq.write_table(flights() if table is None else table, folder / "a.parquet")
    return folder / "a.parquet"


def test_no_such_file(tmp_path: Path) -> None:
    _refused(tmp_path / "none.csv", tmp_path, "no such file", "none.csv", f"look at what is in {tmp_path}")


def test_a_folder(tmp_path: Path) -> None:
    _refused(tmp_path, tmp_path, "a folder, where files are taken", "name a file")
    _parquet(tmp_path)
    _refused(tmp_path, tmp_path, f"name its files: {tmp_path}/*.parquet")


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
def test_an_empty_file(name: str, tmp_path: Path) -> None:
    _refused(_file(tmp_path, name, ""), tmp_path, "the file is empty: 0 bytes", name)


def test_an_ending_that_says_nothing(tmp_path: Path) -> None:
    _refused(_file(tmp_path, "a.xlsx", "x"), tmp_path, ".xlsx", "parquet, csv, jsonl", "--format")
    _refused(_file(tmp_path, "a", "x"), tmp_path, "(no ending)")
    _refused(_file(tmp_path, "a.csv", "x"), tmp_path, "seen:    excel", format="excel")


def test_a_stream_that_does_not_say_what_it_is(tmp_path: Path) -> None:
    _refused(io.BytesIO(b"x"), tmp_path, "a stream does not say its format", "--format")
    _refused(io.BytesIO(b""), tmp_path, "0 bytes", format="csv")


def test_something_else(tmp_path: Path) -> None:
    _refused(42, tmp_path, "nothing that rows can be read from", "int", "DataFrame")


@pytest.mark.parametrize("kept", [4, 100, -8, -1])
def test_a_parquet_file_cut_short(kept: int, tmp_path: Path) -> None:
    path = _parquet(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    _refused(path, tmp_path, "not a whole Parquet file", "a.parquet", "nothing was taken in")


def test_a_parquet_file_with_a_hole(tmp_path: Path) -> None:
    path = _parquet(tmp_path, flights(count=5_000))
    data = bytearray(path.read_bytes())
    data[200:4_000] = b"\xff" * 3_800
    path.write_bytes(data)
    _refused(path, tmp_path, "not a whole Parquet file")


def test_another_format_under_the_name_of_parquet(tmp_path: Path) -> None:
    _refused(_file(tmp_path, "a.parquet", _HEADER + _ROW), tmp_path, "not a whole Parquet file", "its true format")


def test_a_missing_column_is_guessed(tmp_path: Path) -> None:
    renamed = flights().rename_columns(["Flight", "origin", "delays", "seats", "late", "at"])
    for data in (renamed, _parquet(tmp_path, renamed)):
        _refused(
            data,
            tmp_path,
            "columns of the schema: flight, delay",
            "'flight' looks like 'Flight'",
            "'delay' looks like 'delays'",
        )
    _refused(
        flights().drop_columns(["late"]), tmp_path, "lacks a column of the schema: late", "take it out of the schema"
    )
    _refused(_file(tmp_path, "b.csv", "flight,origin\nf,o\n"), tmp_path, "delay, seats, late, at", "b.csv")
    _refused(_file(tmp_path, "b.jsonl", '{"flight":"f"}\n'), tmp_path, "lacks columns of the schema: origin, delay")


def test_a_column_that_is_there_twice(tmp_path: Path) -> None:
    text = _HEADER.replace("\n", ",at\n") + _ROW
    _refused(_file(tmp_path, "a.csv", text), tmp_path, "more than once", "at")


def test_a_column_of_a_wrong_type(tmp_path: Path) -> None:
    lists = flights(count=2).set_column(2, "delay", pa.array([[1.0], [2.0]]))
    _refused(lists, tmp_path, "column 'delay' cannot be read as float", "list", "a float, integer or decimal column")
    texts = flights(count=2).set_column(5, "at", pa.array(["2013-01-01"] * 2))
    _refused(texts, tmp_path, "column 'at' cannot be read as timestamp", "seen:    string")


def test_a_frame_with_mixed_values_in_a_column(tmp_path: Path) -> None:
    frame = flights(count=2).to_pandas()
    frame["origin"] = [1, "a"]
    _refused(frame, tmp_path, "a column of mixed types", "origin")


def test_text_that_is_not_utf_8(tmp_path: Path) -> None:
    _refused(_file(tmp_path, "a.csv", (_HEADER + _ROW).encode("utf-16")), tmp_path, "not UTF-8 text", "a.csv")


def test_a_quote_that_is_never_closed(tmp_path: Path) -> None:
    text = _HEADER + _ROW + 'f2,"JFK,1.5,3,true,2013-01-01\n' + _ROW * 300_000
    _refused(_file(tmp_path, "a.csv", text), tmp_path, "a row longer than 4 MiB", 'a quote (") that is opened')


def test_what_a_short_unclosed_quote_swallows_is_in_the_quarantine(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.csv", _HEADER + _ROW + 'f2,"JFK,1.5,3,true,2013-01-01\n' + _ROW * 3)
    report = ingest(DeltaStore(tmp_path / "store"), departures(), path)
    assert (report.rows_added, report.reasons) == (1, {"wrong_number_of_fields": 1})
    swallowed = DeltaStore(tmp_path / "store").read("quarantine/departures").read_all().column("row")[0].as_py()
    assert swallowed.count("f1,JFK") == 3


def test_a_json_array(tmp_path: Path) -> None:
    _refused(_file(tmp_path, "a.json", '[{"flight": "f"}]'), tmp_path, "a JSON array", "jq -c '.[]'")


def test_a_packed_file_cut_short(tmp_path: Path) -> None:
    for name, words in (("a.csv.gz", "not a CSV file that can be read"), ("a.jsonl.gz", "cannot be read to its end")):
        packed = gzip.compress((_HEADER + _ROW * 10_000).encode())[:-20]
        _refused(_file(tmp_path, name, packed), tmp_path, words, name)


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.csv", _HEADER + _ROW)

    def change(rows_done: int) -> None:
        path.write_text(_HEADER + _ROW + _ROW.replace("f1", "f2"))

    _refused(path, tmp_path, "the file changed while it was read", "nothing was taken in", progress=change)


def test_a_full_disk(tmp_path: Path) -> None:
    full = FailAt("writing", OSError(errno.ENOSPC, "No space left on device"))
    store = DeltaStore(tmp_path / "store", fault=full)
    with pytest.raises(StorageError, match="nothing was half written"):
        ingest(store, departures(), flights())
    assert DeltaStore(tmp_path / "store").tables() == []
    assert ingest(DeltaStore(tmp_path / "store"), departures(), flights()).rows_added == 100


def test_a_full_temporary_folder(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.ENOSPC, "No space left on device")

    _refused(Full(b"x"), tmp_path, "the temporary folder cannot be written", "TMPDIR", kind=StorageError, format="csv")
