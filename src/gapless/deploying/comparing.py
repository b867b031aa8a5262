"""What somebody should hear of a version's metrics beside those of the version that it takes the place of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gapless.product.metrics import LESS_IS_BETTER, METRIC_KINDS

__all__ = ["worse"]

Metrics = Mapping[str, float]


def worse(candidate: Metrics, live: Metrics, *, live_version: str) -> Iterator[str]:
    """A sentence for each metric whose whole interval is worse than the whole interval of what is live.

    Parameters:
        candidate, live — metrics with their ends, `NAME`, `NAME.low` and `NAME.high`, each on its own evaluation. One
            without an interval on both sides says nothing.

    Examples:
        >>> good = {"roc_auc": 0.8, "roc_auc.low": 0.78, "roc_auc.high": 0.82}
        >>> bad = {"roc_auc": 0.7, "roc_auc.low": 0.68, "roc_auc.high": 0.72}
        >>> list(worse(bad, good, live_version="3"))
        ['roc_auc is worse than in version 3, beyond both intervals: 0.7 (0.68 to 0.72), was 0.8 (0.78 to 0.82)']
        >>> list(worse(good, bad, live_version="3"))
        []
    """
    for name in METRIC_KINDS:
        ends = (f"{name}.low", f"{name}.high")
        if all(end in metrics for metrics in (candidate, live) for end in (name, *ends)) and _is_worse(
            name, candidate, live
        ):
            yield (
                f"{name} is worse than in version {live_version}, beyond both intervals: "
                f"{_shown(name, candidate)}, was {_shown(name, live)}"
            )


def _is_worse(name: str, candidate: Metrics, live: Metrics) -> bool:
    if name in LESS_IS_BETTER:
        return candidate[f"{name}.low"] > live[f"{name}.high"]
    return candidate[f"{name}.high"] < live[f"{name}.low"]


def _shown(name: str, metrics: Metrics) -> str:
    return f"{metrics[name]:.4g} ({metrics[f'{name}.low']:.4g} to {metrics[f'{name}.high']:.4g})"
