"""What every Tracker keeps, as one check for ours and for a stranger's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gapless.errors import BugError, NotFound
from gapless.ports.tracker import BUNDLE, Point, RunRecord, Tracker, VersionRecord

__all__ = ["TRACKER_CHECKS", "check_tracker"]

Factory = Callable[[], Tracker]

_STARTED = 1_383_264_000_000_000
_FILES = {"evaluation.json": b'{"rows": 3}\n', "bundle/manifest.json": b"{}\n", "bundle/model.onnx": bytes(range(256))}


def check_tracker(factory: Factory) -> None:
    """Returns where the tracker keeps the contract of `gapless.ports.tracker.Tracker`.

    Parameters:
        factory — a client of one and the same tracker, at every call a new one. The tracker is empty, or holds runs of
            other models than those that begin with "check_".

    Raises: BugError naming what is not kept.
    """
    for check in TRACKER_CHECKS:
        check(factory)


def run_comes_back_whole(factory: Factory) -> None:
    with _run("whole") as run:
        version = _delivered(factory(), run)
        found = factory().version(run.model, version.version)
        _require(found == version, "a version reads as it was registered")
        _require(dict(found.metrics) == dict(run.metrics), "metrics keep every bit")
        _require(dict(found.params) == dict(run.params), "params are kept")
        _require(run.tags.items() <= found.tags.items(), "the version has the run's tags")
        _require(found.run_key == run.key, "the version names its run")
        _require(factory().curves(found) == dict(run.curves), "curves keep every point")


def artifacts_come_back(factory: Factory) -> None:
    with _run("files") as run, tempfile.TemporaryDirectory() as into:
        tracker = factory()
        version = _delivered(tracker, run)
        bundle = tracker.fetch(version, BUNDLE, Path(into))
        _require((bundle / "model.onnx").read_bytes() == _FILES["bundle/model.onnx"], "the bundle keeps every byte")
        one = tracker.fetch(version, "evaluation.json", Path(into))
        _require(one.read_bytes() == _FILES["evaluation.json"], "a single file is fetched")
        _require(_missing(lambda: tracker.fetch(version, "nothing.json", Path(into))), "no such artifact is NotFound")


def delivered_twice_is_once(factory: Factory) -> None:
    with _run("twice") as run:
        first, second = _delivered(factory(), run), _delivered(factory(), run)
        _require(first == second, "the second delivery returns the first version")
        _require(len(factory().versions(run.model)) == 1, "two deliveries are one version")


def versions_count_up(factory: Factory) -> None:
    with _run("many") as run:
        keys = [f"{number:032x}" for number in range(3)]
        made = [_delivered(factory(), replace(run, key=f"{run.key[:8]}{key[8:]}")) for key in keys]
        _require([one.version for one in made] == ["1", "2", "3"], "versions count up from 1")
        _require(factory().versions(run.model) == made[::-1], "versions are listed newest first")
        _require(factory().version(run.model) == made[-1], "no number is the newest version")
        known = factory().versions()
        _require(all(version in known for version in made), "versions of all models are listed together")


def unknown_is_not_found(factory: Factory) -> None:
    with _run("known") as run:
        tracker = factory()
        _require(tracker.versions("check_nobody") == [], "a model without versions has an empty list")
        _require(_missing(lambda: tracker.version("check_nobody")), "an unknown model is NotFound")
        _delivered(tracker, run)
        _require(_missing(lambda: tracker.version(run.model, "9999")), "an unknown version is NotFound")


def an_alias_moves(factory: Factory) -> None:
    with _run("alias") as run:
        made = [_delivered(factory(), replace(run, key=f"{number:032x}")) for number in range(2)]
        for version in (*made, made[0], made[0]):
            factory().alias(version, "live")
        _require(factory().versions(run.model) == made[::-1], "an alias changes no version")
        unknown = replace(made[0], version="9999")
        _require(_missing(lambda: factory().alias(unknown, "live")), "an alias of no version is NotFound")


def large_run_is_kept(factory: Factory) -> None:
    with _run("large") as run:
        points = tuple(Point(step, _STARTED + step * 1_000_000, step / 7) for step in range(1200))
        params = {f"feature.{i}": "x" * 300 for i in range(250)}
        large = replace(run, curves={"monthly/roc_auc": points}, params=params)
        version = _delivered(factory(), large)
        _require(factory().curves(version) == {"monthly/roc_auc": points}, "1,200 points of a curve are kept")
        _require(dict(version.params) == params, "250 params are kept")


TRACKER_CHECKS = (
    run_comes_back_whole,
    artifacts_come_back,
    delivered_twice_is_once,
    versions_count_up,
    unknown_is_not_found,
    an_alias_moves,
    large_run_is_kept,
)


@contextmanager
def _run(name: str) -> Iterator[RunRecord]:
    """A run whose model no other check uses."""
    with tempfile.TemporaryDirectory() as folder:
        for path, data in _FILES.items():
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / path).write_bytes(data)
        yield RunRecord(
            key=f"{name.encode().hex():0<32}",
            model=f"check_{name}",
            started_us=_STARTED,
            ended_us=_STARTED + 60_000_000,
            params={"estimator": "HistGradientBoostingClassifier", "estimator.max_iter": "100", "until": "2013-11-01"},
            metrics={"roc_auc": 0.7629999999999999, "roc_auc.low": 0.1 + 0.2, "log_loss": 1e-300},
            curves={"monthly/roc_auc": (Point(0, _STARTED, 0.75), Point(1, _STARTED + 2_678_400_000_000, 0.5))},
            tags={"gapless.definition_hash": "d" * 64, "gapless.dirty": "false"},
            artifacts=Path(folder),
        )


def _delivered(tracker: Tracker, run: RunRecord) -> VersionRecord:
    return tracker.register(run, tracker.write_run(run))


def _require(kept: bool, what: str) -> None:
    if not kept:
        raise BugError(f"a tracker does not keep its contract: {what}")


def _missing(call: Callable[[], object]) -> bool:
    try:
        call()
    except NotFound:
        return True
    return False
