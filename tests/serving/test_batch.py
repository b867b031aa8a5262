"""A table of predictions holds each request once, whatever happened on the way."""

import json
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from gapless.adapters.delta import APPEND_POINTS
from gapless.clock import DAY
from gapless.errors import CorruptData
from gapless.features import TableSources, compute, float32_matrix, one_batch
from gapless.product.trust import LEVELS
from gapless.serving import Pins, Version, pinned, run_identity
from tests.features.world import MODEL, START, event_table, history, request_table
from tests.serving.run_batch import AS_OF, CHUNK, JUDGE, answers, predictions, run


def test_every_request_is_there_once_with_what_answered(tmp_path):
    report = run(tmp_path)
    table = predictions(tmp_path)
    assert (report.rows, report.rows_repeated, report.chunks) == (40, 0, -(-40 // CHUNK))
    assert table.column("request_id").to_pylist() == [f"r{i}" for i in range(40)]
    assert set(table.column("model_version").to_pylist()) == {"3"}
    assert table.column("prediction").null_count == np.isnan(expected()).sum()
    np.testing.assert_array_equal(table.column("prediction").to_numpy(), expected())


def expected(known_by_us=None):
    return answers(float32_matrix(features(known_by_us), MODEL.vector))


def features(known_by_us=None):
    rows, asks = history(5, events=300, requests=40)
    sources = TableSources({"events": event_table(rows)})
    return one_batch(compute(MODEL, request_table(asks), sources, known_by_us=known_by_us))


def test_every_row_says_how_far_to_trust_it(tmp_path):
    report = run(tmp_path)
    table = predictions(tmp_path)
    whole = features()
    matrix = float32_matrix(whole, MODEL.vector)
    for i, row in enumerate(whole.select([*MODEL.outputs, "t"]).to_pylist()):
        at = int(row.pop("t").timestamp() * 1e6 + 0.5)
        answered = not np.isnan(matrix[i, 0])
        judged = JUDGE.judge_row(row, matrix[i], at_us=at, as_of_us={"stats": AS_OF}, answered=answered)
        assert judged == (table["trust"][i].as_py(), json.loads(table["reasons"][i].as_py()))
    assert report.trust == {level: table["trust"].to_pylist().count(level) for level in LEVELS}
    assert min(report.trust.values()) > 0


def test_as_of_a_moment_of_knowledge(tmp_path):
    known_by = START + DAY
    run(tmp_path, known_by_us=known_by)
    found = predictions(tmp_path).column("prediction").to_numpy()
    np.testing.assert_array_equal(found, expected(known_by))
    assert not np.array_equal(found, expected(), equal_nan=True)


def test_a_finished_run_adds_nothing(tmp_path):
    first = run(tmp_path), predictions(tmp_path)
    again = run(tmp_path)
    assert (again.rows, again.rows_repeated, sum(again.trust.values())) == (40, 40, 0)
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
