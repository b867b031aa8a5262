"""The page of parity is made from what tests recorded, and from nothing else."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.parity import TABLES, Cell, main, page, problems, recorded
from tests.parity import record

ROOT = Path(__file__).resolve().parent.parent
ALL = [(name, row, column) for name, table in TABLES.items() for row in table.rows for column in table.columns]


def run_all(folder: Path) -> None:
    for place in ALL:
        record(*place, compared=7, different=0, folder=folder)


def test_records_of_one_cell_add_up_over_processes(tmp_path):
    code = f"""
from pathlib import Path
from tests.parity import record
for _ in range(50):
    record("operations", "add", "columns", compared=3, different=1, folder=Path({str(tmp_path)!r}))
"""
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(subprocess.run, [sys.executable, "-c", code], cwd=ROOT, check=True) for _ in range(2)]
        for run in runs:
            run.result()
    assert len(list(tmp_path.iterdir())) == 2
    assert recorded(tmp_path) == {("operations", "add", "columns"): Cell(300, 100)}


@pytest.mark.parametrize(
    "place", [("operation", "add", "columns"), ("operations", "plus", "columns"), ("operations", "add", "cobol")]
)
def test_a_cell_that_no_table_has_is_refused(place, tmp_path):
    with pytest.raises((KeyError, AssertionError)):
        record(*place, compared=1, different=0, folder=tmp_path)


def test_a_whole_run_is_written_and_then_current(tmp_path):
    target = tmp_path / "parity.md"
    run_all(tmp_path)
    assert main([], tmp_path, target) == 0
    assert target.read_text() == page(recorded(tmp_path))
    assert target.read_text().count("7 ✅") == len(ALL)
    assert main(["--check"], tmp_path, target) == 0
    record(*ALL[0], compared=1, different=0, folder=tmp_path)
    assert main(["--check"], tmp_path, target) == 1
    assert main([], tmp_path, target) == 0
    assert main(["--check"], tmp_path, target) == 0


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (None, "operations: exp on spark: no test recorded it"),
        (Cell(0, 0), "operations: exp on spark: nothing was compared"),
        (Cell(1_000, 2), "operations: exp on spark: 2 of 1,000 values differ"),
    ],
)
def test_a_cell_without_proof_is_named_and_nothing_is_written(cell, said, tmp_path, capsys):
    place = ("operations", "exp", "spark")
    for one in ALL:
        if one != place:
            record(*one, compared=7, different=0, folder=tmp_path)
    if cell is not None:
        record(*place, compared=cell.compared, different=cell.different, folder=tmp_path)
    assert problems(recorded(tmp_path)) == [said]
    assert main([], tmp_path, tmp_path / "parity.md") == 1
    assert capsys.readouterr().err == f"parity: {said}\n"
    assert not (tmp_path / "parity.md").exists()


def test_no_run_at_all_is_an_error(tmp_path, capsys):
    assert main(["--check"], tmp_path / "nowhere", tmp_path / "parity.md") == 1
    assert "nothing is recorded" in capsys.readouterr().err
