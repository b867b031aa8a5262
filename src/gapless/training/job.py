"""From a training set to everything a version consists of: files are bytes, the moment and the commit are parameters.

training set ─► split by time ─► fit ─► ONNX ─► certificate ─► evaluation ─► importance ─► run and bundle
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from gapless.bundle import CodeVersion, as_json
from gapless.bundle.certificate import Certificate
from gapless.bundle.profile import profile_of
from gapless.clock import format_instant
from gapless.ports.scorer import GraphRuntime, Scorer
from gapless.ports.tracker import Point, RunRecord
from gapless.product import Model
from gapless.training.evaluate import Evaluation, evaluate
from gapless.training.fit import Fitted, fit, kind_of
from gapless.training.importance import Importance, permutation_importance
from gapless.training.making import make_bundle
from gapless.training.metrics import Metric, check_metrics
from gapless.training.split import Rows, Split, split_by_time
from gapless.training.training_set import Manifest, TrainingSet

__all__ = ["Circumstances", "Trained", "train"]


@dataclass(frozen=True)
class Circumstances:
    """What a training takes from the world around it."""

    started_us: int
    code: CodeVersion
    environment: Mapping[str, str]
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Trained:
    """Everything a version consists of, not yet written anywhere.

    Parameters:
        files — contents by path: `bundle/…`, `evaluation.json`, `importance.json`, `training_set.json`.
    """

    run: RunRecord
    files: Mapping[str, bytes]
    evaluation: Evaluation
    importance: Sequence[Importance]
    certificate: Certificate | None
    split: Split
    bundle_hash: str


def _untold(stage: str) -> None:
    """Nobody watches."""


def train(
    model: Model,
    data: TrainingSet,
    *,
    until_us: int | None,
    runtime: GraphRuntime,
    around: Circumstances,
    stage: Callable[[str], None] = _untold,
) -> Trained:
    """Fits the author's estimator on what was known before `until_us` and evaluates it on what came after.

    The evaluation scores with what will serve: the ONNX graph, not the estimator.

    Parameters:
        stage — told what begins, for people who wait.

    Raises: InputError for rows that cannot be learned from; UserCodeError naming the author's line; CertificateFailed
        with the rows on which ONNX and the estimator differ; DefinitionError for an unfit metric or estimator.
    """
    kind = kind_of(model.label.expression.type)
    metrics = check_metrics(model.metrics, kind, where=model.site)
    split = split_by_time(model, data.table, until_us)
    what = f"the estimator of model {model.name!r}"
    learn = split.learn
    stage(f"fit on {len(learn):,} rows")
    fitted = fit(
        model.estimator, learn.features, learn.truth, kind=kind, names=model.vector, seed=around.seed, what=what
    )
    stage("certificate")
    with tempfile.TemporaryDirectory(prefix="gapless-bundle-") as folder:
        made = make_bundle(
            Path(folder) / "bundle",
            model,
            fitted,
            split.evaluate.features,
            profile=profile_of(learn.features, model.vector, trained_until_us=split.until_us),
            runtime=runtime,
            data_hash=data.manifest.content_hash,
            code=around.code,
            environment=around.environment,
            created_us=around.started_us,
        )
        bundle = made.files()
    stage("evaluation")
    evaluation = _evaluated(model, split.evaluate, made.scorer, metrics, around.seed)
    stage("importance of features")
    importance = permutation_importance(
        lambda rows: made.scorer.score(rows).main,
        split.evaluate.features,
        split.evaluate.truth,
        model.vector,
        metrics[0],
        seed=around.seed,
    )
    run = _run(model, data.manifest, split, fitted, evaluation, made.bundle.hash, around)
    files = bundle | _reports(data, evaluation, importance)
    return Trained(run, files, evaluation, importance, made.certificate, split, made.bundle.hash)


def _evaluated(model: Model, rows: Rows, scorer: Scorer, metrics: Sequence[Metric], seed: int) -> Evaluation:
    slices = {name: rows.table.column(name).to_pylist() for name in model.slices}
    return evaluate(rows.truth, scorer.score(rows.features).main, rows.at_us, metrics, slices=slices, seed=seed)


def _reports(data: TrainingSet, evaluation: Evaluation, importance: Sequence[Importance]) -> dict[str, bytes]:
    return {
        "evaluation.json": as_json(evaluation.to_dict()),
        "importance.json": as_json([asdict(one) for one in importance]),
        "training_set.json": as_json(data.manifest.to_dict()),
    }


def _run(
    model: Model,
    data: Manifest,
    split: Split,
    fitted: Fitted,
    evaluation: Evaluation,
    bundle_hash: str,
    around: Circumstances,
) -> RunRecord:
    return RunRecord(
        key=hashlib.sha256(f"{around.started_us} {bundle_hash}".encode()).hexdigest()[:32],
        model=model.name,
        started_us=around.started_us,
        ended_us=around.started_us,
        params=_params(model, data, split, fitted),
        metrics=_metrics(evaluation, split),
        curves=_curves(evaluation),
        tags={
            "definition_hash": model.definition_hash,
            "features_hash": model.features_hash,
            "data_hash": data.content_hash,
            "bundle_hash": bundle_hash,
            "git_commit": around.code.commit,
            "git_dirty": str(around.code.dirty).lower(),
            "runtime": model.runtime,
            **{f"source.{name}": f"version {version}" for name, version in data.sources.items()},
        },
        artifacts=Path(),
    )


def _params(model: Model, data: Manifest, split: Split, fitted: Fitted) -> dict[str, str]:
    found = fitted.estimator.get_params() if hasattr(fitted.estimator, "get_params") else {}
    return {f"estimator.{name}": repr(value)[:500] for name, value in sorted(found.items())} | {
        "estimator": type(fitted.estimator).__name__,
        "features": str(len(model.vector)),
        "train_from": "the beginning" if data.from_us is None else format_instant(data.from_us),
        "train_until": format_instant(split.until_us),
        "known_by": format_instant(data.known_by_us),
    }


def _metrics(evaluation: Evaluation, split: Split) -> dict[str, float]:
    found = {
        "rows.learned": float(len(split.learn)),
        "rows.evaluated": float(evaluation.rows),
        "rows.unanswered": float(evaluation.unanswered),
        "rows.label_not_yet_known": float(split.not_yet_known),
        "base_rate": evaluation.base_rate,
    }
    for name, estimate in evaluation.metrics.items():
        ends = {name: estimate.value, f"{name}.low": estimate.low, f"{name}.high": estimate.high}
        found |= {key: value for key, value in ends.items() if value is not None}
    return found


def _curves(evaluation: Evaluation) -> dict[str, tuple[Point, ...]]:
    curves: dict[str, tuple[Point, ...]] = {}
    for name in evaluation.metrics:
        points = [
            Point(step, _month_us(part.name), value)
            for step, part in enumerate(evaluation.months)
            if (value := part.metrics[name].value) is not None
        ]
        curves[f"monthly/{name}"] = tuple(points)
    return {name: points for name, points in curves.items() if points}


def _month_us(month: str) -> int:
    return int(datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC).timestamp()) * 1_000_000
