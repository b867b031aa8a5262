"""From a bundle to a scorer that has shown that it answers right."""

from __future__ import annotations

import pickle

from gapless.bundle.bundle import Bundle
from gapless.bundle.golden import Golden
from gapless.bundle.pickled import EstimatorScorer
from gapless.errors import SettingsError
from gapless.ports.scorer import GraphRuntime, Scorer

__all__ = ["open_scorer"]


def open_scorer(bundle: Bundle, runtime: GraphRuntime, *, allow_pickle: bool = False) -> Scorer:
    """A warm scorer of the bundle that gave its golden answers a moment ago, all at once and one by one.

    Parameters:
        runtime — runs ONNX (`gapless.adapters.onnx.OnnxRuntime()`).
        allow_pickle — for a bundle with runtime "python" only. Reading a pickle runs whatever its writer put there:
            True for bundles that you trained yourself or got from somebody whose code you would run.

    Raises: CorruptData where a file or an answer differs; SettingsError for a pickle without permission.
    """
    manifest = bundle.manifest
    if manifest.runtime == "onnx":
        scorer: Scorer = runtime.scorer(
            bundle.read("model.onnx"), takes_missing=manifest.takes_missing, smallest_batch=manifest.smallest_batch
        )
    else:
        scorer = _unpickled(bundle, allow_pickle)
    Golden.from_dict(bundle.document("golden")).verify(scorer, where=str(bundle.path))
    return scorer


def _unpickled(bundle: Bundle, allow_pickle: bool) -> Scorer:
    if not allow_pickle:
        raise SettingsError(
            "this version is scored by a pickled estimator, and reading a pickle runs its code",
            seen=str(bundle.path),
            allowed="a permission given by the one who calls",
            next_step='pass --allow-pickle, or train the model with runtime="onnx"',
        )
    manifest = bundle.manifest
    estimator = pickle.loads(bundle.read("estimator.pkl"))
    return EstimatorScorer(
        estimator, kind=manifest.kind, width=len(manifest.features), takes_missing=manifest.takes_missing
    )
