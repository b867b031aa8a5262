"""A training on a workspace: the run goes through the outbox to the tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gapless.adapters.onnx import OnnxRuntime
from gapless.clock import format_instant
from gapless.drawing import calibration_chart, metric_chart
from gapless.ports.tracker import VersionRecord
from gapless.product import Model
from gapless.training.evaluate import Estimate, Evaluation
from gapless.training.job import Circumstances, Trained
from gapless.training.job import train as train_model
from gapless.training.provenance import code_version, environment
from gapless.training.training_set import TrainingSet
from gapless.workspace.functions import measured
from gapless.workspace.parts import Parts

__all__ = ["TrainReport", "train"]


@dataclass(frozen=True)
class TrainReport:
    """What a training did. `version` is None while the run waits for the tracker; `notes` says why.

    `pandas_functions` says which views depend on them, and what they cost in this run.
    """

    model: str
    version: str | None
    run_key: str
    rows: Mapping[str, int]
    features: int
    until: str
    metrics: Mapping[str, Estimate]
    certificate: Mapping[str, Any] | None
    importance: Sequence[Mapping[str, Any]]
    hashes: Mapping[str, str]
    notes: Sequence[str]
    pandas_functions: Sequence[Mapping[str, Any]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def train(
    parts: Parts, model: Model, data: TrainingSet, until_us: int | None, stage: Callable[[str], None]
) -> TrainReport:
    """Fits, evaluates, writes the run down, and delivers what waits."""
    around = Circumstances(parts.clock.now_us(), code_version(parts.settings.folder), environment())
    trained = train_model(model, data, until_us=until_us, runtime=OnnxRuntime(), around=around, stage=stage)
    stage("deliver to the tracker")
    run = parts.outbox.put(trained.run, {**trained.files, **_charts(model, trained.evaluation)})
    delivery = parts.outbox.deliver_all(parts.tracker)
    return _report(model, data, trained, delivery.version_of(run.key), delivery.error)


def _charts(model: Model, evaluation: Evaluation) -> dict[str, bytes]:
    main = model.metrics[0]
    months = [(part.name, value) for part in evaluation.months if (value := part.metrics[main].value) is not None]
    charts = {"monthly.svg": metric_chart(months, title=f"{model.name}: {main} by month", metric=main)}
    if model.label.expression.type.value == "bool":
        bins = [(one.score, one.truth, one.rows) for one in evaluation.calibration]
        charts["calibration.svg"] = calibration_chart(bins, title=f"{model.name}: calibration")
    return {name: text.encode() for name, text in charts.items()}


def _report(
    model: Model, data: TrainingSet, trained: Trained, version: VersionRecord | None, error: Exception | None
) -> TrainReport:
    split, certificate = trained.split, trained.certificate
    return TrainReport(
        model=model.name,
        version=None if version is None else version.version,
        run_key=trained.run.key,
        rows={
            "requests": data.manifest.rows,
            **data.manifest.counts,
            "learned": len(split.learn),
            "evaluated": trained.evaluation.rows,
            "label_not_yet_known": split.not_yet_known,
        },
        features=len(model.vector),
        until=format_instant(split.until_us),
        metrics=trained.evaluation.metrics,
        certificate=None if certificate is None else certificate.to_dict(),
        importance=[asdict(one) for one in trained.importance],
        hashes={
            "definition": model.definition_hash,
            "features": model.features_hash,
            "training_set": data.manifest.content_hash,
            "bundle": trained.bundle_hash,
        },
        notes=[] if error is None else [_waits(error)],
        pandas_functions=measured(model.feature_set, data.functions, model.label),
    )


def _waits(error: Exception) -> str:
    what = str(error).splitlines()[0]
    return f"the tracker did not take the run ({what}); it waits in the outbox and goes with the next training"
