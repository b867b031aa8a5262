"""From a fitted estimator to the files of its bundle, certificate included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapless.bundle import Bundle, BundleManifest, CodeVersion, FeatureField, as_json, write_bundle
from gapless.bundle.certificate import Certificate, certify, takes_missing
from gapless.bundle.convert import smallest_batch, to_onnx
from gapless.bundle.golden import Golden, choose_rows
from gapless.bundle.pickled import EstimatorScorer, answer, dump
from gapless.bundle.profile import Profile
from gapless.bundle.steps import critical_values, named_steps
from gapless.expr import to_json
from gapless.ports.scorer import Float32, GraphRuntime, Scorer
from gapless.product import Model
from gapless.training.fit import Fitted

__all__ = ["Made", "make_bundle"]


@dataclass(frozen=True, eq=False)
class Made:
    """A bundle on disk and what made it. `certificate` is None for runtime "python": there is nothing to compare."""

    bundle: Bundle
    scorer: Scorer
    certificate: Certificate | None

    def files(self) -> dict[str, bytes]:
        """The bundle's files by relative path, as artifacts of a run: `bundle/manifest.json`, …."""
        names = [*self.bundle.manifest.files, "manifest.json"]
        return {f"bundle/{name}": (self.bundle.path / name).read_bytes() for name in names}


def make_bundle(
    target: Path,
    model: Model,
    fitted: Fitted,
    held_out: Float32,
    *,
    profile: Profile,
    runtime: GraphRuntime,
    data_hash: str,
    code: CodeVersion,
    environment: Mapping[str, str],
    created_us: int,
) -> Made:
    """The bundle of this estimator is at `target`, certified, with a scorer that is ready.

    Parameters:
        held_out — rows of the vector that the estimator has not learned from: for the certificate and golden vectors.
        profile — of the rows that the estimator has learned from.
        runtime — runs ONNX (`gapless.adapters.onnx.OnnxRuntime()`).
        data_hash — of the training set's content.
        created_us — when training began.

    Raises: DefinitionError for an estimator without ONNX form; CertificateFailed with the rows on which ONNX and the
        estimator differ: nothing is written then; StorageError.
    """
    parts = _pickled(model, fitted) if model.runtime == "python" else _graph(model, fitted, held_out, runtime)
    rows = choose_rows(held_out)
    golden = Golden(rows, parts.scorer.score(rows)).to_dict()
    shared = {"golden.json": as_json(golden), "expressions.json": as_json(_expressions(model))}
    shared |= {"profile.json": as_json(profile.to_dict())}
    manifest = BundleManifest(
        model=model.name,
        kind=fitted.kind,
        features=tuple(FeatureField(name, model.outputs[name].value) for name in model.vector),
        runtime=model.runtime,
        takes_missing=parts.takes_missing,
        smallest_batch=parts.smallest_batch,
        definition_hash=model.definition_hash,
        features_hash=model.features_hash,
        data_hash=data_hash,
        code=code,
        environment=dict(environment),
        created_us=created_us,
    )
    return Made(write_bundle(target, manifest, parts.files | shared), parts.scorer, parts.certificate)


@dataclass(frozen=True, eq=False)
class _Parts:
    """What the two runtimes differ in."""

    files: dict[str, bytes]
    scorer: Scorer
    takes_missing: bool
    smallest_batch: int
    certificate: Certificate | None = None


def _pickled(model: Model, fitted: Fitted) -> _Parts:
    width = len(model.vector)
    missing = takes_missing(answer(fitted.estimator, fitted.kind), width)
    scorer = EstimatorScorer(fitted.estimator, kind=fitted.kind, width=width, takes_missing=missing)
    return _Parts({"estimator.pkl": dump(fitted.estimator)}, scorer, missing, 2)


def _graph(model: Model, fitted: Fitted, held_out: Float32, runtime: GraphRuntime) -> _Parts:
    graph = to_onnx(fitted.estimator, width=len(model.vector), kind=fitted.kind)
    certificate = certify(
        graph,
        kind=fitted.kind,
        reference=answer(fitted.estimator, fitted.kind),
        runtime=runtime,
        held_out=held_out,
        names=model.vector,
        steps=named_steps(fitted.estimator),
        critical=critical_values(fitted.estimator, len(model.vector)),
    ).require()
    missing, smallest = certificate.takes_missing, smallest_batch(graph)
    scorer = runtime.scorer(graph, takes_missing=missing, smallest_batch=smallest)
    files = {"model.onnx": graph, "certificate.json": as_json(certificate.to_dict())}
    return _Parts(files, scorer, missing, smallest, certificate)


def _expressions(model: Model) -> dict[str, Any]:
    """What the features mean: canonical views, every on-demand expression as its tree, and the whole to serve from."""
    on_demand = {name: to_json(expression) for name, expression in model.on_demand_expressions.items()}
    return {
        "features": model.canonical_features,
        "on_demand": on_demand,
        "feature_set": model.feature_set.to_document(),
    }
