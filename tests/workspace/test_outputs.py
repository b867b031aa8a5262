"""Result files are whole or not there."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gapless.errors import InputError, StorageError
from gapless.workspace.outputs import check_output, write_table

SCHEMA = pa.schema([("x", pa.float64())])


def reader(*, broken=False):
    def batches():
        yield pa.record_batch([pa.array([1.0, 2.0])], schema=SCHEMA)
        if broken:
            raise ValueError("the source broke")

    return pa.RecordBatchReader.from_batches(SCHEMA, batches())


@pytest.mark.parametrize("name", ["out.parquet", "deep/er/out.arrow"])
def test_writes_and_makes_folders(tmp_path, name):
    assert write_table(tmp_path / name, reader()) == 2
    assert [path.name for path in (tmp_path / name).parent.iterdir()] == [(tmp_path / name).name]


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.parquet"
    write_table(path, reader())
    with pytest.raises(ValueError, match="broke"):
        write_table(path, reader(broken=True))
    assert pq.read_table(path).num_rows == 2
    assert [p.name for p in tmp_path.iterdir()] == ["out.parquet"]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="nothing was half written"):
        write_table(tmp_path / "file" / "out.parquet", reader())


@pytest.mark.parametrize("name", ["out.csv", "out"])
def test_an_unknown_format_is_refused_before_any_work(tmp_path, name):
    with pytest.raises(InputError, match=r"\.parquet or \.arrow"):
        check_output(tmp_path / name)
