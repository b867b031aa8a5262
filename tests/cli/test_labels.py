"""`gapless labels`: what became of the answers that a server of this workspace logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gapless as gl
from gapless.arrow import TIMESTAMP
from gapless.cli import main
from gapless.clock import DAY, HOUR, MINUTE, parse_instant
from gapless.features import float32_matrix
from gapless.serving.entries import decode_entry
from gapless.streaming.served_training import outcomes_as_training
from gapless.workspace.logs import open_log
from tests.cli.shop import answer, copy, ingest_all, make_shop

SERVED = parse_instant("2024-02-10")
"""All orders are before it, so that what was served is what is computed later."""
ASKED = 90


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    ingest_all(folder)
    assert main(["train", "will_return", "--until", "2024-01-28", "--workspace", str(folder), "--json"]) == 0
    assert main(["materialize", "--as-of", "2024-02-10", "--workspace", str(folder), "--json"]) == 0
    return folder


@pytest.fixture(scope="module")
def served(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers of three days are in tables; the requests and the first returns are ingested."""
    folder = copy(trained, tmp_path_factory.mktemp("served") / "shop")
    rows = requests()
    _answer(folder, [*rows, *rows[:4]])  # the first ones are asked again
    _ingest(folder, "checkouts", pa.Table.from_pylist(rows, schema=_schema("checkouts", folder)))
    # Two of three come back: after 4 to 48 hours, so that of those at the end of time some are not known yet.
    back = [(i, float(i % 2), rows[i]["asked_at"] + 4 * HOUR + i % 23 * 2 * HOUR) for i in range(ASKED) if i % 3]
    _ingest(folder, "returns", returns(back))
    assert main(["compact", "--workspace", str(folder), "--json"]) == 0
    return folder


def requests() -> list[dict[str, Any]]:
    amounts = np.random.default_rng(3).gamma(2, 30, ASKED)
    return [
        {
            "checkout_id": f"q{i}",
            "customer_id": f"c{i % 30}",
            "amount": float(amounts[i]),
            "asked_at": SERVED + i * 48 * MINUTE,
        }
        for i in range(ASKED)
    ]


def returns(rows: list[tuple[int, float, int]]) -> pa.Table:
    ids, refunds, times = zip(*rows, strict=True)
    at = pa.array(times, pa.int64()).cast(TIMESTAMP)
    return pa.table({"checkout_id": [f"q{i}" for i in ids], "refund": list(refunds), "returned_at": at})


def _schema(name: str, folder: Path) -> pa.Schema:
    return pq.read_schema(folder / f"{name}.parquet")


def _answer(folder: Path, rows: list[dict[str, Any]]) -> None:
    """As a server does: the version's answers, logged."""
    workspace = gl.Workspace.open(folder)
    predictor = workspace.predictor("will_return", "1")
    log = open_log(workspace.settings)
    for i, row in enumerate(rows):
        answered = predictor.answer([row], SERVED + i * HOUR)
        assert decode_entry(answered.log_entries[0]).trust in ("ok", "degraded")
        log.append(answered.log_entries, lambda problem: None)
    log.close()
    workspace.online.close()


def _ingest(folder: Path, source: str, table: pa.Table) -> None:
    path = folder / f"more-{source}-{table.num_rows}.parquet"
    pq.write_table(table, path)
    assert main(["ingest", source, str(path), "--workspace", str(folder), "--json"]) == 0


def told(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> dict[str, Any]:
    capsys.readouterr()
    found: dict[str, Any] = answer(capsys, "labels", "will_return", *words, "--workspace", str(folder))
    return found


# ---- what it tells -------------------------------------------------------------------------------


def test_coverage_by_day_and_how_late(served, tmp_path, capsys):
    folder = copy(served, tmp_path / "shop")
    known_by = SERVED + 3 * DAY
    document = told(capsys, folder, "--as-of", "2024-02-13")
    every = [*range(ASKED), *range(4)]
    delays = {i: 4 * HOUR + i % 23 * 2 * HOUR for i in range(ASKED) if i % 3}
    at = {i: SERVED + i * 48 * MINUTE for i in every}
    labelled = [i for i in every if i in delays and delays[i] <= 2 * DAY and at[i] + delays[i] <= known_by]
    given_up = [i for i in every if i not in labelled and at[i] + 2 * DAY <= known_by]
    assert document["joined"]["answers"] == document["joined"]["new"] == ASKED + 4
    assert document["joined"]["written"]["labelled"] == len(labelled)
    assert [day["day"] for day in document["days"]] == ["2024-02-10", "2024-02-11", "2024-02-12"]
    assert [day["answers"] for day in document["days"]] == [34, 30, 30]
    assert sum(day["given_up"] for day in document["days"]) == len(given_up)
    assert document["delays"]["count"] == len(labelled)
    assert document["delays"]["max_us"] == max(delays[i] for i in labelled)
    assert list(document["delays"]["known_after"]) == ["1h", "6h", "24h", "48h"]
    assert document["delays"]["known_after"]["24h"] == sum(delays[i] <= DAY for i in labelled) / len(labelled)
    assert [day["rows"] for day in document["scored"]] == [day["labelled"] for day in document["days"]]
    assert set(document["scored"][0]["metrics"]) == {"roc_auc", "brier"}


def test_again_writes_nothing_and_a_correction_restates(served, tmp_path, capsys):
    folder = copy(served, tmp_path / "shop")
    told(capsys, folder, "--as-of", "2024-02-13")
    assert told(capsys, folder, "--as-of", "2024-02-13")["joined"]["written"] == {}
    _ingest(folder, "returns", returns([(1, 0.0, SERVED + 47 * HOUR)]))  # q1 was 1.0, and answered twice
    document = told(capsys, folder, "--as-of", "2024-02-13T00:00:01", "--until", "2024-02-11")
    assert (document["joined"]["restated"], document["joined"]["new"]) == (2, 0)
    assert [(day["day"], day["restated"]) for day in document["days"]] == [("2024-02-10", 2)]


@pytest.mark.parametrize("width", [80, 60])
def test_a_table_for_people_fits(width, served, tmp_path, capsys, monkeypatch):
    folder = copy(served, tmp_path / "shop")
    monkeypatch.setenv("COLUMNS", str(width))
    capsys.readouterr()
    assert main(["labels", "will_return", "--as-of", "2024-02-12", "--workspace", str(folder)]) == 0
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= width
    assert "2024-02-11" in text
    assert " 50% " in text
    assert main(["labels", "will_return", "--since", "2031-01-01", "--workspace", str(folder)]) == 0
    assert "no answer to a request of that time" in capsys.readouterr().out


# ---- what it refuses -----------------------------------------------------------------------------


def test_no_answer_has_landed(trained, capsys):
    capsys.readouterr()
    document = answer_failing(capsys, trained)
    assert document["error"] == "NotFound"
    assert "gapless compact" in document["next_step"]


def test_no_story_goes_back(served, tmp_path, capsys):
    folder = copy(served, tmp_path / "shop")
    told(capsys, folder, "--as-of", "2024-02-13")
    document = answer_failing(capsys, folder, "--as-of", "2024-02-12")
    assert document["error"] == "InputError"
    assert "2024-02-13T00:00:00Z or later" in document["allowed"]


def answer_failing(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = answer(capsys, "labels", "will_return", *words, "--workspace", str(folder), code=1)
    return found


# ---- to learn from -------------------------------------------------------------------------------


def test_what_was_served_is_what_a_training_set_computes(served, tmp_path, capsys):
    folder = copy(served, tmp_path / "shop")
    told(capsys, folder, "--as-of", "2024-02-13")
    workspace = gl.Workspace.open(folder)
    model = workspace.product.model("will_return")
    learned = outcomes_as_training(workspace.offline, model).read_all().sort_by("checkout_id")
    computed = workspace.training_set("will_return", train_from=SERVED, known_by=SERVED + 3 * DAY).table
    computed = computed.filter(pa.compute.equal(computed["label_maturity"], "labelled")).sort_by("checkout_id")
    assert learned.num_rows == computed.num_rows > 30
    assert float32_matrix(learned, model.vector).tobytes() == float32_matrix(computed, model.vector).tobytes()
    others = [*model.requests.columns, "returned", "label_maturity", "label_known_at"]
    assert learned.select(others).equals(computed.select(others))
    assert set(learned.column_names) == set(computed.column_names)
