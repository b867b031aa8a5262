"""What has to be read and aggregated for the views of a model, with shared work shared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gapless.expr import Expr, columns_of, fingerprint
from gapless.product import EventSource, Feature, FeatureView
from gapless.windows import Spec

__all__ = ["Group", "InputPlan", "plan_groups"]


@dataclass(frozen=True)
class InputPlan:
    """One aggregation input: a row expression, kept where `where` is true. `value` None: rows are counted."""

    value: Expr | None
    where: Expr | None

    def named(self, position: int) -> dict[str, Expr]:
        """The expressions to evaluate over a row of the source, by output name."""
        pair = {f"value{position}": self.value, f"where{position}": self.where}
        return {name: e for name, e in pair.items() if e is not None}


@dataclass(frozen=True)
class Group:
    """Everything that reads one source by one key: one pass over its events serves all of it.

    Parameters:
        keys — (request column, source column) of each part of the key.
        specs — each with the output columns it fills, in order.
    """

    source: EventSource
    keys: tuple[tuple[str, str], ...]
    inputs: tuple[InputPlan, ...]
    specs: tuple[tuple[Spec, tuple[str, ...]], ...]

    @property
    def expressions(self) -> dict[str, Expr]:
        """Every row expression over the source, by output name."""
        return {name: e for i, plan in enumerate(self.inputs) for name, e in plan.named(i).items()}

    @property
    def columns(self) -> frozenset[str]:
        """The source's columns to read, event_time included, known_at not."""
        keys = {column for _, column in self.keys}
        return columns_of(*self.expressions.values()) | keys | {self.source.event_time}

    @property
    def output_columns(self) -> tuple[str, ...]:
        return tuple(column for _, columns in self.specs for column in columns)

    @property
    def row_bytes(self) -> int:
        """Bytes of one encoded event: key, two times, a value and its validity per input."""
        return 20 + 9 * len(self.inputs)

    def start_us(self, first_request_us: int) -> int | None:
        """The earliest event time that a request from then on can see; None: the beginning."""
        lowers = [spec.window.lower(first_request_us) for spec, _ in self.specs if spec.window.width_us is not None]
        return min(lowers) if len(lowers) == len(self.specs) else None


def plan_groups(views: Iterable[FeatureView]) -> tuple[Group, ...]:
    """One Group for each (source, key), in order of first use."""
    found: dict[object, list[FeatureView]] = {}
    for view in views:
        found.setdefault((view.source.name, view.entity.keys, view.keys), []).append(view)
    return tuple(_group(members) for members in found.values())


def _group(views: list[FeatureView]) -> Group:
    source, keys = views[0].source, tuple(zip(views[0].entity.keys, views[0].keys, strict=True))
    inputs: dict[object, tuple[int, InputPlan]] = {}
    specs: dict[Spec, list[str]] = {}
    for feature in (f for view in views for f in view.features):
        spec = Spec(feature.function, _input_of(feature, inputs), feature.window, feature.n)
        specs.setdefault(spec, []).append(feature.column)
    return Group(source, keys, tuple(p for _, p in inputs.values()), tuple(_columns(specs)))


def _input_of(feature: Feature, inputs: dict[object, tuple[int, InputPlan]]) -> int | None:
    if feature.input is None and feature.where is None:
        return None
    identity = tuple(None if e is None else fingerprint(e) for e in (feature.input, feature.where))
    return inputs.setdefault(identity, (len(inputs), InputPlan(feature.input, feature.where)))[0]


def _columns(specs: Mapping[Spec, list[str]]) -> Iterable[tuple[Spec, tuple[str, ...]]]:
    # Two views may name the same value; the kernel computes it once for each name, which is rare and cheap enough.
    for spec, columns in specs.items():
        for start in range(0, len(columns), spec.width):
            yield spec, tuple(columns[start : start + spec.width])
