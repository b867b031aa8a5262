"""The pandas functions of a product, for reports: what depends on them, where they run, what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from gapless.product import FeatureSet, Label, Product, chain_of

if TYPE_CHECKING:
    from gapless.features import FunctionRun, Group

__all__ = ["RUNS", "declared", "functions_of", "measured", "runnable"]

RUNS = "batch, stream, Spark; not in a request"


def functions_of(features: FeatureSet, label: Label | None = None) -> list[dict[str, Any]]:
    """Each pandas function that features, and the label, depend on, with the views that do."""
    of_label = {} if label is None else {made.name: made for made in chain_of(label.source)}
    return [
        {
            "function": made.name,
            "version": made.version,
            "hash": made.hash,
            "source": made.source.origin.name,
            "inputs": list(made.inputs),
            "outputs": {name: kind.value for name, kind in made.outputs.columns},
            "views": [v.name for v in features.views if any(made.hash == each.hash for each in chain_of(v.source))],
            "label": label.name if label is not None and made.name in of_label else None,
            "runs": RUNS,
        }
        for made in {**of_label, **features.pandas_functions}.values()
    ]


def measured(features: FeatureSet, runs: Sequence[FunctionRun], label: Label | None = None) -> list[dict[str, Any]]:
    """The same with what each did in a run: rows, microseconds per row, rows per second."""
    by_hash = {run.hash: run for run in runs}
    return [
        {**each, "rows": run.rows if run else 0, "us_per_row": run and run.us_per_row, "rows_per_s": run and run.rate}
        for each in functions_of(features, label)
        for run in [by_hash.get(each["hash"])]
    ]


def declared(product: Product) -> list[dict[str, Any]]:
    """Each pandas function of a product, with the views and labels of its models that depend on it."""
    found: dict[str, dict[str, Any]] = {}
    for model in product.models:
        for each in functions_of(model.feature_set, model.label):
            known = found.setdefault(each["function"], {**each, "views": []})
            known["label"] = known["label"] or each["label"]
            known["views"] += [name for name in each["views"] if name not in known["views"]]
    return list(found.values())


def runnable(groups: Iterable[Group], notes: list[str]) -> list[Group]:
    """Those whose functions the product has as their version was trained with them.

    Parameters:
        notes — takes the views of the others: their state stays as it is, is served, and grows old.
    """
    kept = []
    for group in groups:
        lost = [made for made in chain_of(group.source) if made.function is None]
        if not lost:
            kept.append(group)
            continue
        views = ", ".join(dict.fromkeys(column.partition("__")[0] for column in group.output_columns))
        names = ", ".join(f"{made.name!r} ({made.hash[:12]}, version {made.version!r})" for made in lost)
        note = f"left out {views}: the product no longer has pandas function {names}; what was computed is still served"
        if note not in notes:
            notes.append(note)
    return kept
