"""Named features of one entity from one source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from gapless.clock import DAY, MINUTE, parse_duration
from gapless.errors import DefinitionError, Site, TypeMismatch, UnknownName, author_site
from gapless.expr import OPSET_VERSION, Expr, Row, columns_of, to_json
from gapless.product.aggregates import Aggregate
from gapless.product.boundary import call_author, site_of
from gapless.product.entity import Entity
from gapless.product.hashing import definition_hash
from gapless.product.names import check_name, check_unique
from gapless.product.source import EventSource
from gapless.schema import Type
from gapless.windows import Window

__all__ = ["Feature", "FeatureView", "feature_view"]


@dataclass(frozen=True)
class Feature:
    """One column: an aggregation over one window. `rank` is 1 for the latest of last_n, 0 elsewhere."""

    name: str
    column: str
    function: str
    input: Expr | None
    where: Expr | None
    window: Window
    type: Type
    n: int = 1
    rank: int = 0

    @cached_property
    def canonical(self) -> dict[str, Any]:
        """What it means, as plain values."""
        return {
            "column": self.column,
            "function": self.function,
            "input": None if self.input is None else to_json(self.input),
            "where": None if self.where is None else to_json(self.where),
            "width_us": self.window.width_us,
            "hop_us": self.window.hop_us,
            "n": self.n,
            "rank": self.rank,
        }


@dataclass(frozen=True, eq=False)
class FeatureView:
    """Named features of one entity from one source. Made by `@feature_view`.

    Parameters:
        name — unique within the product; the first part of its columns, `view__feature_window`.
        keys — the source's columns that hold the entity's keys, in the entity's order.
        freshness — how old what is known of the source may be before answers say so, such as "2h"; no part of what
            the view means. None: its shortest window, but from 5 minutes to 24 hours; 24 hours without a window.
    """

    name: str
    entity: Entity
    source: EventSource
    keys: tuple[str, ...]
    features: tuple[Feature, ...]
    site: Site | None = field(default=None, repr=False)
    freshness: str | timedelta | None = None

    @cached_property
    def freshness_us(self) -> int:
        """The expected freshness in microseconds."""
        if self.freshness is not None:
            return parse_duration(self.freshness)
        return min(max(min(self._widths, default=DAY), 5 * MINUTE), DAY)

    @property
    def has_window(self) -> bool:
        """Whether one of its features looks back for a limited time only."""
        return bool(self._widths)

    @property
    def _widths(self) -> list[int]:
        return [f.window.width_us for f in self.features if f.window.width_us is not None]

    @cached_property
    def inputs(self) -> frozenset[str]:
        """The source's columns that the features read, keys and times not included."""
        expressions = [e for f in self.features for e in (f.input, f.where) if e is not None]
        return columns_of(*expressions)

    @cached_property
    def canonical(self) -> dict[str, Any]:
        """What it means, as plain values: the order of features and unused columns of the source leave it alone."""
        used = sorted(self.inputs | set(self.keys))
        return {
            "opset": OPSET_VERSION,
            "keys": [[key, column] for key, column in zip(self.entity.keys, self.keys, strict=True)],
            "source": {
                "name": self.source.name,
                "columns": {name: self.source.columns[name].value for name in used},
                "event_time": self.source.event_time,
                "known_at": self.source.known_at,
                "delay_us": self.source.delay_us,
                "event_id": self.source.event_id,
            }
            | self.source.derived_from,
            "features": [f.canonical for f in sorted(self.features, key=lambda f: f.column)],
        }

    @cached_property
    def definition_hash(self) -> str:
        """Hex sha256 of what the view means."""
        return definition_hash(self.canonical)


def feature_view(
    *,
    entity: Entity,
    source: EventSource,
    keys: Sequence[str] | None = None,
    name: str | None = None,
    freshness: str | timedelta | None = None,
) -> Callable[[Callable[[Any], Mapping[str, Aggregate]]], FeatureView]:
    """Declare features: the decorated function takes a row of the source and returns name → aggregation.

    Parameters:
        entity — what the features are about.
        source — whose events are aggregated.
        keys — the source's columns for the entity's keys, where they have other names there.
        name — the view's name; the function's, where not given.
        freshness — see FeatureView.

    Raises: an AuthorError with the line at fault.
    """
    site = author_site()
    if freshness is not None:
        parse_duration(freshness)
    columns = tuple(keys) if keys is not None else tuple(entity.keys)
    if len(columns) != len(entity.keys):
        raise DefinitionError(
            f"entity {entity.name!r} has {len(entity.keys)} keys",
            seen=list(columns),
            allowed=f"one column of {source.name!r} for each of {', '.join(entity.keys)}",
            next_step="give keys= in the entity's order",
            where=site,
        )
    for column in columns:
        if column not in source.columns:
            what = f"key column in source {source.name!r} (where it has another name there, keys=[…] says which)"
            raise UnknownName(what, column, source.columns, where=site)

    def declare(function: Callable[[Any], Mapping[str, Aggregate]]) -> FeatureView:
        view_name = name or function.__name__
        where = site_of(function) or site
        check_name("feature view", view_name, where=where)
        made = call_author(f"feature view {view_name!r}", function, source.row())
        features = tuple(_features(view_name, made, where))
        check_unique("feature", (f.name for f in features), where=where)
        return FeatureView(view_name, entity, source, columns, features, where, freshness)

    return declare


def _features(view: str, made: object, where: Site | None) -> Iterator[Feature]:
    if not isinstance(made, Mapping) or not made:
        raise DefinitionError(
            f"feature view {view!r} returns its features by name",
            seen=made,
            allowed='a dict such as {"departures": gl.count(windows=["1h"])} with at least one entry',
            next_step="return that dict",
            where=where,
        )
    for name, aggregate in made.items():
        check_name("feature", name, where=where)
        if not isinstance(aggregate, Aggregate):
            raise _not_an_aggregation(view, name, aggregate, where)
        yield from _expand(view, name, aggregate)


def _not_an_aggregation(view: str, name: str, seen: object, where: Site | None) -> TypeMismatch:
    return TypeMismatch(
        f"feature {name!r} of view {view!r} is not an aggregation",
        seen="a row expression" if isinstance(seen, Expr | Row) else seen,
        allowed="gl.count, gl.sum, gl.mean, gl.last and the other aggregations",
        next_step="wrap the expression, for example gl.last(d.seats); expressions over a request go into gl.on_demand",
        where=where,
    )


def _expand(view: str, name: str, a: Aggregate) -> Iterator[Feature]:
    for span in a.spans:
        for rank in range(1, a.n + 1) if a.function == "last_n" else (0,):
            parts = [name, str(rank) if rank else None, span.label]
            full = "_".join(part for part in parts if part)
            yield Feature(full, f"{view}__{full}", a.function, a.input, a.where, span.window, a.type, a.n, rank)
