"""From the command line to what is live and back, with a real registry, online store and metadata database."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import partial
from itertools import count
from types import SimpleNamespace

import mlflow
import pytest
from rich.console import Console

import gapless as gl
from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle import as_json, write_bundle
from gapless.bundle.opening import open_scorer
from gapless.cli import main
from gapless.cli.deciding import show_decided
from gapless.clock import format_instant
from gapless.deploying import Decided, inspect
from gapless.deploying.gates import integrity_of
from gapless.ports.metadata import Decision, Incident, Proposal, Route
from gapless.workspace.versions import fetch_bundle
from tests.cli.shop import answer, copy, ingest_all, make_shop

_NUMBERS = count()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two versions, and online state."""
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    ingest_all(folder)
    for until in ("2024-01-28", "2024-01-20"):
        assert main(["train", "will_return", "--until", until, "--workspace", str(folder), "--json"]) == 0
    assert main(["materialize", "--workspace", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def shop(trained, tmp_path, capsys):
    """A copy that a test may change, and the commands in it."""
    folder = copy(trained, tmp_path / "shop")

    def ask(*words, code=0):
        return answer(capsys, *words, "--workspace", str(folder), code=code)

    def show(*words):
        """What a person sees."""
        assert main([*words, "--workspace", str(folder)]) == 0
        return capsys.readouterr().out

    capsys.readouterr()
    return SimpleNamespace(folder=folder, ask=ask, show=show, settings=folder / "gapless.toml")


def live(shop):
    return {one["model"]: [route["version"] for route in one["after"]] for one in shop.ask("deployments")["decisions"]}


def alias(shop):
    client = mlflow.MlflowClient(f"sqlite:///{shop.folder / '.gapless' / 'mlflow.db'}")
    return str(client.get_model_version_by_alias("will_return", "live").version)


def test_promote_and_go_back(shop):
    assert live(shop) == {}
    made = shop.ask("promote", "will_return", "1", "--why", "first", "--by", "ada")
    assert [gate["passed"] for gate in made["gates"]] == [True] * 7
    assert made["notes"] == []
    assert alias(shop) == "1"
    second = shop.ask("promote", "will_return", "2")
    assert set(second["decision"]["evidence"]["metrics"]) == {"1", "2"}
    assert live(shop) == {"will_return": ["2", "1"]}
    assert alias(shop) == "2"
    shop.ask("rollback", "will_return", "--why", "complaints")
    assert live(shop) == {"will_return": ["1"]}
    assert alias(shop) == "1"
    history = shop.ask("deployments", "will_return", "--history")["decisions"]
    assert [(one["kind"], one["why"]) for one in history] == [
        ("rollback", "complaints"),
        ("promote", ""),
        ("promote", "first"),
    ]
    assert history[-1]["by"] == "ada"
    between = format_instant(history[1]["at_us"])
    (then,) = shop.ask("deployments", "will_return", "--at", between)["decisions"]
    assert then["id"] == history[1]["id"]
    assert shop.ask("deployments", "--at", "2020-01-01")["decisions"] == []
    assert "nothing was live" in shop.ask("rollback", "will_return", code=1)["what"]


def test_a_promotion_to_a_chain(shop):
    shop.ask("promote", "will_return", "2", "--fallback", "1")
    assert live(shop) == {"will_return": ["2", "1"]}
    shop.ask("promote", "will_return", "1", "--no-fallback")
    assert live(shop) == {"will_return": ["1"]}
    assert main(["promote", "will_return", "1", "--no-fallback", "--fallback", "2"]) == 2


def test_state_that_is_not_there_shuts_a_gate_that_can_be_forced(shop):
    shop.settings.write_text('[stores]\nonline = "lmdb:./elsewhere"\n')
    refused = shop.ask("promote", "will_return", "1", code=1)
    assert refused["error"] == "GateFailed"
    assert "not materialized: spend" in refused["seen"]
    assert [gate["name"] for gate in refused["gates"] if not gate["passed"]] == ["online"]
    assert "gapless materialize --model will_return --version 1" in refused["next_step"]
    assert "--why" in shop.ask("promote", "will_return", "1", "--force", code=1)["next_step"]
    made = shop.ask("promote", "will_return", "1", "--force", "--why", "the store is filled tonight")
    assert [gate["name"] for gate in made["decision"]["evidence"]["gates"] if gate["forced"]] == ["online"]
    audit = gl.Workspace.open(shop.folder).metadata.audit.list()
    assert [entry.outcome for entry in audit] == ["done", "refused", "refused"]


def test_a_damaged_bundle_cannot_be_forced(shop):
    fetch_bundle(workspace := gl.Workspace.open(shop.folder), workspace.tracker.version("will_return", "1"))
    (kept,) = (shop.folder / ".gapless" / "bundles").glob("will_return-1-*")
    (kept / "model.onnx").write_bytes(b"x")
    refused = shop.ask("promote", "will_return", "1", "--force", "--why", "now", code=1)
    assert refused["error"] == "GateFailed"
    assert "model.onnx" in refused["seen"]
    assert "force" not in refused["next_step"]


def test_a_bundle_of_an_earlier_release(shop, tmp_path):
    """It does not hold the definition of its features: it scores, and cannot be served."""
    workspace = gl.Workspace.open(shop.folder)
    record = workspace.tracker.version("will_return", "1")
    bundle = fetch_bundle(workspace, record)
    files = {name: bundle.read(name) for name in bundle.manifest.files}
    expressions = json.loads(files["expressions.json"])
    del expressions["feature_set"]
    files["expressions.json"] = as_json(expressions)
    old = write_bundle(tmp_path / "old", replace(bundle.manifest, files={}), files)
    opened = partial(open_scorer, runtime=OnnxRuntime())
    found = inspect(record, lambda _: old, opened, lambda _: ["not asked"])
    assert set(found.faults) == {"definition"}
    shut = [gate for gate in integrity_of(found, "will_return") if not gate.passed]
    assert [gate.name for gate in shut] == ["definition"]
    assert "train again" in shut[0].next_step


def test_going_back_needs_no_tracker(shop):
    shop.ask("promote", "will_return", "1")
    shop.ask("promote", "will_return", "2")
    shop.settings.write_text('[stores]\ntracking = "http://127.0.0.1:9"\n')
    made = shop.ask("rollback", "will_return")
    assert "not at version 1 yet" in made["notes"][0]
    assert shop.ask("promote", "will_return", "2", code=1)["error"] == "Transient"
    document = shop.ask("deployments")
    assert [route["version"] for route in document["decisions"][0]["after"]] == ["1"]
    assert "does not answer" in document["notes"][0]
    shop.settings.write_text("")
    assert alias(shop) == "2"
    assert shop.ask("deployments")["notes"] == []
    assert alias(shop) == "1"


def test_killed_behind_the_decision_the_alias_follows_with_the_next_command(shop):
    shop.ask("promote", "will_return", "1")
    metadata = gl.Workspace.open(shop.folder).metadata
    metadata.deployments.decide(Proposal("will_return", "promote", (Route("2"),), "ada", ""), expected=1, at_us=0)
    assert alias(shop) == "1"
    shop.ask("deployments")
    assert alias(shop) == "2"


def test_a_note_is_shown_to_people_at_the_width_of_their_terminal():
    note = "roc_auc is worse than in version 1, beyond both intervals: 0.7 (0.68 to 0.72), was 0.8 (0.78 to 0.82)"
    decided = Decided(Decision(2, "m", "promote", 0, "ada", "", (Route("1"),), (Route("2"),), {}), notes=(note,))
    show_decided(out := Console(record=True, width=80, file=io.StringIO()), decided)
    lines = out.export_text().splitlines()
    assert "note: " + note in " ".join(line.strip() for line in lines)
    assert max(map(len, lines)) <= 80


def test_an_unknown_version_and_model(shop):
    assert shop.ask("promote", "will_return", "9", code=1)["error"] == "NotFound"
    assert shop.ask("promote", "nobody", "1", code=1)["error"] == "NotFound"
    mistyped = shop.ask("promote", "will_retrun", "1", code=1)
    assert mistyped["allowed"] == "will_return"
    assert "did you mean 'will_return'" in mistyped["next_step"]
    assert shop.ask("deployments", "nobody", code=1)["error"] == "NotFound"


def test_everything_on_postgres(shop, postgres):
    shop.settings.write_text(f'[stores]\nmetadata = "{postgres.database(f"shop_{next(_NUMBERS)}")}"\n')
    shop.ask("promote", "will_return", "1")
    shop.ask("promote", "will_return", "2")
    shop.ask("rollback", "will_return")
    assert live(shop) == {"will_return": ["1"]}
    assert shop.ask("token", "create", "web", "--role", "read")["role"] == "read"


def test_tokens(shop):
    made = shop.ask("token", "create", "web", "--role", "predict", "--expires", "90d", "--per-second", "20")
    assert made["token"].startswith(f"gl_{made['id']}_")
    assert made["expires_us"] - made["created_us"] == pytest.approx(90 * 86_400 * 1e6, abs=60e6)
    refused = shop.ask("token", "create", "web", "--role", "read", code=1)
    assert refused["next_step"].endswith("gapless token revoke web")
    (listed,) = shop.ask("token", "list")["tokens"]
    assert listed["state"].startswith("until ")
    assert "digest" not in listed
    assert made["token"] not in json.dumps(listed)
    assert shop.ask("token", "revoke", "web")["revoked_us"] is not None
    assert shop.ask("token", "list")["tokens"][0]["state"].startswith("revoked ")
    assert shop.ask("token", "revoke", "web", code=1)["error"] == "NotFound"
    trail = gl.Workspace.open(shop.folder).metadata.audit.list()
    assert [(one.action, one.outcome) for one in trail[::-1]] == [
        ("token create", "done"),
        ("token create", "refused"),
        ("token revoke", "done"),
        ("token revoke", "refused"),
    ]
    past = shop.ask("token", "create", "x", "--role", "read", "--expires", "2020-01-01", code=1)
    assert past["seen"] == "2020-01-01T00:00:00Z"
    assert main(["token", "create", "x", "--role", "root"]) == 2
    assert main(["token", "create", "x", "--role", "read", "--expires", "soon"]) == 2


def test_incidents(shop):
    metadata = gl.Workspace.open(shop.folder).metadata
    metadata.incidents.report(
        Incident("swap_refused", "will_return", "version 3 is damaged", {"version": "3"}), at_us=1
    )
    (one,) = shop.ask("incidents")["incidents"]
    assert (one["kind"], one["facts"]) == ("swap_refused", {"version": "3"})
    assert shop.ask("incidents", "close", str(one["id"]), "--by", "ada")["closed_by"] == "ada"
    assert shop.ask("incidents")["incidents"] == []
    assert len(shop.ask("incidents", "--all")["incidents"]) == 1
    assert shop.ask("incidents", "close", "99", code=1)["error"] == "NotFound"
    assert main(["incidents", "close"]) == 2


def test_people_read_it_at_eighty_columns(shop, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    long = "a reason that takes more than one line of a terminal, since somebody had much to say about it"
    shown = [
        shop.show("deployments"),
        shop.show("promote", "will_return", "1", "--why", long),
        shop.show("promote", "will_return", "2", "--by", "ada.lovelace@example.org"),
        shop.show("deployments"),
        shop.show("rollback", "will_return"),
        shop.show("deployments", "--history"),
        shop.show("token", "list"),
        shop.show("token", "create", "web", "--role", "predict"),
        shop.show("token", "list"),
        shop.show("incidents"),
    ]
    metadata = gl.Workspace.open(shop.folder).metadata
    metadata.incidents.report(Incident("swap_refused", "will_return", long, {"seen": long[:60]}), at_us=1)
    shown.append(shop.show("incidents"))
    assert max(len(line) for text in shown for line in text.splitlines()) <= 80
    assert "nothing is live; next: gapless promote" in shown[0]
    assert "ada.lovelace@example.org" in shown[3].replace("\n", "") or "ada.lovelace" in shown[3]
    assert "swap_refused" in shown[-1]
