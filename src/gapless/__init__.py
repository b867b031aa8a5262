"""gapless: from a feature definition in Python to predictions that can be recomputed.

The names below load on first use, so importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gapless.adopting import adopt
    from gapless.errors import GaplessError
    from gapless.expr import Expr, coalesce, concat, literal, maximum, minimum, null, when
    from gapless.product import (
        Entity,
        EventSource,
        FeatureView,
        Label,
        Model,
        OnDemand,
        Product,
        Trust,
        feature_view,
        on_demand,
        pandas_function,
    )
    from gapless.product.aggregates import (
        all,
        any,
        count,
        first,
        last,
        last_n,
        max,
        mean,
        min,
        n_unique,
        std,
        sum,
        var,
    )
    from gapless.workspace import Workspace

__version__ = "0.1.0"

_HOMES = {
    "gapless.adopting": ["adopt"],
    "gapless.errors": ["GaplessError"],
    "gapless.expr": ["Expr", "coalesce", "concat", "literal", "maximum", "minimum", "null", "when"],
    "gapless.product": [
        "Entity",
        "EventSource",
        "FeatureView",
        "Label",
        "Model",
        "OnDemand",
        "Product",
        "Trust",
        "feature_view",
        "on_demand",
        "pandas_function",
    ],
    "gapless.product.aggregates": [
        "all",
        "any",
        "count",
        "first",
        "last",
        "last_n",
        "max",
        "mean",
        "min",
        "n_unique",
        "std",
        "sum",
        "var",
    ],
    "gapless.workspace": ["Workspace"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Entity",
    "EventSource",
    "Expr",
    "FeatureView",
    "GaplessError",
    "Label",
    "Model",
    "OnDemand",
    "Product",
    "Trust",
    "Workspace",
    "adopt",
    "all",
    "any",
    "coalesce",
    "concat",
    "count",
    "feature_view",
    "first",
    "last",
    "last_n",
    "literal",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "n_unique",
    "null",
    "on_demand",
    "pandas_function",
    "std",
    "sum",
    "var",
    "when",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'gapless' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
