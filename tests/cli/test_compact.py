"""`gapless compact`: what a server of this workspace logged, under the columns of the version that answered."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import gapless as gl
from gapless.bundle import feature_set, read_bundle
from gapless.cli import main
from gapless.errors import SettingsError
from gapless.serving.entries import Entry, encode_entry
from gapless.workspace.logs import open_log, read_log
from gapless.workspace.versions import fetch_bundle
from tests.cli.shop import answer, copy, ingest_all, make_shop


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    ingest_all(folder)
    assert main(["train", "will_return", "--until", "2024-01-28", "--workspace", str(folder), "--json"]) == 0
    return folder


def _log(folder: Path, ids: list[str], **more: object) -> None:
    """What a server would: its answers, with the bundle it has."""
    workspace = gl.Workspace.open(folder)
    bundle = fetch_bundle(workspace, workspace.tracker.version("will_return", "1"))
    vector = np.arange(len(feature_set(bundle).vector), dtype="<f4").tobytes()
    fields = {
        "model": "will_return",
        "version": "1",
        "live_version": "1",
        "definition_hash": bundle.manifest.definition_hash,
        "bundle_hash": bundle.hash,
        "as_of_us": 1,
        "answered_us": 2,
        "vector": vector,
        "prediction": 0.0,
        "probability": 0.25,
        "trust": "ok",
        "reasons": [],
        "groups": [],
        **more,
    }
    inputs = {"customer_id": "c1", "amount": 5.0, "asked_at": 1}
    entries = [Entry(request_id=i, inputs={"checkout_id": i, **inputs}, **fields) for i in ids]
    log = open_log(workspace.settings)
    log.append([encode_entry(entry) for entry in entries], lambda problem: None)
    log.close()


def _rows(folder: Path) -> list[dict[str, object]]:
    store = gl.Workspace.open(folder).offline
    (name,) = [name for name in store.tables() if name.startswith("predictions/")]
    return store.read(name).read_all().to_pylist()


def test_answers_land_in_the_offline_store_once(trained, tmp_path, capsys):
    folder = copy(trained, tmp_path / "shop")
    _log(folder, ["k1", "k2"])
    _log(folder, ["k3"])
    report = answer(capsys, "compact", "--workspace", str(folder))
    assert (report["segments"], report["entries"], report["kept"]) == (2, 3, [])
    assert answer(capsys, "compact", "--workspace", str(folder))["entries"] == 0
    rows = _rows(folder)
    assert [row["request_id"] for row in rows] == [row["checkout_id"] for row in rows] == ["k1", "k2", "k3"]
    assert (rows[0]["customer_id"], rows[0]["amount"], rows[0]["probability"]) == ("c1", 5.0, 0.25)
    (bundle,) = (folder / ".gapless" / "bundles").iterdir()
    for place, name in enumerate(feature_set(read_bundle(bundle)).vector):
        assert rows[0][name] == float(place)


def test_a_table_for_people_and_an_exit_code_for_damage(trained, tmp_path, capsys):
    folder = copy(trained, tmp_path / "shop")
    _log(folder, ["k1"])
    _log(folder, ["k2"], bundle_hash="0" * 64)
    assert main(["compact", "--workspace", str(folder)]) == 1
    said = capsys.readouterr()
    assert "answers moved  1" in said.out
    assert "predictions/will_return/" in said.out
    assert "is not the one that answered" in said.err
    assert len(read_log(gl.Workspace.open(folder).settings).sealed()) == 1


def test_the_bundle_that_a_server_kept_is_enough(trained, tmp_path, capsys):
    folder = copy(trained, tmp_path / "shop")
    _log(folder, ["k1"])
    (folder / ".gapless" / "mlflow.db").unlink()
    assert answer(capsys, "compact", "--workspace", str(folder))["entries"] == 1


def test_an_answer_is_acknowledged_at_once_where_the_operator_says_so(trained, tmp_path):
    workspace = gl.Workspace.open(copy(trained, tmp_path / "shop"))
    log = open_log(workspace.settings, mode="async")
    told: list[int] = []
    log.append([b"a"], lambda problem: told.append(threading.get_ident()))
    assert told == [threading.get_ident()]
    log.close()
    (segment,) = read_log(workspace.settings).sealed()
    assert list(read_log(workspace.settings).read(segment)) == [b"a"]


def test_a_log_that_is_not_in_files_is_refused(tmp_path):
    (tmp_path / "gapless.toml").write_text('[stores]\nlog = "kafka://broker:9092"\n')
    with pytest.raises(SettingsError, match=r"file:FOLDER[\s\S]*gapless.toml"):
        open_log(gl.Workspace.open(tmp_path).settings)
