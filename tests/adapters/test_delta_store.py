"""What the Delta adapter says when the disk, the log or the table is not as it should be."""

from __future__ import annotations

import errno
import json
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError

from gapless.adapters.delta import DeltaStore
from gapless.adapters.delta.files import Sizes
from gapless.errors import CorruptData, InputError, SettingsError, StorageError, Transient
from gapless.ports.offline import TimeRange
from gapless.testing.faults import FailAt

_TABLE = "sources/t"


def _reader(rows: int = 5) -> pa.RecordBatchReader:
    return pa.table({"x": pa.array(range(rows), pa.int64())}).to_reader()


def _append(store: DeltaStore, batch_id: str, rows: int = 5) -> None:
    store.append(_TABLE, _reader(rows), batch_id=batch_id, offset_column="_offset")


@pytest.fixture
def small_files() -> Iterator[None]:
    """The kernel refuses to let a file of this process grow beyond 64 KiB, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def _wide() -> pa.RecordBatchReader:
    text = pa.array([f"{i * 2654435761 % 2**32:x}" * 4 for i in range(50_000)])
    return pa.table({"x": text}).to_reader(1_000)


def _left_behind(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file() and path.name != "lock")


def test_a_disk_that_takes_no_more_leaves_nothing(tmp_path: Path, small_files: None) -> None:
    store = DeltaStore(tmp_path, sizes=Sizes(rows_per_group=1_000))
    with pytest.raises(StorageError, match="nothing was half written") as caught:
        store.append("sources/w", _wide(), batch_id="a")
    assert "could not write rows" in str(caught.value)
    assert _left_behind(tmp_path) == []
    assert store.version("sources/w") is None


@pytest.mark.parametrize("point", ["noted", "writing", "written", "synced"])
def test_a_full_disk_at_any_point_leaves_nothing(point: str, tmp_path: Path) -> None:
    _append(DeltaStore(tmp_path), "a")
    before = _left_behind(tmp_path)
    failing = DeltaStore(tmp_path, fault=FailAt(point, OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(StorageError, match="free some space and run it again; nothing was half written"):
        _append(failing, "b")
    assert _left_behind(tmp_path) == before
    _append(DeltaStore(tmp_path), "b")
    assert DeltaStore(tmp_path).stats(_TABLE).rows == 10


def test_an_error_behind_the_commit_is_none(tmp_path: Path) -> None:
    failing = DeltaStore(tmp_path, fault=FailAt("committed", OSError(errno.EIO, "Input/output error")))
    _append(failing, "a")
    assert DeltaStore(tmp_path).stats(_TABLE).rows == 5


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a file is in the way") as caught:
        _append(DeltaStore(tmp_path / "file"), "a")
    assert str(tmp_path / "file") in str(caught.value)


def test_bucket_addresses_are_refused_in_words() -> None:
    with pytest.raises(SettingsError, match="local folder"):
        DeltaStore("s3://bucket/store")


def test_a_file_address_is_a_path(tmp_path: Path) -> None:
    _append(DeltaStore(f"file://{tmp_path}"), "a")
    assert DeltaStore(tmp_path).tables() == [_TABLE]


def _data_file(root: Path) -> Path:
    return next((root / _TABLE).glob("*.parquet"))


def test_a_data_file_that_is_gone_is_named(tmp_path: Path) -> None:
    _append(DeltaStore(tmp_path), "a")
    _data_file(tmp_path).unlink()
    with pytest.raises(CorruptData, match="no such file") as caught:
        DeltaStore(tmp_path).read(_TABLE).read_all()
    assert _TABLE in str(caught.value)


def test_a_data_file_cut_short_is_named(tmp_path: Path) -> None:
    _append(DeltaStore(tmp_path), "a")
    path = _data_file(tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CorruptData, match=path.name):
        DeltaStore(tmp_path).read(_TABLE).read_all()


def test_a_log_that_nobody_can_read_is_not_repaired_by_guessing(tmp_path: Path) -> None:
    _append(DeltaStore(tmp_path), "a")
    entry = tmp_path / _TABLE / "_delta_log" / f"{0:020d}.json"
    entry.write_text(entry.read_text()[:50])
    with pytest.raises(CorruptData, match="log cannot be read"):
        DeltaStore(tmp_path).version(_TABLE)


def test_deletion_vectors_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "sources" / "d"
    write_deltalake(path, pa.table({"x": [1, 2]}), configuration={"delta.enableDeletionVectors": "true"})
    with pytest.raises(InputError, match="deletion vectors"):
        DeltaStore(tmp_path).read("sources/d")


def test_column_mapping_is_refused_by_name(tmp_path: Path) -> None:
    _append(DeltaStore(tmp_path), "a")
    entry = tmp_path / _TABLE / "_delta_log" / f"{0:020d}.json"
    actions = [json.loads(line) for line in entry.read_text().splitlines()]
    for action in actions:
        if "protocol" in action:
            action["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
        if "metaData" in action:
            schema = json.loads(action["metaData"]["schemaString"])
            for number, column in enumerate(schema["fields"]):
                names = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"}
                column["metadata"] = names
            action["metaData"]["schemaString"] = json.dumps(schema)
            action["metaData"]["configuration"]["delta.columnMapping.mode"] = "name"
    entry.write_text("\n".join(map(json.dumps, actions)))
    with pytest.raises(InputError, match="column mapping"):
        DeltaStore(tmp_path).read(_TABLE)


def test_partitioned_tables_are_refused_by_name(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "sources" / "p", pa.table({"x": [1, 2], "day": ["a", "b"]}), partition_by=["day"])
    with pytest.raises(InputError, match=r"partition columns \(day\)"):
        DeltaStore(tmp_path).read("sources/p")


def test_a_table_of_somebody_else_is_read_and_continued(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "sources" / "f", pa.table({"x": [1, 2]}))
    write_deltalake(tmp_path / "sources" / "f", pa.table({"x": [3]}), mode="append")
    store = DeltaStore(tmp_path)
    store.append("sources/f", pa.table({"x": [4]}).to_reader(), batch_id="a")
    assert sorted(store.read("sources/f").read_all().column("x").to_pylist()) == [1, 2, 3, 4]
    assert store.stats("sources/f").rows == 4


def test_delta_readers_see_the_same_rows(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path, sizes=Sizes(rows_per_file=3, rows_per_group=2))
    _append(store, "a", 10)
    _append(store, "b", 10)
    table = DeltaTable(str(tmp_path / _TABLE))
    seen = pa.table(table.scan()).sort_by("_offset")
    assert seen.column("_offset").to_pylist() == list(range(20))
    assert table.metadata().configuration["delta.enableExpiredLogCleanup"] == "false"


def test_a_commit_of_somebody_else_in_between_is_no_lost_update(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    _append(store, "a")

    def meanwhile() -> Iterator[pa.RecordBatch]:
        foreign = pa.table({"x": pa.array([9], pa.int64()), "_offset": pa.array([5], pa.int64())})
        write_deltalake(tmp_path / _TABLE, foreign, mode="append")  # asks for no lock
        yield from _reader()

    reader = pa.RecordBatchReader.from_batches(pa.schema([("x", pa.int64())]), meanwhile())
    with pytest.raises(Transient, match="run it again; nothing was written"):
        store.append(_TABLE, reader, batch_id="b", offset_column="_offset")
    assert store.stats(_TABLE).rows == 6
    assert not store.has_batch(_TABLE, "b")


def test_two_commits_on_one_version_conflict_in_deltalake_itself(tmp_path: Path) -> None:
    """The belt under the lock: the version that a commit builds on is checked where it is written."""
    _append(DeltaStore(tmp_path), "a")
    stale = DeltaTable(str(tmp_path / _TABLE))
    _append(DeltaStore(tmp_path), "b")
    properties = CommitProperties(max_commit_retries=0, app_transactions=[Transaction("gapless.rows", 10)])
    with pytest.raises(DeltaError, match="commit"):
        stale.create_write_transaction([], "append", pa.schema([("x", pa.int64())]), commit_properties=properties)


def test_the_log_stays_fast_to_open(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path)
    for batch in range(101):
        _append(store, str(batch), 1)
    checkpoints = list((tmp_path / _TABLE / "_delta_log").glob("*.checkpoint*.parquet"))
    assert len(checkpoints) == 1
    assert store.has_batch(_TABLE, "0")
    assert store.has_batch(_TABLE, "100")
    assert store.read(_TABLE).read_all().column("_offset").to_pylist() == list(range(101))
    assert store.read(_TABLE, version=3).read_all().num_rows == 4


def test_files_and_row_groups_outside_a_range_are_not_opened(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path, sizes=Sizes(rows_per_file=4, rows_per_group=2))
    _append(store, "a", 20)
    for path in (tmp_path / _TABLE).glob("*.parquet"):
        if pq.read_metadata(path).row_group(0).column(0).statistics.min != 8:
            path.unlink()
    assert store.read(_TABLE, within=TimeRange("x", 9, 11)).read_all().column("x").to_pylist() == [9, 10]


def test_memory_of_a_read_does_not_grow_with_the_table(tmp_path: Path) -> None:
    store = DeltaStore(tmp_path, sizes=Sizes(rows_per_file=1_000_000, rows_per_group=1_000_000))
    _append(store, "a", 2_000_000)
    before = pa.total_allocated_bytes()
    high = 0
    for batch in store.read(_TABLE):
        high = max(high, pa.total_allocated_bytes() - before + 0 * batch.num_rows)
    assert high < 16 << 20
