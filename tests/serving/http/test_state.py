"""Health, readiness, metrics, and the descriptions of models."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gapless.serving.http.exposition import METRICS, exposed
from gapless.serving.http.meters import BOUNDS_S, Meters, Workers, summed
from tests.serving.http.basket import COLUMNS, Baskets, application
from tests.serving.http.client import ask

PATH = "/v1/models/basket/predict"
ROW = {"basket_id": "a", "amount": 10}


def test_a_server_is_alive_whatever_else_and_ready_only_when_it_can_answer():
    models = Baskets()
    app = application(models)
    assert ask(app, "GET", "/readyz").json["ready"] is True
    for change in ({"loaded": False}, {"loaded": True, "away": "no answer"}):
        vars(models).update(change)
        got = ask(app, "GET", "/readyz")
        assert (got.status, got.json["ready"]) == (503, False)
        assert ask(app, "GET", "/v2/health/ready").status == 503
    assert got.json["parts"]["online"] == "no answer"
    assert (ask(app, "GET", "/healthz").status, ask(app, "GET", "/v2/health/live").status) == (200, 200)


def test_who_goes_away_says_so_first_and_still_answers():
    app = application()
    app.service.drain.begin(app.service.ticks())
    ready = ask(app, "GET", "/readyz")
    assert (ready.status, ready.json["draining"], ready.headers["connection"]) == (503, True, "close")
    got = ask(app, "POST", PATH, {"requests": [ROW]})
    assert (got.status, got.headers["connection"]) == (200, "close")


def test_head_is_get_without_its_body():
    got = ask(application(), "HEAD", "/healthz")
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "14")


def test_models_say_what_they_want_to_be_asked():
    app = application()
    assert [one["model"] for one in ask(app, "GET", "/v1/models").json["models"]] == ["basket"]
    got = ask(app, "GET", "/v1/models/basket").json
    assert got["requests"]["columns"] == {name: kind.value for name, kind in COLUMNS.items()}
    assert (got["requests"]["id"], got["requests"]["event_time"]) == ("basket_id", "asked_at")
    assert (got["version"], got["trust"]) == ("7", {"feature_stale": "degraded"})
    assert ask(app, "GET", "/v1/models/nobody").status == 404


# ---- metrics ----


def sample(text: str, name: str, **labels: str) -> float | None:
    """The value of a series, by all of its labels."""
    for line in text.splitlines():
        found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if found and found[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', found[2] or "")) == labels:
            return float(found[3])
    return None


def test_requests_rows_trust_stages_ages_and_versions_are_counted():
    app = application()
    ask(app, "POST", PATH, {"requests": [ROW, {"basket_id": "b"}]})
    ask(app, "POST", PATH, {"requests": [{"amount": 1}]})
    ask(app, "POST", "/nowhere")
    got = ask(app, "GET", "/metrics")
    text = got.body.decode()
    route = "/v1/models/{model}/predict"
    assert got.headers["content-type"].startswith("text/plain")
    assert sample(text, "gapless_requests_total", route=route, method="POST", status="200") == 1
    assert sample(text, "gapless_requests_total", route="other", method="POST", status="404") == 1
    assert sample(text, "gapless_problems_total", route=route, code="missing_field") == 1
    assert sample(text, "gapless_request_seconds_count", route=route) == 2
    assert sample(text, "gapless_rows_total", model="basket", version="7") == 2
    assert sample(text, "gapless_answers_total", model="basket", version="7", trust="unreliable") == 1
    for stage in ("decode", "score", "log"):
        assert sample(text, "gapless_stage_seconds_count", model="basket", stage=stage) == 1
    assert sample(text, "gapless_feature_age_seconds", model="basket", view="shape") == 3600
    assert sample(text, "gapless_model", model="basket", version="7", definition="ab" * 32) == 1
    assert sample(text, "gapless_ready") == 1


def test_what_a_client_chooses_freely_is_no_label():
    app = application()
    for i in range(50):
        ask(app, "POST", f"/v1/models/m{i}/predict")
        ask(app, "GET", f"/p{i}")
        ask(app, f"M{i}", "/healthz")
    assert len(app.service.meters.snapshot.counts) < 10


def test_every_metric_is_in_the_documentation_and_no_other():
    page = (Path(__file__).parents[3] / "docs" / "http.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(gapless_\w+)`", page, re.MULTILINE)) == set(METRICS)


def test_counts_of_processes_add_up_also_of_those_that_are_gone(tmp_path):
    gone = 2**22 + 1  # above the largest process id
    ours, theirs = Meters(pid=1), Meters(pid=gone)
    for meters, rows, took in ((ours, 2, 0.001), (theirs, 3, 0.004)):
        meters.add("gapless_rows", ("m", "1"), rows)
        meters.observe("gapless_request_seconds", ("/r",), took)
        meters.set("gapless_ready", (), rows)
    Workers(tmp_path, theirs).publish()
    here = Workers(tmp_path, ours)
    here.publish()
    whole = summed(here.snapshots())
    assert whole.counts["gapless_rows", ("m", "1")] == 5
    assert whole.gauges["gapless_ready", ()] == 2  # a process that is gone is not ready
    text = exposed(whole).decode()
    assert sample(text, "gapless_request_seconds_sum", route="/r") == pytest.approx(0.005)
    assert sample(text, "gapless_request_seconds_bucket", route="/r", le="0.0025") == 1
    assert sample(text, "gapless_request_seconds_bucket", route="/r", le="+Inf") == 2


def test_reading_counts_does_not_change_them(tmp_path):
    theirs, ours = Meters(pid=1), Meters(pid=1)
    theirs.add("n", ())
    Workers(tmp_path, theirs).publish()
    here = Workers(tmp_path, ours)
    assert [summed(here.snapshots()).counts["n", ()] for _ in range(3)] == [1, 1, 1]
    assert ours.snapshot.counts == {}


def test_every_duration_has_its_bucket():
    meters = Meters(pid=1)
    for bound in BOUNDS_S:
        meters.observe("t", (), bound)
        meters.observe("t", (), bound * 1.01)
    counts = meters.snapshot.histograms["t", ()].counts
    assert counts == [1, *[2] * (len(BOUNDS_S) - 1), 1]
