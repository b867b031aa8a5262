"""Everything there is to know to compute the features of a request, without the code that declared them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from gapless.errors import AuthorError, CorruptData, GaplessError
from gapless.expr import OPSET_VERSION, Expr, columns_of, from_json, to_json
from gapless.product.entity import Entity
from gapless.product.hashing import definition_hash
from gapless.product.on_demand import BoundOnDemand
from gapless.product.pandas_function import bound, chain_of, rederived
from gapless.product.source import Derivation, EventSource
from gapless.product.view import Feature, FeatureView
from gapless.schema import Schema, Type
from gapless.windows import Window

__all__ = ["FeatureSet"]

_FORMAT = 1
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """The features of a model as values: what a bundle carries, so that serving needs neither product nor checkout.

    Parameters:
        requests — the source whose columns a request has.
        views, on_demands — in the author's order, an on_demand after what it reads.

    Guarantees: `from_document(to_document())` computes the same bits and has the same hash.

    Examples:
        >>> from datetime import datetime
        >>> asks = EventSource("asks", schema={"id": str, "x": float, "t": datetime}, event_time="t", event_id="id")
        >>> double = BoundOnDemand("own", {"own__double": asks.row().x * 2})
        >>> features = FeatureSet(asks, (), (double,))
        >>> features.vector, FeatureSet.from_document(features.to_document()).features_hash == features.features_hash
        (('own__double',), True)
    """

    requests: EventSource
    views: tuple[FeatureView, ...]
    on_demands: tuple[BoundOnDemand, ...]

    @cached_property
    def on_demand_expressions(self) -> dict[str, Expr]:
        """Output column → expression, over all on_demands."""
        return {column: e for part in self.on_demands for column, e in part.expressions.items()}

    @cached_property
    def outputs(self) -> dict[str, Type]:
        """Every feature column with its type, ordered by name."""
        return dict(sorted(self.columns()))

    def columns(self) -> Iterator[tuple[str, Type]]:
        """Every feature column with its type, in the author's order."""
        for view in self.views:
            yield from ((f.column, f.type) for f in view.features)
        yield from ((column, e.type) for column, e in self.on_demand_expressions.items())

    @cached_property
    def vector(self) -> tuple[str, ...]:
        """The columns that the estimator sees, in its order."""
        return tuple(column for column, kind in self.outputs.items() if kind.is_numeric)

    @cached_property
    def request_only(self) -> tuple[str, ...]:
        """The part of the vector that needs nothing but the request's own columns."""
        own = set(self.requests.columns)
        for column, e in self.on_demand_expressions.items():
            if columns_of(e) <= own:
                own.add(column)
        return tuple(column for column in self.vector if column in own)

    @cached_property
    def canonical(self) -> dict[str, Any]:
        """What the features mean, as plain values."""
        own = self.requests.columns
        read = columns_of(*self.on_demand_expressions.values())
        keys = {key for view in self.views for key in view.entity.keys}
        return {
            "opset": OPSET_VERSION,
            "requests": {
                "name": self.requests.name,
                "event_time": self.requests.event_time,
                "event_id": self.requests.event_id,
                "columns": {name: own[name].value for name in sorted(own) if name in read | keys},
            },
            "views": {view.name: view.canonical for view in self.views},
            "on_demand": {part.name: part.canonical for part in self.on_demands},
        }

    @cached_property
    def features_hash(self) -> str:
        """Hex sha256 of what the features mean: the same training-set columns for the same events."""
        return definition_hash(self.canonical)

    @property
    def pandas_functions(self) -> dict[str, Derivation]:
        """Every pandas function that a view reads, by name, those that others read included."""
        return {each.name: each for view in self.views for each in chain_of(view.source)}

    def with_functions(self, functions: Mapping[str, Derivation]) -> FeatureSet:
        """The same features with the pandas functions of a product, where it has those that these were made with."""
        if not self.pandas_functions:
            return self
        views = tuple(replace(view, source=bound(view.source, functions)) for view in self.views)
        return FeatureSet(self.requests, views, self.on_demands)

    def to_document(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        own = (self.requests, *(view.source for view in self.views))
        read = (each.source for view in self.views for each in chain_of(view.source))
        sources = {source.name: source for source in (*own, *read)}
        return {
            "format": _FORMAT,
            "opset": OPSET_VERSION,
            "features_hash": self.features_hash,
            "requests": self.requests.name,
            "sources": {name: _source_to(source) for name, source in sources.items()},
            "views": [_view_to(view) for view in self.views],
            "on_demand": [_on_demand_to(part) for part in self.on_demands],
        }

    @classmethod
    def from_document(cls, document: object) -> FeatureSet:
        """The features that `to_document` wrote; the author's lines are not in it.

        Raises: CorruptData for anything else, and for a document whose meaning is not the one that it was hashed with.
        """
        try:
            made, promised = _read(document), document["features_hash"]  # type: ignore[index]
            same_words = document["opset"] == OPSET_VERSION  # type: ignore[index]
            meaning = made.features_hash
        except CorruptData:
            raise
        except (*_UNREADABLE, AuthorError) as error:
            what = error.what if isinstance(error, GaplessError) else f"{type(error).__name__}: {error}"
            raise _corrupt(what, "a document that FeatureSet.to_document wrote") from error
        if same_words and meaning != promised:  # the hash names the operation set too
            raise _corrupt(f"features hash {meaning[:16]}", f"{str(promised)[:16]}, as the document says")
        return made


def _read(document: Any) -> FeatureSet:
    if document["format"] != _FORMAT:
        raise _corrupt(f"format {document['format']!r}", f"format {_FORMAT}")
    sources = {name: _source_from(name, document["sources"]) for name in document["sources"]}
    views = tuple(_view_from(fields, sources) for fields in document["views"])
    on_demands = tuple(_on_demand_from(fields) for fields in document["on_demand"])
    return FeatureSet(sources[document["requests"]], views, on_demands)


def _source_to(source: EventSource) -> dict[str, Any]:
    return {
        "columns": [[name, kind.value] for name, kind in source.columns.columns],
        "event_time": source.event_time,
        "known_at": source.known_at,
        "delay_us": source.delay_us,
        "event_id": source.event_id,
    } | ({} if source.derivation is None else {"derivation": _derivation_to(source.derivation)})


def _derivation_to(made: Derivation) -> dict[str, Any]:
    # what it is, not what it does: the function stays with the product, and its hash says which one it was
    return {
        "source": made.source.name,
        "inputs": list(made.inputs),
        "outputs": [[name, kind.value] for name, kind in made.outputs.columns],
        "version": made.version,
        "text": made.text_hash,
    }


def _source_from(name: str, sources: Mapping[str, Any]) -> EventSource:
    fields = sources[name]
    made = fields.get("derivation")
    if made is not None:
        outputs = Schema(tuple((column, Type(kind)) for column, kind in made["outputs"]))
        read = _source_from(made["source"], sources)
        return rederived(Derivation(name, read, tuple(made["inputs"]), outputs, made["version"], made["text"]))
    return EventSource(
        name,
        schema=Schema(tuple((column, Type(kind)) for column, kind in fields["columns"])),
        event_time=fields["event_time"],
        known_at=fields["known_at"],
        delay=timedelta(microseconds=fields["delay_us"]) if fields["delay_us"] else None,
        event_id=fields["event_id"],
        site=None,
    )


def _view_to(view: FeatureView) -> dict[str, Any]:
    return {
        "name": view.name,
        "entity": {"name": view.entity.name, "keys": list(view.entity.keys)},
        "source": view.source.name,
        "keys": list(view.keys),
        "features": [{"name": f.name, "type": f.type.value, **f.canonical} for f in view.features],
    }


def _view_from(fields: Mapping[str, Any], sources: Mapping[str, EventSource]) -> FeatureView:
    entity = Entity(fields["entity"]["name"], fields["entity"]["keys"], site=None)
    source = sources[fields["source"]]
    for key in fields["keys"]:
        source.columns.require(key, f"a key of view {fields['name']!r}")
    features = tuple(_feature_from(one) for one in fields["features"])
    return FeatureView(fields["name"], entity, source, tuple(fields["keys"]), features)


def _feature_from(fields: Mapping[str, Any]) -> Feature:
    return Feature(
        name=fields["name"],
        column=fields["column"],
        function=fields["function"],
        input=None if fields["input"] is None else from_json(fields["input"]),
        where=None if fields["where"] is None else from_json(fields["where"]),
        window=Window(fields["width_us"], fields["hop_us"]),
        type=Type(fields["type"]),
        n=fields["n"],
        rank=fields["rank"],
    )


def _on_demand_to(part: BoundOnDemand) -> dict[str, Any]:
    # a list: the order of expressions is the author's, and JSON objects are sorted where they are written
    return {"name": part.name, "expressions": [[column, to_json(e)] for column, e in part.expressions.items()]}


def _on_demand_from(fields: Mapping[str, Any]) -> BoundOnDemand:
    return BoundOnDemand(fields["name"], {column: from_json(e) for column, e in fields["expressions"]})


def _corrupt(seen: str, allowed: str) -> CorruptData:
    return CorruptData(
        "a definition of features that cannot be read",
        seen=seen,
        allowed=allowed,
        next_step="fetch the version from the tracker again, or train again",
    )
