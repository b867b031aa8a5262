"""The parity certificate: the fitted estimator and its ONNX form, compared where they are likeliest to differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gapless.bundle.behind import acts_alone, brought_back
from gapless.bundle.convert import Kind, features_of_graph, parse
from gapless.bundle.probes import Probes, critical_probes, edge_probes, held_out_probes, split_probes, splits_to_probe
from gapless.bundle.trees import Ensemble, read_ensembles
from gapless.errors import CertificateFailed, InputError
from gapless.ports.scorer import Float32, GraphRuntime

__all__ = ["TOLERANCE", "Certificate", "Offending", "certify", "takes_missing"]

TOLERANCE = 1e-5
_SHOWN = 10
_SPLITS = 60_000

Reference = Callable[[Float32], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Offending:
    """One row on which the two differ by more than the tolerance."""

    origin: str
    features: Mapping[str, float]
    estimator: float
    onnx: float

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.features.items())
        return f"{self.origin}: estimator {self.estimator:.9g}, ONNX {self.onnx:.9g} at {values}"


@dataclass(frozen=True)
class Certificate:
    """What was compared and how it came out.

    Parameters:
        tolerance — the largest difference that passes: absolute for a probability; for a regression relative to
            `scale`, the larger of the prediction and the standard deviation of the held-out predictions.
        rows — number of rows compared, by why they were made.
        splits, splits_probed — branch nodes of all trees, and how many of them rows were sent to.
        thresholds, thresholds_probed — the same for different (feature, threshold) pairs.
        worst — the largest difference seen, in units of the tolerance's own scale.
        takes_missing — whether the estimator answers for a row with a missing feature at all.
        failures — number of rows beyond the tolerance; `offending` shows the worst of them.
        steps — the transformers in front of the model.
    """

    kind: Kind
    tolerance: float
    rows: Mapping[str, int]
    splits: int
    splits_probed: int
    thresholds: int
    thresholds_probed: int
    worst: float
    worst_origin: str
    takes_missing: bool
    failures: int
    offending: tuple[Offending, ...] = field(default=())
    steps: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return self.failures == 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a number that is not finite is text."""
        plain = asdict(self) | {"passed": self.passed, "total_rows": sum(self.rows.values())}
        return {name: _finite(value) for name, value in plain.items()}

    def require(self) -> Certificate:
        """Itself, where it passed.

        Raises: CertificateFailed with the offending rows and the way out.
        """
        if self.passed:
            return self
        shown = "\n".join(f"           {row}" for row in self.offending[:3])
        raise CertificateFailed(
            f"ONNX and the fitted estimator differ on {self.failures} of {sum(self.rows.values())} rows; "
            f"the worst three:\n{shown}",
            seen=f"a difference of {self.worst:.3g} ({self.worst_origin})",
            allowed=f"at most {self.tolerance:g}",
            next_step=f"{_way_out(self.steps)}, or set "
            'runtime="python" for this model (slower, and unpickled at scoring)',
        )


def _way_out(steps: Sequence[str]) -> str:
    if not steps:
        return "take steps such as calibration out from around the trees"
    return f"leave out {', '.join(steps)}, or put something simpler in its place"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def certify(
    model: bytes,
    *,
    kind: Kind,
    reference: Reference,
    runtime: GraphRuntime,
    held_out: Float32,
    names: Sequence[str],
    tolerance: float = TOLERANCE,
    splits_limit: int = _SPLITS,
    steps: Sequence[str] = (),
    critical: Iterable[tuple[int, Float32]] = (),
) -> Certificate:
    """Compares ONNX with the fitted estimator on held-out rows and on rows made around every split of its trees.

    Parameters:
        reference — the estimator's own answer: probability of the class 1, or prediction, as float64.
        runtime — runs ONNX (`gapless.adapters.onnx.OnnxRuntime()`).
        held_out — [n, k], n > 0; rows with a missing value are left out where the estimator does not take any.
        splits_limit — at most so many tree nodes are probed; beyond that different thresholds come first.
        steps — the transformers in front of the model, for people. With any, values far beyond the observed range are
            bounded, since what a scaler makes of the largest float32 is no number.
        critical — (feature, values) at which a step decides otherwise, such as edges of bins.

    Raises: InputError without held-out rows; CertificateFailed where trees stand behind a step that mixes features,
        so that their splits cannot be probed. A difference does not raise: see `Certificate.require`.

    Guarantees: deterministic. Every branch node within the limit is reached by the rows made for it, unless the graph
        already computes something else before.

    Cost: about four rows per tree node; 300 trees of 31 leaves take a second or two.
    """
    missing = takes_missing(reference, held_out.shape[1])
    usable = held_out if missing else held_out[~np.isnan(held_out).any(axis=1)]
    if not len(usable):
        raise InputError(
            "no held-out row to certify the model on",
            seen=f"{len(held_out)} rows",
            next_step="train to an earlier time, so that labelled rows remain after it",
        )
    session = runtime.run(model)
    ensembles = [_in_features(one, model, runtime, usable, steps) for one in read_ensembles(parse(model).graph)]
    chosen = [splits_to_probe(one, splits_limit // len(ensembles)) for one in ensembles]
    output = "probability" if kind == "classification" else "prediction"
    comparison = _Comparison(kind, tolerance, tuple(names), reference, lambda rows: session(rows)[output])
    comparison.set_scale(usable)
    unbounded = bool(ensembles) and _only_trees(ensembles) and not steps
    for probes in _all_probes(usable, missing, ensembles, chosen, unbounded=unbounded):
        comparison.add(probes)
    for probes in critical_probes(critical, usable):
        comparison.add(probes)
    return replace(comparison.certificate(ensembles, chosen, missing), steps=tuple(steps))


def _all_probes(
    held_out: Float32,
    missing: bool,
    ensembles: list[Ensemble],
    chosen: list[npt.NDArray[np.int64]],
    *,
    unbounded: bool,
) -> Iterator[Probes]:
    yield from held_out_probes(held_out)
    yield from edge_probes(held_out, missing=missing, unbounded=unbounded)
    for ensemble, nodes in zip(ensembles, chosen, strict=True):
        yield from split_probes(ensemble, nodes, held_out, missing=missing)


def _only_trees(ensembles: list[Ensemble]) -> bool:
    return all(one.input == "features" for one in ensembles)


def takes_missing(reference: Reference, width: int) -> bool:
    """Whether an estimator answers for a row of missing features."""
    try:
        answer = reference(np.full((1, width), np.nan, np.float32))
    except ValueError:  # scikit-learn's way of saying that it takes none
        return False
    return bool(np.isfinite(answer).all())


def _in_features(
    ensemble: Ensemble, model: bytes, runtime: GraphRuntime, held_out: Float32, steps: Sequence[str]
) -> Ensemble:
    if ensemble.input == "features":
        return ensemble
    before = runtime.run(features_of_graph(model, ensemble.input))

    def step(rows: Float32) -> Float32:
        return before(rows)[ensemble.input]

    if not acts_alone(step, held_out):
        raise CertificateFailed(
            "the trees stand behind a step that mixes or reorders features, so that their splits cannot be probed",
            seen=f"trees behind {', '.join(steps) or ensemble.input}",
            allowed="trees on the features themselves, or behind a step on each feature by itself",
            next_step=f"leave out {', '.join(steps) or 'the step'}, or set "
            'runtime="python" for this model (slower, and unpickled at scoring)',
        )
    return brought_back(ensemble, step, held_out)


class _Comparison:
    """Compares block by block and keeps the worst rows."""

    def __init__(
        self,
        kind: Kind,
        tolerance: float,
        names: tuple[str, ...],
        reference: Reference,
        candidate: Callable[[Float32], Float32],
    ) -> None:
        self._kind, self._tolerance, self._names = kind, tolerance, names
        self._reference, self._candidate = reference, candidate
        self._scale = 1.0
        self._rows: Counter[str] = Counter()
        self._failures, self._worst, self._origin = 0, 0.0, ""
        self._offending: list[tuple[float, Offending]] = []

    def set_scale(self, held_out: Float32) -> None:
        if self._kind == "regression":
            self._scale = float(np.std(self._reference(held_out))) or 1.0

    def add(self, probes: Probes) -> None:
        if not len(probes.rows):
            return
        self._rows[probes.origin] += len(probes.rows)
        expected = self._reference(probes.rows)
        found = self._candidate(probes.rows).astype(np.float64)
        difference = self._difference(expected, found)
        worst = int(np.argmax(difference))
        if difference[worst] > self._worst or not self._origin:
            self._worst, self._origin = float(difference[worst]), probes.origin
        failing = np.flatnonzero(difference > self._tolerance)
        self._failures += len(failing)
        self._keep(
            probes, failing[np.argsort(-difference[failing], kind="stable")][:_SHOWN], expected, found, difference
        )

    def _difference(self, expected: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Infinite where one of the two is no number."""
        scale = np.maximum(np.abs(expected), self._scale) if self._kind == "regression" else 1.0
        with np.errstate(invalid="ignore"):
            apart: npt.NDArray[np.float64] = np.where(expected == found, 0.0, np.abs(expected - found) / scale)
        return np.where(np.isnan(apart), np.inf, apart)

    def _keep(
        self,
        probes: Probes,
        rows: npt.NDArray[np.int64],
        expected: npt.NDArray[np.float64],
        found: npt.NDArray[np.float64],
        difference: npt.NDArray[np.float64],
    ) -> None:
        for row in rows.tolist():
            features = dict(zip(self._names, probes.rows[row].tolist(), strict=True))
            offending = Offending(probes.origin, features, float(expected[row]), float(found[row]))
            self._offending.append((float(difference[row]), offending))
        self._offending = sorted(self._offending, key=lambda pair: -pair[0])[:_SHOWN]

    def certificate(self, ensembles: list[Ensemble], chosen: list[npt.NDArray[np.int64]], missing: bool) -> Certificate:
        return Certificate(
            kind=self._kind,
            tolerance=self._tolerance,
            rows=dict(self._rows),
            splits=sum(len(one.branches) for one in ensembles),
            splits_probed=sum(len(nodes) for nodes in chosen),
            thresholds=sum(_different(one, one.branches) for one in ensembles),
            thresholds_probed=sum(_different(*pair) for pair in zip(ensembles, chosen, strict=True)),
            worst=self._worst,
            worst_origin=self._origin,
            takes_missing=missing,
            failures=self._failures,
            offending=tuple(row for _, row in self._offending),
        )


def _different(ensemble: Ensemble, nodes: npt.NDArray[np.int64]) -> int:
    return len(set(zip(ensemble.feature[nodes].tolist(), ensemble.threshold[nodes].tolist(), strict=True)))
