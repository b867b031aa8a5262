"""From the command line to a registered version and its predictions, through kills and a dead tracker."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap

import pytest
from deltalake import DeltaTable

import gapless as gl
from gapless.bundle import read_bundle
from gapless.cli import main
from gapless.clock import DAY, parse_instant
from tests.cli.shop import PRODUCT, answer, copy, ingest_all, make_shop


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    ingest_all(folder)
    assert main(["train", "will_return", "--until", "2024-01-28", "--workspace", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def shop(trained, tmp_path):
    """A copy, so that a test may break it."""
    folder = copy(trained, tmp_path / "shop")
    database = folder / ".gapless" / "mlflow.db"
    assert database.exists()
    return folder


def test_a_version_with_its_lineage(trained, capsys):
    (version,) = answer(capsys, "models", "--workspace", str(trained))["versions"]
    model = gl.Workspace.open(trained).product.model("will_return")
    assert (version["model"], version["version"]) == ("will_return", "1")
    assert version["tags"]["definition_hash"] == model.definition_hash
    assert version["tags"]["source.orders"] == "version 0"
    assert 0.5 < version["metrics"]["roc_auc.low"] < version["metrics"]["roc_auc"] < version["metrics"]["roc_auc.high"]


def test_all_of_a_version(trained, capsys):
    shown = answer(capsys, "models", "show", "will_return", "--workspace", str(trained))
    assert shown["certificate"]["passed"] is True
    assert shown["certificate"]["splits_probed"] == shown["certificate"]["splits"] > 0
    assert shown["importance"][0]["feature"] in ("basket__amount", "basket__over")
    assert shown["training set"]["counts"] == {"labelled": 1_500}
    assert [part["name"] for part in shown["evaluation"]["months"]] == ["2024-01", "2024-02"]
    assert main(["models", "show", "will_return", "1", "--workspace", str(trained)]) == 0
    assert "importance, by shuffling" in capsys.readouterr().out


def test_a_version_that_is_not_there(trained, capsys):
    assert (
        answer(capsys, "models", "show", "will_return", "9", "--workspace", str(trained), code=1)["error"] == "NotFound"
    )


def predict(capsys, folder, *words):
    return answer(capsys, "predict", "will_return", "--workspace", str(folder), "--out", str(folder / "out"), *words)


def rows(folder):
    return DeltaTable(folder / "out").to_pyarrow_table().sort_by("request_id")


def test_a_file_and_ingested_requests_get_the_same_answers(shop, capsys):
    report = predict(capsys, shop, "--requests", str(shop / "checkouts.parquet"))
    assert (report["rows"], report["rows_repeated"]) == (1_500, 0)
    assert predict(capsys, shop, "--requests", str(shop / "checkouts.parquet"))["rows_repeated"] == 1_500
    first = rows(shop)
    (shop / "out").rename(shop / "earlier")
    predict(capsys, shop, "--from", "2024-01-01")
    assert rows(shop) == first
    assert first.num_rows == 1_500


def test_predictions_say_how_far_to_trust_them(shop, capsys):
    words = ["--workspace", str(shop), "--out", str(shop / "out"), "--from", "2024-02-01"]
    assert main(["predict", "will_return", *words]) == 0
    printed = capsys.readouterr().out
    found = rows(shop)
    counts = {level: found["trust"].to_pylist().count(level) for level in ("ok", "degraded")}
    assert sum(counts.values()) == found.num_rows
    assert f"trust          ok {counts['ok']}, degraded {counts['degraded']}" in printed
    reasons = [json.loads(text) for text in found["reasons"].to_pylist()]
    assert {one["code"] for reason in reasons for one in reason} <= {"out_of_range", "entity_unseen"}
    assert [bool(reason) for reason in reasons] == [level != "ok" for level in found["trust"].to_pylist()]


def test_predictions_as_of_a_moment_of_knowledge(shop, capsys):
    everything = predict(capsys, shop, "--from", "2024-02-01")
    (shop / "out").rename(shop / "all")
    as_of = predict(capsys, shop, "--from", "2024-02-01", "--known-by", "2024-02-03")
    assert as_of["run"] != everything["run"]
    stale = [json.loads(text) for text in rows(shop)["reasons"].to_pylist()]
    ages = [one["age_us"] for reasons in stale for one in reasons if one["code"] == "feature_stale"]
    assert 0 < len(ages) < len(stale)
    assert min(ages) > DAY
    assert rows(shop)["probability"] != DeltaTable(shop / "all").to_pyarrow_table().sort_by("request_id")["probability"]


def test_rules_of_trust_are_tuned_without_training(shop, capsys):
    text = PRODUCT.replace(
        "metrics=[", "trust=gl.Trust(levels={'model_old': 'unreliable'}, max_model_age='6d'), metrics=["
    )
    (shop / "product.py").write_text(text)
    report = predict(capsys, shop, "--from", "2024-02-01")
    assert report["trust"]["unreliable"] > 0
    old = [level == "unreliable" for level in rows(shop)["trust"].to_pylist()]
    late = [at.timestamp() > parse_instant("2024-02-03") / 1e6 for at in rows(shop)["as_of"].to_pylist()]
    assert old == late


def test_prediction_needs_requests(trained, capsys):
    words = ["predict", "will_return", "--workspace", str(trained), "--out", "x"]
    assert "--requests FILE" in answer(capsys, *words, code=1)["next_step"]


def test_a_bad_request_is_named_by_its_row(shop, capsys):
    (shop / "bad.csv").write_text(
        "checkout_id,customer_id,amount,asked_at\na,c1,2.5,2024-01-20T00:00:00Z\nb,c1,x,2024-01-20\n"
    )
    words = ["predict", "will_return", "--workspace", str(shop), "--out", str(shop / "out"), "--requests"]
    document = answer(capsys, *words, str(shop / "bad.csv"), code=1)
    assert document["where"].endswith("bad.csv, row 2, column amount")
    assert not (shop / "out").exists()


def test_a_changed_definition_is_not_scored_by_an_old_version(shop, capsys):
    (shop / "product.py").write_text(
        PRODUCT.replace('windows=["7d"]', 'windows=["8d"]').replace("usual_7d", "usual_8d")
    )
    words = ["predict", "will_return", "--workspace", str(shop), "--out", str(shop / "out"), "--from", "2024-01-01"]
    document = answer(capsys, *words, code=1)
    assert document["error"] == "DefinitionError"
    assert "train a version" in document["next_step"]


def test_a_corrupt_bundle_is_refused(shop, capsys):
    predict(capsys, shop, "--from", "2024-02-01")
    (kept,) = (shop / ".gapless" / "bundles").glob("will_return-*")
    (kept / "model.onnx").write_bytes((kept / "model.onnx").read_bytes()[:-1] + b"x")
    words = ["predict", "will_return", "--workspace", str(shop), "--out", str(shop / "out"), "--from", "2024-01-01"]
    assert "model.onnx" in answer(capsys, *words, code=1)["what"]


def test_a_dead_tracker_loses_nothing(shop, capsys):
    (shop / "gapless.toml").write_text('[stores]\ntracking = "http://127.0.0.1:9"\n')
    report = answer(capsys, "train", "will_return", "--workspace", str(shop))
    assert report["version"] is None
    assert "waits in the outbox" in report["notes"][0]
    assert answer(capsys, "status", "--workspace", str(shop))["outbox"] == 1
    (shop / "gapless.toml").write_text("")
    delivery = gl.Workspace.open(shop).deliver()
    assert [v.run_key for v in delivery.delivered] == [report["run_key"]]
    assert answer(capsys, "status", "--workspace", str(shop))["outbox"] == 0


KILLED = """
    import os, signal, sys
    from gapless.training import job
    from gapless.workspace import training

    def die(*args, **named):
        os.kill(os.getpid(), signal.SIGKILL)

    places = {"fit": (job, "fit"), "evaluate": (job, "evaluate"), "charts": (training, "metric_chart")}
    setattr(*places[sys.argv[1]], die)
    from gapless.cli import main
    main(["train", "will_return", "--workspace", sys.argv[2], "--json"])
"""


@pytest.mark.parametrize("point", ["fit", "evaluate", "charts"])
def test_killed_while_training_leaves_nothing_half_done(shop, capsys, point):
    code = textwrap.dedent(KILLED)
    killed = subprocess.run([sys.executable, "-c", code, point, str(shop)], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert answer(capsys, "status", "--workspace", str(shop))["outbox"] == 0
    assert len(answer(capsys, "models", "--workspace", str(shop))["versions"]) == 1


def test_the_same_training_gives_the_same_model(shop, tmp_path):
    again = gl.Workspace.open(shop)
    report = again.train("will_return", until_us=parse_instant("2024-01-28"))
    models = [again.tracker.fetch(v, "bundle", tmp_path_for(tmp_path, v)) for v in again.versions("will_return")]
    assert report.version == "2"
    assert len({read_bundle(path).read("model.onnx") for path in models}) == 1


def tmp_path_for(tmp_path, version):
    folder = tmp_path / version.version
    folder.mkdir()
    return folder


def test_an_author_whose_estimator_raises(shop, capsys):
    text = PRODUCT.replace("def estimator():", "def estimator():\n    raise RuntimeError('no such thing')")
    (shop / "product.py").write_text(text)
    document = answer(capsys, "train", "will_return", "--workspace", str(shop), code=1)
    assert document["error"] == "UserCodeError"
    assert "product.py:" in document["where"]


def test_a_split_without_rows_says_which_moments_work(shop, capsys):
    document = answer(capsys, "train", "will_return", "--until", "2023-01-01", "--workspace", str(shop), code=1)
    assert "2024-01-01" in document["allowed"]


def test_a_full_disk_while_predicting(shop):
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); from gapless.cli import main; "
    )
    words = [
        "predict",
        "will_return",
        "--workspace",
        str(shop),
        "--out",
        str(shop / "out"),
        "--from",
        "2024-01-01",
        "--json",
    ]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", f"{limited} sys.exit(main({words!r}))"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert '"error": "StorageError"' in done.stdout


def test_predictions_go_where_a_link_leads(shop, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (shop / "latest").symlink_to(elsewhere)
    gl.Workspace.open(shop).predict("will_return", shop / "latest", requests=shop / "checkouts.parquet")
    assert len(DeltaTable(elsewhere).to_pyarrow_table()) == 1_500


def test_ingested_requests_are_scored_without_any_label(shop):
    shutil.rmtree(shop / ".gapless" / "offline" / "sources" / "returns")
    report = gl.Workspace.open(shop).predict("will_return", shop / "out", from_us=0)
    assert (report.rows, sorted(report.sources)) == (1_500, ["checkouts", "orders"])
