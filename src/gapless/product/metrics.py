"""The names of metrics and what each is for; how they are computed is training's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from gapless.errors import DefinitionError, Site, UnknownName

__all__ = ["LESS_IS_BETTER", "METRIC_KINDS", "Kind", "check_metric_names"]

Kind = Literal["classification", "regression"]

METRIC_KINDS: Mapping[str, Kind] = {
    "roc_auc": "classification",
    "average_precision": "classification",
    "log_loss": "classification",
    "brier": "classification",
    "accuracy": "classification",
    "calibration_error": "classification",
    "rmse": "regression",
    "mae": "regression",
    "r2": "regression",
}

LESS_IS_BETTER = frozenset({"log_loss", "brier", "calibration_error", "rmse", "mae"})
"""Of the others, more is."""


def check_metric_names(names: Iterable[str], kind: Kind, *, where: Site | None = None) -> None:
    """Raises: UnknownName; DefinitionError for a metric that does not fit the label."""
    for name in names:
        if name not in METRIC_KINDS:
            raise UnknownName("metric", name, METRIC_KINDS, where=where)
        if METRIC_KINDS[name] != kind:
            raise DefinitionError(
                f"metric {name!r} is for a {METRIC_KINDS[name]}",
                seen=f"a label that makes a {kind}",
                allowed=", ".join(one for one, its in METRIC_KINDS.items() if its == kind),
                next_step="name one of these in metrics=, or change the label's value",
                where=where,
            )
