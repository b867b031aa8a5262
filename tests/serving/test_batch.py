"""A table of predictions holds each request once, whatever happened on the way."""

import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from gapless.adapters.delta import APPEND_POINTS
from gapless.errors import CorruptData
from gapless.features import TableSources, compute, float32_matrix, one_batch
from gapless.serving import Pins, Version, pinned, run_identity
from tests.features.world import MODEL, event_table, history, request_table
from tests.serving.run_batch import CHUNK, predictions, run


def test_every_request_is_there_once_with_what_answered(tmp_path):
    report = run(tmp_path)
    table = predictions(tmp_path)
    assert (report.rows, report.rows_repeated, report.chunks) == (40, 0, -(-40 // CHUNK))
    assert table.column("request_id").to_pylist() == [f"r{i}" for i in range(40)]
    assert set(table.column("model_version").to_pylist()) == {"3"}
    assert table.column("prediction").null_count == np.isnan(expected()).sum()
    np.testing.assert_array_equal(table.column("prediction").to_numpy(), expected())


def expected():
    rows, asks = history(5, events=300, requests=40)
    features = one_batch(compute(MODEL, request_table(asks), TableSources({"events": event_table(rows)})))
    return float32_matrix(features, MODEL.vector).sum(axis=1)


def test_a_finished_run_adds_nothing(tmp_path):
    first = run(tmp_path), predictions(tmp_path)
    again = run(tmp_path)
    assert (again.rows, again.rows_repeated) == (40, 40)
    assert predictions(tmp_path) == first[1]


@pytest.mark.parametrize("point", APPEND_POINTS)
@pytest.mark.parametrize("count", [1, 4])
def test_killed_at_any_point_and_started_again(tmp_path, point, count):
    command = [sys.executable, "-m", "tests.serving.run_batch", str(tmp_path), point, str(count)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    run(tmp_path)
    run(tmp_path / "undisturbed")
    assert predictions(tmp_path) == predictions(tmp_path / "undisturbed")


def test_a_resumed_run_keeps_what_the_first_start_decided(tmp_path):
    run(tmp_path)
    run(tmp_path, chunk_rows=11)  # a changed default must not cut the chunks anew
    assert predictions(tmp_path).num_rows == 40


def test_another_version_is_another_run(tmp_path):
    names = {run_identity("requests", Version("m", v, "d", "b")) for v in ("1", "2")}
    assert len(names) == 2


def test_pins_of_a_first_start_hold(tmp_path):
    first = pinned(tmp_path, "a" * 64, Pins({"events": 4}, 100))
    assert pinned(tmp_path, "a" * 64, Pins({"events": 9}, 200)) == first == Pins({"events": 4}, 100)
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


@pytest.mark.parametrize("text", ["", "[]", '{"versions": 1}', '{"versions": {"a": "x"}, "chunk_rows": 1}'])
def test_pins_that_cannot_be_read(tmp_path, text):
    (tmp_path / f"{'a' * 64}.json").write_text(text)
    with pytest.raises(CorruptData, match="notes of a batch run"):
        pinned(tmp_path, "a" * 64, Pins({}, 1))


def test_the_table_reads_back_as_arrow(tmp_path):
    run(tmp_path)
    assert predictions(tmp_path).schema.field("as_of").type == pa.timestamp("us", "UTC")
