"""`gapless verify` and `gapless explain` on a workspace whose predictor answered at several states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gapless as gl
from gapless.cli import main
from gapless.clock import parse_instant
from gapless.serving.entries import Entry, decode_entry, encode_entry
from gapless.workspace.logs import open_log
from tests.cli.shop import answer, copy, ingest_all, make_shop, tables

_NOW = parse_instant("2024-02-10T00:00:00Z")


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Requests before, at and behind the state, all in the prediction log."""
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    ingest_all(folder)
    where = ["--workspace", str(folder), "--json"]
    assert main(["train", "will_return", "--until", "2024-01-28", *where]) == 0
    for as_of in ("2024-01-20", "2024-02-12"):
        assert main(["materialize", "--as-of", as_of, *where]) == 0
        workspace = gl.Workspace.open(folder)
        _log(workspace, list(workspace.predictor("will_return").answer(_rows(as_of), _NOW).log_entries))
    return folder


def _rows(name: str) -> list[dict[str, object]]:
    rows = tables()["checkouts"].slice(600, 200).to_pylist()
    return [
        {**r, "checkout_id": f"{name} {r['checkout_id']}", "asked_at": int(r["asked_at"].timestamp()) * 1_000_000}
        for r in rows
    ]


def _log(workspace: gl.Workspace, entries: list[bytes]) -> None:
    log = open_log(workspace.settings)
    log.append(entries, lambda problem: None)
    log.close()


def _lie(folder: Path) -> None:
    """One more answer, whose first feature is not the one that was scored."""
    workspace = gl.Workspace.open(folder)
    (made,) = workspace.predictor("will_return").answer(_rows("a lie")[-1:], _NOW).log_entries
    fields = {name: getattr(decode_entry(made), name) for name in Entry.__struct_fields__}
    vector = decode_entry(made).features.copy()
    vector[0] = 987.5
    _log(workspace, [encode_entry(Entry(**{**fields, "vector": vector.tobytes()}))])


def test_what_was_answered_is_verified(answered, tmp_path, capsys):
    folder = copy(answered, tmp_path / "shop")
    report = answer(capsys, "verify", "will_return", "--workspace", str(folder))
    assert (report["ok"], report["answers"], report["values"]) == (True, 400, 400 * 7)
    assert sum(report["proven"].values()) == 400
    assert report["proven"]["at_its_instant"] > 0
    assert report["proven"]["behind"] > 0
    assert report["proven"]["asked_in_past"] > 0
    assert report["versions"] == {"will_return 1": 400}
    assert report["causes"] == {}
    again = answer(capsys, "verify", "--workspace", str(folder), "--sample", "0.5")
    assert 100 < again["answers"] < 300
    early = answer(capsys, "verify", "--until", "2024-02-10", "--workspace", str(folder))
    assert early["answers"] == 0
    assert answer(capsys, "verify", "no_model", "--workspace", str(folder))["answers"] == 0


def test_a_person_reads_what_was_verified(answered, tmp_path, capsys):
    folder = copy(answered, tmp_path / "shop")
    assert main(["verify", "--workspace", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "values different       0" in said
    assert "as known at its instant" in said


def test_a_difference_is_shown_with_its_cause_and_an_exit_code(answered, tmp_path, capsys):
    folder = copy(answered, tmp_path / "shop")
    _lie(folder)
    assert main(["verify", "--workspace", str(folder)]) == 1
    said = capsys.readouterr()
    assert "the vector in the log is not the one that was scored" in said.out.replace("\n", " ")
    assert "987.5" in said.out
    assert "gapless explain" in said.err
    report = answer(capsys, "verify", "--limit", "1", "--workspace", str(folder), code=1)
    assert (report["ok"], report["different"], len(report["differences"])) == (False, 1, 1)
    found = report["differences"][0]
    assert found["request_id"].startswith("a lie")
    assert found["cause"] == "vector_not_scored"


def test_one_value_is_explained(answered, tmp_path, capsys):
    folder = copy(answered, tmp_path / "shop")
    row = next(row for row in _rows("2024-01-20") if row["asked_at"] > parse_instant("2024-01-20"))
    request = str(row["checkout_id"])
    words = ["explain", "--request", request, "--workspace", str(folder), "--feature"]
    mean = answer(capsys, *words, "spend__usual_7d")
    inside = [event for event in mean["events"] if event["inside"]]
    assert np.float32(sum(event["value"] for event in inside) / len(inside)) == pytest.approx(mean["served"])
    assert mean["float32"] == mean["served"]
    assert mean["key"] == {"customer_id": row["customer_id"]}
    over = answer(capsys, *words, "basket__over")
    assert set(over["reads"]) == {"amount", "spend__usual_7d"}
    assert over["text"] == "r.amount > r.spend.usual_7d"
    for feature in ("spend__usual_7d", "basket__over"):
        assert main([*words, feature]) == 0
    said = capsys.readouterr().out
    assert "events of orders are in" in said
    assert "not before the request" in said
    assert max(len(line) for line in said.splitlines()) <= 80


def test_row_expressions_are_shown_as_sql(answered, capsys):
    where = ["--workspace", str(answered)]
    (view,) = answer(capsys, "explain", "--sql", "spend", *where)
    assert (view["source"], view["missing"]) == ("orders", [])
    assert view["text"].splitlines()[1:] == [
        "  CAST(`amount` AS DOUBLE) AS `_e1`,",
        "  CASE WHEN `_e1` - `_e1` = 0D THEN `_e1` END AS `_e2`,",
        "  `_e2` AS `usual_7d`",
        "FROM orders",
    ]
    label, on_demand = answer(capsys, "explain", "--sql", "will_return", *where)
    assert label["of"] == "label returned"
    assert "`spend__usual_7d`" in on_demand["text"]
    assert on_demand["text"].endswith("AS `basket__over`\nFROM requests_with_features")
    assert main(["explain", "--sql", "spend", *where]) == 0
    assert view["text"] in capsys.readouterr().out
    assert main(["explain", "--sql", "spent", *where]) == 1
    assert "did you mean 'spend'" in capsys.readouterr().err
    assert main(["explain", "--request", "k1", *where]) == 2
    assert "--feature" in capsys.readouterr().err


def test_a_request_that_was_never_answered(answered, tmp_path, capsys):
    folder = copy(answered, tmp_path / "shop")
    words = ["explain", "--request", "nobody's", "--feature", "spend__n_1d", "--workspace", str(folder)]
    assert main(words) == 1
    assert "no answer to such a request" in capsys.readouterr().err
    known = str(_rows("2024-02-12")[0]["checkout_id"])
    assert main(["explain", "--request", known, "--feature", "spend__n_2d", "--workspace", str(folder)]) == 1
    assert "spend__n_1d" in capsys.readouterr().err
