"""A workspace gives the same by this process and by Spark: files, tables, training sets, versions and online state."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from gapless.adapters.delta import DeltaStore
from gapless.cli import main
from gapless.errors import SettingsError
from gapless.workspace import Workspace
from tests.cli.shop import ingest_all, make_shop, tables

ENGINE = "spark:local[2]"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    ingest_all(folder)
    asked = folder / "asked.parquet"
    pq.write_table(tables()["checkouts"].slice(600, 700), asked)
    return folder, asked


def _both(folder):
    return Workspace.open(folder), Workspace.open(folder, engine=ENGINE)


def test_features_training_sets_predictions_and_state(shop, spark, tmp_path):
    """(Asks for `spark` so that its session is joined and stays.)"""
    folder, asked = shop
    here, spread = _both(folder)
    one, other = (
        each.features("will_return", asked, tmp_path / f"{i}.parquet") for i, each in enumerate(_both(folder))
    )
    assert one.content_hash == other.content_hash
    assert pq.read_table(tmp_path / "0.parquet").equals(pq.read_table(tmp_path / "1.parquet"))

    one, other = here.training_set("will_return"), spread.training_set("will_return")
    assert one.manifest == other.manifest
    assert one.table.equals(other.table)

    assert spread.train("will_return").version == "1"
    reports = [
        each.predict("will_return", tmp_path / name, requests=asked) for name, each in (("p0", here), ("p1", spread))
    ]
    store = DeltaStore(tmp_path)
    assert store.read("p0").read_all().equals(store.read("p1").read_all())
    assert reports[0].trust == reports[1].trust
    assert here.predict("will_return", tmp_path / "p1", requests=asked).rows_repeated == 700

    filled = spread.materialize()
    assert sum(group.events for group in filled.groups) == 1_500
    again = here.materialize()
    assert sum(group.events for group in again.groups) == 0, "either finds what the other filled"
    assert spark.sparkContext._jsc is not None, "the session of this process is still there"


def test_the_command_line_names_the_engine(shop, spark, tmp_path, capsys):
    folder, asked = shop
    out = tmp_path / "f.parquet"
    command = ["features", "will_return", "--requests", str(asked), "--out", str(out), "--workspace", str(folder)]
    assert main([*command, "--engine", ENGINE, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 700
    assert pq.read_table(out).num_rows == 700


def test_an_engine_that_there_is_not_is_refused(shop, capsys):
    folder, _ = shop
    spread = Workspace.open(folder, engine="sprak")
    with pytest.raises(SettingsError, match="no such batch engine") as refused:
        spread.training_set("will_return")
    assert "did you mean 'spark'" in str(refused.value)
    (folder / "gapless.toml").write_text((folder / "gapless.toml").read_text() + '\n[batch]\nengine = "flink"\n')
    try:
        assert main(["train", "will_return", "--workspace", str(folder)]) == 1
        assert "local, spark" in capsys.readouterr().err
    finally:
        text = (folder / "gapless.toml").read_text()
        (folder / "gapless.toml").write_text(text.replace('\n[batch]\nengine = "flink"\n', ""))
