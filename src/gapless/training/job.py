"""From a training set to everything a version consists of. Pure: files are bytes, times are parameters.

training set ─► split by time ─► fit ─► ONNX ─► certificate ─► evaluation ─► importance ─► run and bundle
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from gapless.bundle import BundleManifest, CodeVersion, FeatureField, as_json, bundle_files
from gapless.bundle.certificate import Certificate, certify
from gapless.bundle.convert import smallest_batch, to_onnx
from gapless.bundle.golden import Golden, choose_rows
from gapless.bundle.pickled import EstimatorScorer, answer, dump
from gapless.clock import format_instant
from gapless.expr import to_json
from gapless.ports.scorer import GraphRuntime, Scorer
from gapless.ports.tracker import Point, RunRecord
from gapless.product import Model
from gapless.training.evaluate import Evaluation, evaluate
from gapless.training.fit import Fitted, fit, kind_of
from gapless.training.importance import Importance, permutation_importance
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


@dataclass(frozen=True, eq=False)
class _Scoring:
    """A fitted estimator made ready to answer."""

    scorer: Scorer
    files: Mapping[str, bytes]
    takes_missing: bool
    smallest_batch: int
    certificate: Certificate | None


def train(
    model: Model,
    data: TrainingSet,
    *,
    until_us: int | None,
    runtime: GraphRuntime,
    around: Circumstances,
) -> Trained:
    """Fits the author's estimator on what was known before `until_us` and evaluates it on what came after.

    The evaluation scores with what will serve: the ONNX graph, not the estimator.

    Raises: InputError for rows that cannot be learned from; UserCodeError naming the author's line; CertificateFailed
        with the rows on which ONNX and the estimator differ; DefinitionError for an unfit metric or estimator.
    """
    kind = kind_of(model.label.expression.type)
    metrics = check_metrics(model.metrics, kind)
    split = split_by_time(model, data.table, until_us)
    what = f"the estimator of model {model.name!r}"
    fitted = fit(model.estimator, split.learn.features, split.learn.truth, kind=kind, seed=around.seed, what=what)
    scoring = _scoring(model, fitted, split.evaluate, runtime)
    evaluation = _evaluated(model, split.evaluate, scoring.scorer, metrics, around.seed)
    importance = permutation_importance(
        lambda rows: scoring.scorer.score(rows).main,
        split.evaluate.features,
        split.evaluate.truth,
        model.vector,
        metrics[0],
        seed=around.seed,
    )
    manifest = _bundle_manifest(model, data.manifest, fitted, scoring, around)
    bundle, bundle_hash = bundle_files(manifest, scoring.files)
    files = {f"bundle/{name}": content for name, content in bundle.items()} | _reports(data, evaluation, importance)
    run = _run(model, data.manifest, split, fitted, evaluation, bundle_hash, around)
    return Trained(run, files, evaluation, importance, scoring.certificate, split, bundle_hash)


def _scoring(model: Model, fitted: Fitted, held_out: Rows, runtime: GraphRuntime) -> _Scoring:
    reference = answer(fitted.estimator, fitted.kind)
    expressions = as_json({name: to_json(e) for name, e in model.on_demand_expressions.items()})
    if model.runtime == "python":
        return _scoring_python(fitted, held_out, len(model.vector), expressions)
    onnx = to_onnx(fitted.estimator, width=len(model.vector), kind=fitted.kind)
    certificate = certify(
        onnx, kind=fitted.kind, reference=reference, runtime=runtime, held_out=held_out.features, names=model.vector
    ).require()
    fewest = smallest_batch(onnx)
    scorer = runtime.scorer(onnx, takes_missing=certificate.takes_missing, smallest_batch=fewest)
    files = {
        "model.onnx": onnx,
        "expressions.json": expressions,
        "golden.json": _golden(scorer, held_out),
        "certificate.json": as_json(certificate.to_dict()),
    }
    return _Scoring(scorer, files, certificate.takes_missing, fewest, certificate)


def _scoring_python(fitted: Fitted, held_out: Rows, width: int, expressions: bytes) -> _Scoring:
    missing = _takes_missing(fitted, held_out)
    scorer = EstimatorScorer(fitted.estimator, kind=fitted.kind, width=width, takes_missing=missing)
    files = {
        "estimator.pkl": dump(fitted.estimator),
        "expressions.json": expressions,
        "golden.json": _golden(scorer, held_out),
    }
    return _Scoring(scorer, files, missing, 1, None)


def _takes_missing(fitted: Fitted, held_out: Rows) -> bool:
    try:
        answer(fitted.estimator, fitted.kind)(np.full((2, held_out.features.shape[1]), np.nan, np.float32))
    except ValueError:  # scikit-learn's word for "Input contains NaN"
        return False
    return True


def _golden(scorer: Scorer, held_out: Rows) -> bytes:
    rows = choose_rows(held_out.features)
    return as_json(Golden(rows, scorer.score(rows)).to_dict())


def _evaluated(model: Model, rows: Rows, scorer: Scorer, metrics: Sequence[Metric], seed: int) -> Evaluation:
    slices = {name: rows.table.column(name).to_pylist() for name in model.slices}
    return evaluate(rows.truth, scorer.score(rows.features).main, rows.at_us, metrics, slices=slices, seed=seed)


def _bundle_manifest(
    model: Model, data: Manifest, fitted: Fitted, scoring: _Scoring, around: Circumstances
) -> BundleManifest:
    return BundleManifest(
        model=model.name,
        kind=fitted.kind,
        features=tuple(FeatureField(name, model.outputs[name].value) for name in model.vector),
        runtime=model.runtime,
        takes_missing=scoring.takes_missing,
        smallest_batch=scoring.smallest_batch,
        definition_hash=model.definition_hash,
        features_hash=model.features_hash,
        data_hash=data.content_hash,
        code=around.code,
        environment=dict(around.environment),
        created_us=around.started_us,
    )


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
