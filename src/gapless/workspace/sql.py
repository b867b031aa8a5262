"""The row expressions of a view or a model as SQL, for a person to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gapless.errors import UnknownName
from gapless.expr import Expr
from gapless.expr.sql import spark_sql
from gapless.product import FeatureView, Model, Product

__all__ = ["Select", "sql_of"]


@dataclass(frozen=True)
class Select:
    """One SELECT.

    Parameters:
        of — what it shows; source — the table that it reads.
        missing — operations that SQL does not give to the bit: the text names a function that no engine has.
    """

    of: str
    source: str
    text: str
    missing: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"missing": list(self.missing)}


def sql_of(product: Product, name: str) -> list[Select]:
    """See `Workspace.sql`."""
    views, models = product.all_views, {model.name: model for model in product.models}
    if name in views:
        return [_of_view(views[name])]
    if name in models:
        return _of_model(models[name])
    raise UnknownName("view or model", name, [*views, *models])


def _of_view(view: FeatureView) -> Select:
    exprs = {f.name: f.input for f in view.features if f.input is not None}
    exprs |= {f"{f.name}__where": f.where for f in view.features if f.where is not None}
    return _select(f"what view {view.name} aggregates", view.source.name, exprs)


def _of_model(model: Model) -> list[Select]:
    label = model.label
    assert isinstance(label.value, Expr)
    found = [_select(f"label {label.name}", label.source.name, {label.name: label.value})]
    if model.on_demand_expressions:
        about = f"on-demand features of model {model.name}"
        found.append(_select(about, "requests_with_features", model.on_demand_expressions))
    return found


def _select(of: str, source: str, exprs: Mapping[str, Expr]) -> Select:
    made = spark_sql(exprs)
    return Select(of, source, made.select(source), made.missing)
