"""MLflow keeps the contract of a tracker, embedded; and at a server, where one is named."""

from __future__ import annotations

import os
import subprocess
import sys

import mlflow
import pytest

from gapless.adapters.mlflow import MlflowTracker
from gapless.errors import Refused
from gapless.testing import TRACKER_CHECKS, check_tracker

# The address of an MLflow server that is empty, such as one that `mlflow server` of another environment started.
SERVER = os.environ.get("GAPLESS_TEST_MLFLOW", "")


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    return SERVER or f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """An embedded store that exists: creating one takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    MlflowTracker(f"sqlite:///{folder / 'mlflow.db'}").versions()
    return (folder / "mlflow.db").read_bytes()


@pytest.fixture
def new_uri(empty_store, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "mlflow.db").write_bytes(empty_store)
    return f"sqlite:///{tmp_path / 'home' / 'mlflow.db'}"


@pytest.mark.parametrize("check", TRACKER_CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_the_contract(check, uri):
    check(lambda: MlflowTracker(uri))


def test_the_whole_suite_is_one_call(new_uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_tracker(lambda: MlflowTracker(new_uri))
    # Artifacts are beside the database, not in the working folder.
    assert [one.name for one in tmp_path.iterdir()] == ["home"]
    assert {one.name for one in (tmp_path / "home").iterdir()} == {"mlflow.db", "mlflow.db.lock", "mlflow-artifacts"}


def test_an_alias_is_one_of_mlflow(new_uri):
    TRACKER_CHECKS[[check.__name__ for check in TRACKER_CHECKS].index("an_alias_moves")](lambda: MlflowTracker(new_uri))
    live = mlflow.MlflowClient(new_uri).get_model_version_by_alias("check_alias", "live")
    assert str(live.version) == "1"


BOTH = """
import sys
from pathlib import Path
from gapless.adapters.mlflow import MlflowTracker
from gapless.ports.tracker import RunRecord
(Path(sys.argv[2]) / "bundle").mkdir(parents=True)
(Path(sys.argv[2]) / "bundle" / "manifest.json").write_text("{}")
run = RunRecord(sys.argv[2][-1] * 32, "late", 0, 1000, {}, {}, {}, {}, Path(sys.argv[2]))
tracker = MlflowTracker(sys.argv[1])
print(tracker.register(run, tracker.write_run(run)).version)
"""


def test_two_processes_that_start_at_once_share_a_new_store(tmp_path):
    uri = f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", BOTH, uri, str(tmp_path / name)],
            env={**os.environ, "PYTHONPATH": "src"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    said = sorted(one.communicate() for one in started)
    assert said == [("1\n", ""), ("2\n", "")]
    assert [one.returncode for one in started] == [0, 0]


def test_runs_and_versions_of_others_are_left_alone(uri):
    client = mlflow.MlflowClient(uri)
    client.create_registered_model("somebody_elses")
    client.create_model_version("somebody_elses", "s3://elsewhere/model")
    assert MlflowTracker(uri).versions("somebody_elses") == []
    assert all(one.model != "somebody_elses" for one in MlflowTracker(uri).versions())


def test_a_deleted_experiment_is_not_brought_back_by_us(new_uri):
    client = mlflow.MlflowClient(new_uri)
    client.delete_experiment(client.create_experiment("check_whole"))
    with pytest.raises(Refused, match="deleted"):
        TRACKER_CHECKS[0](lambda: MlflowTracker(new_uri))
