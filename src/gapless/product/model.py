"""What is predicted, from what, and how it is learned."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from gapless.errors import DefinitionError, Site, TypeMismatch, UnknownName, author_site
from gapless.expr import Expr, columns_of
from gapless.product.boundary import call_author
from gapless.product.feature_set import FeatureSet
from gapless.product.hashing import definition_hash
from gapless.product.label import Label
from gapless.product.metrics import Kind, check_metric_names
from gapless.product.names import check_name, check_unique
from gapless.product.on_demand import BoundOnDemand, OnDemand
from gapless.product.source import EventSource
from gapless.product.trust import Trust
from gapless.product.view import FeatureView
from gapless.schema import Type

__all__ = ["Model"]


@dataclass(frozen=True, eq=False)
class Model:
    """Requests + features + label + an estimator factory + metrics.

    The vector is every float and bool feature of `features`, ordered by column name; text and datetime features are
    there for the on_demand ones to read.

    Parameters:
        name — unique within the product.
        requests — each of its events asks for one prediction, at its event time; needs an event_id.
        features — views and on_demands, an on_demand after what it reads.
        label — the truth.
        estimator — a function without arguments that makes anything with scikit-learn's interface; a Pipeline of it
            where something before the model is fitted too, such as a scaler.
        metrics — names such as "roc_auc", "log_loss", "brier", "rmse", "mae", "r2"; the first is the main one.
        slices — columns of the request by whose values the evaluation is also split.
        runtime — "onnx", or "python" for an estimator that ONNX cannot express (slower, and unpickled at scoring).
        trust — when answers are trusted less; no part of the definition.
        streaming — requests that are pushed as events are answered too, into a topic of the event log; no part of the
            definition.

    Raises: an AuthorError with the line at fault.
    """

    name: str
    requests: EventSource = field(kw_only=True)
    features: Sequence[FeatureView | OnDemand] = field(kw_only=True)
    label: Label = field(kw_only=True)
    estimator: Callable[[], Any] = field(kw_only=True)
    metrics: Sequence[str] = field(kw_only=True)
    slices: Sequence[str] = field(default=(), kw_only=True)
    runtime: Literal["onnx", "python"] = field(default="onnx", kw_only=True)
    trust: Trust = field(default_factory=Trust, kw_only=True)
    streaming: bool = field(default=False, kw_only=True)
    site: Site | None = field(default_factory=author_site, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        check_name("model", self.name, where=self.site)
        for name in ("features", "metrics", "slices"):
            self._freeze_list(name)
        if not self.features or not self.metrics:
            raise self._mistake("needs at least one feature view or on_demand, and one metric", "an empty list")
        for part in self.features:
            if not isinstance(part, FeatureView | OnDemand):
                self._check_not_derived(part, "lists")
                raise TypeMismatch(
                    f"model {self.name!r} lists something that is not a feature",
                    seen=part,
                    allowed="views made by @gl.feature_view and functions made by @gl.on_demand",
                    next_step="decorate it, or take it out of features=",
                    where=self.site,
                )
        check_unique("feature", (part.name for part in self.features), where=self.site)
        if self.runtime not in ("onnx", "python"):
            raise self._mistake("has no such runtime", self.runtime, allowed="'onnx' or 'python'")
        self._check_requests()
        self._check_keys()
        self._check_metrics()
        self._check_estimator()
        self._check_used()
        self._check_trust()

    def _freeze_list(self, name: str) -> None:
        value = getattr(self, name)
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise self._mistake(f"needs a list for {name}=", value, allowed=f"{name}=[…]")
        object.__setattr__(self, name, tuple(value))

    def _mistake(self, what: str, seen: object, **more: Any) -> DefinitionError:
        return DefinitionError(f"model {self.name!r} {what}", seen=seen, where=self.site, **more)

    def _check_not_derived(self, part: object, does: str) -> None:
        """A pandas function runs where events are read in batches, and a request is none."""
        if isinstance(part, EventSource) and part.derivation is not None:
            raise self._mistake(
                f"{does} pandas function {part.name!r} itself, which never runs in a request",
                f"pandas function {part.name!r}",
                allowed="views that aggregate its columns: a request looks up what batch and stream computed",
                next_step=f"write a gl.feature_view(source={part.name}) with, for example, gl.last(d.column)",
            )

    def _check_requests(self) -> None:
        self._check_not_derived(self.requests, "takes its requests from")
        columns = self.requests.columns
        if self.requests.event_id is None:
            raise self._mistake(
                "cannot tell its requests apart",
                f"source {self.requests.name!r} without event_id",
                allowed="an event_id column in the source of the requests",
                next_step="add event_id= to that source; labels and predictions are matched by it",
            )
        for name in self.slices:
            if name not in columns:
                raise UnknownName(f"slice column in requests {self.requests.name!r}", name, columns, where=self.site)
        clash = {part.name for part in self.features} & set(columns)
        if clash:
            raise self._mistake(
                "has a view named like a column of its requests",
                ", ".join(sorted(clash)),
                next_step="rename the view or the column",
            )
        self.label.joined_on(self.requests)
        covered = set(self.label.columns) & set(columns)
        if covered:
            raise self._mistake(
                f"has a label {self.label.name!r} that would cover a column of its requests",
                ", ".join(sorted(covered)),
                allowed=f"requests without {', '.join(self.label.columns)}, which a training set adds to their columns",
                next_step="rename the label or the column",
            )

    def _check_keys(self) -> None:
        for view in self.views:
            for key, column in zip(view.entity.keys, view.keys, strict=True):
                self._check_key(view, key, column)

    def _check_key(self, view: FeatureView, key: str, column: str) -> None:
        columns = self.requests.columns
        if key not in columns:
            raise self._mistake(
                f"uses features of {view.entity.name!r}, whose key its requests lack",
                f"key {key!r} of view {view.name!r}",
                allowed=f"the columns of requests {self.requests.name!r}: {', '.join(columns)}",
                next_step=f"add {key!r} to the schema of {self.requests.name!r}, or leave the view out",
            )
        if columns[key] is not view.source.columns[column]:
            raise TypeMismatch(
                f"key {key!r} has two types",
                seen=f"{columns[key].value} in {self.requests.name!r}, "
                f"{view.source.columns[column].value} in {view.source.name!r}",
                allowed="the same type in both",
                next_step="ids are str in every source",
                where=self.site,
            )

    def _check_estimator(self) -> None:
        if not callable(self.estimator) or (hasattr(self.estimator, "fit") and not isinstance(self.estimator, type)):
            raise self._mistake(
                "needs a factory, so that every training starts fresh",
                type(self.estimator).__name__,
                allowed="a function without arguments that returns a new estimator",
                next_step="write estimator=lambda: YourEstimator(…)",
            )

    def _check_metrics(self) -> None:
        kind: Kind = "classification" if self.label.expression.type is Type.BOOL else "regression"
        check_metric_names(self.metrics, kind, where=self.site)

    def _check_used(self) -> None:
        read = columns_of(*self.on_demand_expressions.values())
        for column, kind in self.feature_set.columns():
            if kind in (Type.STRING, Type.TIMESTAMP) and column not in read:
                raise self._mistake(
                    f"never uses {column!r}: a {kind.value} cannot enter the vector",
                    f"{column}: {kind.value}",
                    allowed="float and bool features, and others that an on_demand of the model reads",
                    next_step="compare it or take a part of it in an on_demand (r.view.x == 'A', .hash_bucket(n), "
                    "seconds between two times), or leave it out",
                )
        if not self.vector:
            raise self._mistake("has no float or bool feature", "an empty vector", next_step="add one")

    def _check_trust(self) -> None:
        if not isinstance(self.trust, Trust):
            raise self._mistake("needs its rules of trust made by gl.Trust", self.trust, allowed="trust=gl.Trust(…)")
        self.trust.check_against(self.feature_set, f"model {self.name!r}")

    @property
    def views(self) -> tuple[FeatureView, ...]:
        """The feature views, in the author's order."""
        return tuple(part for part in self.features if isinstance(part, FeatureView))

    @cached_property
    def on_demands(self) -> tuple[BoundOnDemand, ...]:
        """The on_demands with this model's types, each after what it reads."""
        fields: dict[str, Any] = {name: kind.in_expressions for name, kind in self.requests.columns.items()}
        fields |= {view.name: {f.name: f.type for f in view.features} for view in self.views}
        bound = []
        for part in self.features:
            if isinstance(part, OnDemand):
                made = part.bind(fields)
                start = len(part.name) + 2
                fields[part.name] = {column[start:]: e.type for column, e in made.expressions.items()}
                bound.append(made)
        return tuple(bound)

    @cached_property
    def feature_set(self) -> FeatureSet:
        """The features as values of their own: all that computing them takes."""
        return FeatureSet(self.requests, self.views, self.on_demands)

    @property
    def on_demand_expressions(self) -> dict[str, Expr]:
        """Output column → expression, over all on_demands."""
        return self.feature_set.on_demand_expressions

    @property
    def outputs(self) -> dict[str, Type]:
        """Every feature column with its type, ordered by name."""
        return self.feature_set.outputs

    @property
    def vector(self) -> tuple[str, ...]:
        """The columns that the estimator sees, in its order."""
        return self.feature_set.vector

    @property
    def request_only(self) -> tuple[str, ...]:
        """The part of the vector that needs nothing but the request's own columns."""
        return self.feature_set.request_only

    @property
    def canonical_features(self) -> dict[str, Any]:
        """What the features mean, as plain values."""
        return self.feature_set.canonical

    @property
    def features_hash(self) -> str:
        """Hex sha256 of what the features mean: the same training-set columns for the same events."""
        return self.feature_set.features_hash

    @cached_property
    def definition_hash(self) -> str:
        """Hex sha256 of the whole model: features, label, estimator with its parameters, metrics, runtime."""
        return definition_hash(
            {
                "features": self.canonical_features,
                "label": self.label.canonical(self.requests),
                "estimator": _estimator(call_author(f"the estimator of model {self.name!r}", self.estimator)),
                "metrics": sorted(self.metrics),
                "runtime": self.runtime,
            }
        )


def _estimator(made: Any) -> Any:
    """Class and parameters, nested estimators included; nothing that differs between two equal factories."""
    kind = f"{type(made).__module__}.{type(made).__qualname__}"
    if not hasattr(made, "get_params"):
        return {"class": kind}
    return {"class": kind, "params": {name: _plain(value) for name, value in made.get_params(deep=False).items()}}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=json.dumps)
    if hasattr(value, "tolist") and not isinstance(value, type):  # a scalar or an array of NumPy
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "get_params"):
        return _estimator(value)
    name = getattr(value, "__qualname__", None)
    return name if name else f"{type(value).__module__}.{type(value).__qualname__}"
