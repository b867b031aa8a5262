"""Features computed when the request is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gapless.errors import DefinitionError, Site, TypeMismatch
from gapless.expr import Expr, Row, to_json
from gapless.product.boundary import call_author, site_of
from gapless.product.names import check_name
from gapless.schema import Type

__all__ = ["BoundOnDemand", "OnDemand", "on_demand"]


@dataclass(frozen=True)
class BoundOnDemand:
    """An OnDemand with the types of one model: output column → expression."""

    name: str
    expressions: Mapping[str, Expr]

    @property
    def canonical(self) -> dict[str, Any]:
        """What it means, as plain values."""
        return {column: to_json(e) for column, e in self.expressions.items()}


@dataclass(frozen=True, eq=False)
class OnDemand:
    """Row expressions over the request and the other features of a model. Made by `@on_demand`."""

    name: str
    function: Callable[[Any], Mapping[str, Expr]]
    site: Site | None = field(default=None, repr=False)

    def bind(self, fields: Mapping[str, Type | Mapping[str, Type]]) -> BoundOnDemand:
        """The expressions for a model whose request columns and views are `fields`.

        Raises: an AuthorError with the line at fault.
        """
        row = Row(fields, what=f"the request and features that {self.name!r} sees")
        made = call_author(f"on_demand {self.name!r}", self.function, row)
        if not isinstance(made, Mapping) or not made:
            raise DefinitionError(
                f"on_demand {self.name!r} returns its features by name",
                seen=made,
                allowed='a dict such as {"hour": r.scheduled_departure.hour()} with at least one entry',
                next_step="return that dict",
                where=self.site,
            )
        return BoundOnDemand(self.name, {f"{self.name}__{name}": self._checked(name, e) for name, e in made.items()})

    def _checked(self, name: object, expression: object) -> Expr:
        check_name("feature", name, where=self.site)
        if isinstance(expression, Expr):
            return expression
        raise TypeMismatch(
            f"feature {name!r} of on_demand {self.name!r} is not an expression",
            seen=expression,
            allowed="an expression over r, or gl.literal(value)",
            next_step="windows belong into gl.feature_view; a constant is written gl.literal(value)",
            where=self.site,
        )


def on_demand(function: Callable[[Any], Mapping[str, Expr]]) -> OnDemand:
    """Declare features of the request itself: the decorated function takes `r` and returns name → expression.

    `r.column` is a column of the request, `r.view.feature` a feature of a view that the model lists, and
    `r.other.feature` one of an on_demand that the model lists before this one.
    """
    check_name("on_demand", function.__name__, where=site_of(function))
    return OnDemand(function.__name__, function, site_of(function))
