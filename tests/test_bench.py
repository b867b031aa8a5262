"""The benchmarks run and say what they promise; how fast they are is nobody's test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.compare import count
from bench.report import Findings, rounded

ROOT = Path(__file__).resolve().parent.parent


ALONE = [
    "startup",
    "latest_value",
    "training_set",
    "batch_predict",
    "swap",
    "stream",
    "log",
    "freshness",
    "scale",
    "row",
    "typescript",
    "exported",
    "spark",
]


@pytest.mark.parametrize("name", ALONE)
def test_a_benchmark_prints_one_document(name):
    small = ["--json", "--scale", "0.0004", "--repeat", "1", "--only", "gapless"]
    done = subprocess.run([sys.executable, "-m", "bench", name, *small], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert list(document) == ["bench", "machine", "figures", "ratios", "goals"]
    assert document["bench"] == name
    assert all(isinstance(value, int | float) for value in document["figures"].values())
    assert all(set(goal) == {"goal", "value", "met"} for goal in document["goals"].values())
    assert {value for key, value in document["figures"].items() if key.endswith("_different")} <= {0}


def test_goals_say_whether_they_are_met():
    found = Findings()
    found.at_least("speed", 3.0, 2.9)
    found.at_most("memory", 3.0, 2.9)
    assert [goal["met"] for goal in found.goals.values()] == [False, True]
    assert rounded(12345.678) == 12350.0


def test_comparison_sees_values_and_nulls(tmp_path):
    ids = ["a", "b", "c", "d"]
    left = pa.table({"id": ids, "x": [1.0, 2.0, None, None], "s": ["p", "q", None, "r"]})
    right = pa.table({"id": ids[::-1], "x": [None, 5.0, 2.0, 1.0 + 1e-12], "s": ["r", None, "z", "p"]})
    pq.write_table(left, tmp_path / "left.parquet")
    pq.write_table(right, tmp_path / "right.parquet")
    counted = count(str(tmp_path / "left.parquet"), str(tmp_path / "right.parquet"))
    assert counted == {"compared": 8, "different": 2}
