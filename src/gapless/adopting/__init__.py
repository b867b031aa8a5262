"""Adopting what a team has in pandas or scikit-learn: said column by column, proven on a sample, written as a product.

Importing this loads no pandas: it is loaded when something is adopted.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gapless.adopting.report import Adopted, Adoption, Compared
from gapless.errors import MissingExtra

if TYPE_CHECKING:
    from gapless.adopting.skeleton import Skeleton

__all__ = ["Adopted", "Adoption", "Compared", "adopt", "require_pandas"]


def require_pandas() -> None:
    """Raises: MissingExtra where pandas is not installed."""
    try:
        importlib.import_module("pandas")
    except ImportError:
        raise MissingExtra("adopting needs pandas", "pandas") from None


def adopt(
    function: Any,
    frame: Any,
    *,
    probes: int = 4_000,
    seed: int = 0,
    max_ulp: int = 4,
    skeleton: Skeleton | None = None,
) -> Adoption:
    """What gapless can express of a pandas function or a fitted scikit-learn pipeline, proven on `frame`.

    The function is called with a DataFrame that pandas computes as ever while each column's expression is noted beside
    it. Then both run on the rows of `frame` and on rows made from them, with nulls, zeros, extremes and values at every
    limit that an expression names. A column is called expressed only where all of them give the same.

    Parameters:
        function — takes a DataFrame and returns one or a Series, or assigns columns into it; or a fitted transformer,
            ColumnTransformer or Pipeline, whose last estimator is left out.
        frame — a sample with the dtypes that the function is used with; it is not changed.
        probes — rows made from the sample.
        seed — of the probes.
        max_ulp — a difference of up to so many units in the last place is rounding, counted and said; above it the
            column is not expressed.
        skeleton — names for the product in `.product`; None: defaults.

    Returns: the report; `.product` is the text of a product module with what was proven.

    Raises: InputError for a frame that cannot be used, UserCodeError where the function raises on it, DefinitionError
        where it gives other rows, MissingExtra without pandas.

    Guarantees: deterministic for a deterministic function; nothing of the function's module is changed.

    Examples:
        >>> import pandas as pd
        >>> def features(df):
        ...     return df.assign(late=df.delay > 15, speed=(df.km / df.hours).round(1))
        >>> trips = pd.DataFrame({"km": [12.0, 7.5], "hours": [0.5, 0.2], "delay": [3.0, None]})
        >>> report = adopt(features, trips)
        >>> report.ok, [column.name for column in report.columns], report.columns[0].text
        (True, ['late', 'speed'], '(r.delay > 15).fill_null(False)')
    """
    require_pandas()
    from gapless.adopting.proof import Effort
    from gapless.adopting.skeleton import Skeleton as Named

    told = skeleton or Named(name=getattr(function, "__name__", "adopted"), target=_target(function))
    effort = Effort(probes, seed, max_ulp)
    from gapless.adopting.fitted import adopt_fitted, is_fitted
    from gapless.adopting.pandas_functions import adopt_function

    if is_fitted(function):
        return adopt_fitted(function, frame, skeleton=told, effort=effort)
    return adopt_function(function, frame, skeleton=told, effort=effort)


def _target(function: Any) -> str | None:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", "")
    return f"{module}:{name}" if module not in (None, "__main__") and name.isidentifier() else None
