"""`gapless compact`: what a server of this workspace logged, under the columns of the version that answered."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

import gapless as gl
from gapless.bundle import feature_set, read_bundle
from gapless.cli import main
from gapless.clock import parse_instant
from gapless.errors import SettingsError
from gapless.serving.entries import Entry, encode_entry
from gapless.workspace.logs import open_log, read_log
from gapless.workspace.versions import fetch_bundle
from tests.cli.shop import answer, copy, ingest_all, make_shop

_ASKED = "2024-02-10T00:00:00Z"


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


# ---- a real server, killed -----------------------------------------------------------------------


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """(its port, the server), which is killed with its workers at the end, in the middle of whatever it does."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-m", "gapless", "serve", "--workspace", str(folder), "--port", str(port)]
    with (folder / "server.txt").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
    try:
        while not _is_ready(port):
            assert process.poll() is None, (folder / "server.txt").read_text()
            time.sleep(0.05)
        yield port, process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _ask(port: int, name: str, heard: dict[str, dict[str, object]]) -> None:
    """Asks until nobody answers; `heard` are the answers by request id."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for i in range(100_000):
            row = {"checkout_id": f"{name}-{i}", "customer_id": f"c{i % 30}", "amount": float(i), "asked_at": _ASKED}
            try:
                answer = client.post("/v1/models/will_return/predict", json={"requests": [row]})
            except httpx.TransportError:
                return
            assert answer.status_code == 200, answer.text
            (prediction,) = answer.json()["predictions"]
            heard[str(row["checkout_id"])] = prediction


def test_every_answer_that_was_heard_lands_once_though_the_server_is_killed(trained, tmp_path, capsys):
    folder = copy(trained, tmp_path / "shop")
    answer(capsys, "materialize", "--as-of", _ASKED, "--workspace", str(folder))
    answer(capsys, "promote", "will_return", "1", "--why", "a test", "--workspace", str(folder))
    heard: dict[str, dict[str, object]] = {}
    for life in range(2):
        with _serving(folder) as (port, _):
            threads = [threading.Thread(target=_ask, args=(port, f"{life}{n}", heard)) for n in range(4)]
            for thread in threads:
                thread.start()
            while len(heard) < 150 * (life + 1):
                time.sleep(0.01)
        for thread in threads:
            thread.join()
    report = answer(capsys, "compact", "--workspace", str(folder))
    assert (report["kept"], report["segments"]) == ([], 2)
    rows = {row["request_id"]: row for row in _rows(folder)}
    assert len(rows) == report["entries"] >= len(heard) >= 300, "each once, and what was heard is among them"
    for request, prediction in heard.items():
        row = rows[request]
        assert np.float32(prediction["probability"]) == np.float32(row["probability"])
        assert (prediction["trust"], prediction["reasons"]) == (row["trust"], json.loads(row["reasons"]))
        assert [group["as_of_us"] for group in json.loads(row["groups"])] == [parse_instant(_ASKED)]
