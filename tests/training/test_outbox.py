"""Runs wait for their tracker: written first, delivered once, in order, whatever dies in between."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gapless.adapters.mlflow import MlflowTracker
from gapless.errors import CorruptData, StorageError, Transient
from gapless.ports.tracker import Point, RunRecord
from gapless.testing import FailAt
from gapless.training.outbox import Outbox

FILES = {"evaluation.json": b"{}\n", "bundle/manifest.json": b"{}\n", "bundle/model.onnx": b"\x00\xff"}


def run(number: int) -> RunRecord:
    started = 1_383_264_000_000_000 + number * 60_000_000
    return RunRecord(
        key=f"{number:032x}",
        model="late",
        started_us=started,
        ended_us=started + 1_000_000,
        params={"until": "2013-11-01"},
        metrics={"roc_auc": 0.75 + number / 100},
        curves={"monthly/roc_auc": (Point(0, started, 0.7), Point(1, started, 0.8))},
        tags={"gapless.definition_hash": "d" * 64},
        artifacts=Path(),
    )


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """An embedded store that exists: creating one takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    MlflowTracker(f"sqlite:///{folder / 'mlflow.db'}").versions()
    return folder / "mlflow.db"


@pytest.fixture
def uri(empty_store, tmp_path):
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "outbox")


def test_a_run_is_delivered_and_leaves(outbox, uri, tmp_path):
    put = outbox.put(run(1), FILES)
    assert outbox.waiting() == (put,)
    tracker = MlflowTracker(uri)
    delivery = outbox.deliver_all(tracker)
    assert (delivery.waiting, delivery.error) == ((), None)
    version = delivery.version_of(run(1).key)
    assert version == tracker.version("late")
    assert (tracker.fetch(version, "bundle", tmp_path) / "model.onnx").read_bytes() == FILES["bundle/model.onnx"]
    assert tracker.curves(version) == run(1).curves
    assert outbox.waiting() == ()


def test_versions_keep_the_order_of_their_runs(outbox, uri):
    for number in (3, 1, 2):
        outbox.put(run(number), FILES)
    delivered = outbox.deliver_all(MlflowTracker(uri)).delivered
    assert [(one.run_key, one.version) for one in delivered] == [(run(n).key, str(n)) for n in (1, 2, 3)]


def test_a_run_that_waits_is_not_put_twice(outbox):
    first = outbox.put(run(1), FILES)
    assert outbox.put(replace(run(1), metrics={}), {}) == first


@contextmanager
def silent_server():
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []
        listening = threading.Thread(target=lambda: _accept(server, held), daemon=True)
        listening.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        listening.join()
        for one in held:
            one.close()


def _accept(server, held):
    while True:
        try:
            held.append(server.accept()[0])
        except OSError:
            return


@contextmanager
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("server", [closed_port, silent_server])
def test_a_dead_tracker_keeps_runs_waiting_until_one_lives(server, outbox, uri):
    outbox.put(run(1), FILES)
    outbox.put(run(2), FILES)
    with server() as dead:
        delivery = outbox.deliver_all(MlflowTracker(dead, timeout_s=0.5))
    assert delivery.delivered == ()
    assert delivery.waiting == (run(1).key, run(2).key)
    assert isinstance(delivery.error, Transient)
    assert "next train" in str(delivery.error)
    assert [one.version for one in outbox.deliver_all(MlflowTracker(uri)).delivered] == ["1", "2"]


def test_a_slow_tracker_is_given_up_after_its_budget(uri, outbox):
    """Every answer takes ten seconds; the budget is for a minute."""
    outbox.put(run(1), FILES)
    with answering_nothing_useful() as slow:
        seconds = iter(range(0, 10_000, 10))
        tracker = MlflowTracker(slow, budget_s=-1, monotonic=lambda: float(next(seconds)))
        delivery = outbox.deliver_all(tracker)
    assert "too slow" in str(delivery.error)
    assert delivery.waiting == (run(1).key,)


@contextmanager
def answering_nothing_useful():
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404)
            self.end_headers()

        def log_message(self, *words):
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


POINTS = ["experiment", "run", "values", "artifacts", "finished", "model", "version"]


@pytest.mark.parametrize("point", POINTS)
def test_an_error_at_any_step_gives_one_run_and_one_version(point, outbox, uri):
    outbox.put(run(1), FILES)
    failing = MlflowTracker(uri, fault=FailAt(point, Transient("the line went dead")))
    assert outbox.deliver_all(failing).waiting == (run(1).key,)
    _delivered_once(outbox, uri)


DELIVER = """
import os, sys
from pathlib import Path
from gapless.adapters.mlflow import MlflowTracker
from gapless.testing import KillAt
from gapless.training.outbox import Outbox
for folder in map(Path, sys.argv[1:]):
    child = os.fork()  # MLflow takes seconds to import: once is enough
    if not child:
        tracker = MlflowTracker(f"sqlite:///{folder}/mlflow.db", fault=KillAt(folder.name))
        Outbox(folder / "outbox").deliver_all(tracker)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory, empty_store):
    """For each point a folder with the store and the outbox that a delivery left that was killed there."""
    folders = {point: tmp_path_factory.mktemp("killed") / point for point in POINTS}
    for folder in folders.values():
        folder.mkdir()
        (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
        Outbox(folder / "outbox").put(run(1), FILES)
    command = [sys.executable, "-c", DELIVER, *map(str, folders.values())]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "src"})
    assert ended.stdout.split() == [str(-signal.SIGKILL)] * len(POINTS)
    return folders


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_step_gives_one_run_and_one_version(point, killed):
    outbox = Outbox(killed[point] / "outbox")
    assert [one.key for one in outbox.waiting()] == [run(1).key]
    _delivered_once(outbox, f"sqlite:///{killed[point]}/mlflow.db")


def _delivered_once(outbox, uri):
    import mlflow

    delivery = outbox.deliver_all(MlflowTracker(uri))
    assert (delivery.waiting, delivery.error) == ((), None)
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("late").experiment_id
    (only,) = client.search_runs([experiment])
    assert only.info.status == "FINISHED"
    assert only.data.metrics["roc_auc"] == run(1).metrics["roc_auc"]
    assert len(client.get_metric_history(only.info.run_id, "monthly/roc_auc")) == 2
    assert [one.version for one in MlflowTracker(uri).versions("late")] == ["1"]


def test_killed_between_delivery_and_tidying_up_nothing_is_delivered_again(outbox, uri, tmp_path):
    put = outbox.put(run(1), FILES)
    tracker = MlflowTracker(uri)
    tracker.register(put, tracker.write_run(put))  # the folder is still there
    delivery = outbox.deliver_all(tracker)
    assert [one.version for one in delivery.delivered] == ["1"]
    assert len(tracker.versions("late")) == 1
    left = tmp_path / "outbox" / ".delivered-x"
    left.mkdir()
    outbox.deliver_all(tracker)
    assert not left.exists()


def test_a_damaged_run_is_named_and_what_is_behind_it_waits(outbox, uri, tmp_path):
    damaged = outbox.put(run(1), FILES)
    outbox.put(run(2), FILES)
    (damaged.artifacts.parent / "run.json").write_text("{")
    delivery = outbox.deliver_all(MlflowTracker(uri))
    assert isinstance(delivery.error, CorruptData)
    assert "run.json" in str(delivery.error)
    assert delivery.waiting == (run(1).key, run(2).key)


def test_a_store_that_cannot_be_written_is_said_and_the_run_waits(outbox, tmp_path):
    (tmp_path / "file").write_text("")
    outbox.put(run(1), FILES)
    delivery = outbox.deliver_all(MlflowTracker(f"sqlite:///{tmp_path}/file/mlflow.db"))
    assert isinstance(delivery.error, StorageError)
    assert delivery.waiting == (run(1).key,)


def test_a_file_that_is_no_database_is_said(outbox, tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"this is not a database" * 100)
    outbox.put(run(1), FILES)
    delivery = outbox.deliver_all(MlflowTracker(f"sqlite:///{tmp_path}/mlflow.db"))
    assert isinstance(delivery.error, StorageError)
    assert "not a database" in str(delivery.error)


def test_what_delivery_did_is_plain_json(outbox, uri):
    outbox.put(run(1), FILES)
    found = outbox.deliver_all(MlflowTracker(uri)).to_dict()
    assert found == {
        "delivered": [{"model": "late", "version": "1", "run_key": run(1).key}],
        "waiting": [],
        "error": None,
    }
