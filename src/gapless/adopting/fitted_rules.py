"""What fitted transformers of scikit-learn do with a column, with the constants that they learned."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from gapless.adopting.arithmetic import add, divide, multiply, power, subtract
from gapless.adopting.choices import is_missing
from gapless.adopting.constants import lift
from gapless.adopting.logic import compare
from gapless.adopting.mapping import RULES as CHOICES
from gapless.adopting.numpy_rules import UFUNCS
from gapless.adopting.symbols import Symbol, choose, number, unexpressed

__all__ = ["COLUMNWISE", "SPREADING", "TOGETHER"]

Columns = Sequence[Symbol]
_MOST_LEVELS = 200


def _learned(value: Any) -> Symbol:
    return lift(float(value))


def _as_float(p: Symbol) -> Symbol:
    return Symbol(p.expr.to_float(), "float", False)


def _standard(t: Any, i: int, x: Symbol) -> Symbol:
    x = number(x) if t.mean_ is None or not t.with_mean else subtract(number(x), _learned(t.mean_[i]))
    return x if t.scale_ is None else divide(x, _learned(t.scale_[i]))


def _min_max(t: Any, i: int, x: Symbol) -> Symbol:
    scaled, start = multiply(number(x), _learned(t.scale_[i])), float(t.min_[i])
    made = subtract(scaled, lift(-start)) if start < 0 else add(scaled, lift(start))
    return CHOICES["clip"](made, float(t.feature_range[0]), float(t.feature_range[1])) if t.clip else made


def _max_abs(t: Any, i: int, x: Symbol) -> Symbol:
    made = divide(number(x), _learned(t.scale_[i]))
    return CHOICES["clip"](made, -1.0, 1.0) if getattr(t, "clip", False) else made


def _robust(t: Any, i: int, x: Symbol) -> Symbol:
    x = subtract(number(x), _learned(t.center_[i])) if t.with_centering else number(x)
    return divide(x, _learned(t.scale_[i])) if t.with_scaling else x


def _binarized(t: Any, i: int, x: Symbol) -> Symbol:
    return _as_float(compare("gt", number(x), _learned(t.threshold)))


def _position(t: Any, i: int, x: Symbol) -> Symbol:
    """OrdinalEncoder."""
    _refuse_infrequent(t)
    levels = [_plain(v) for v in t.categories_[i]]
    known = [v for v in levels if not _is_nan(v)]
    found = Symbol((x if x.kind == "string" else number(x)).expr.position_in(known), "float", True)
    cases = [(is_missing(x).expr, lift(float(t.encoded_missing_value)))] if len(known) < len(levels) else []
    if t.handle_unknown == "use_encoded_value":
        found = CHOICES["fillna"](found, float(t.unknown_value))
    return choose(cases, found) if cases and x.nullable else found


def _target(t: Any, i: int, x: Symbol) -> Symbol:
    """TargetEncoder of a number or of two classes."""
    if len(t.encodings_) != len(t.categories_) or len(t.categories_[i]) > _MOST_LEVELS:
        raise unexpressed("TargetEncoder with several classes or very many levels")
    pairs = [(_plain(v), float(e)) for v, e in zip(t.categories_[i], t.encodings_[i], strict=True)]
    cases = [
        (is_missing(x).expr if _is_nan(level) else compare("eq", x, lift(level)).expr, lift(encoding))
        for level, encoding in pairs
    ]
    return choose(cases, _learned(t.target_mean_))


def _yeo_johnson(t: Any, i: int, x: Symbol) -> Symbol:
    if t.method != "yeo-johnson":
        raise unexpressed("PowerTransformer(method='box-cox')")
    x, shape = number(x), float(t.lambdas_[i])
    up = _bent(x, shape)
    down = multiply(_bent(multiply(x, lift(-1)), 2 - shape), lift(-1))
    made = choose([(compare("ge", x, lift(0)).expr, up)], down)
    return made if not t.standardize else _standard(t._scaler, i, made)


def _bent(x: Symbol, shape: float) -> Symbol:
    if abs(shape) < 2**-52:
        return UFUNCS["log1p"](x)
    return divide(subtract(power(add(x, lift(1)), lift(shape)), lift(1)), lift(shape))


COLUMNWISE: Mapping[str, Callable[[Any, int, Symbol], Symbol]] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
    "Binarizer": _binarized,
    "OrdinalEncoder": _position,
    "TargetEncoder": _target,
    "PowerTransformer": _yeo_johnson,
}
"""Class → the rule for its i-th column, which stays one column."""


def _one_hot(t: Any, i: int, x: Symbol) -> list[Symbol]:
    _refuse_infrequent(t)
    dropped = None if t.drop_idx_ is None else t.drop_idx_[i]
    levels = [_plain(v) for place, v in enumerate(t.categories_[i]) if place != dropped]
    return [_as_float(_is_level(x, level)) for level in levels]


def _is_level(x: Symbol, level: Any) -> Symbol:
    return is_missing(x) if _is_nan(level) else compare("eq", x, lift(level))


def _bins(t: Any, i: int, x: Symbol) -> list[Symbol]:
    """KBinsDiscretizer."""
    edges = [float(edge) for edge in t.bin_edges_[i][1:-1]]
    x = number(x)
    place = choose(
        [(compare("lt", x, lift(e)).expr, lift(float(k))) for k, e in enumerate(edges)], lift(float(len(edges)))
    )
    if t.encode == "ordinal":
        return [place]
    return [_as_float(compare("eq", place, lift(k))) for k in range(len(edges) + 1)]


def _imputed(t: Any, i: int, x: Symbol) -> list[Symbol]:
    """SimpleImputer, its indicator columns apart."""
    if not (t.missing_values is None or _is_nan(t.missing_values)):
        raise unexpressed(f"SimpleImputer(missing_values={t.missing_values!r})")
    value = _plain(t.statistics_[i])
    if _is_nan(value):
        return [x] if t.keep_empty_features else []
    return [CHOICES["fillna"](x, value)]


SPREADING: Mapping[str, Callable[[Any, int, Symbol], list[Symbol]]] = {
    "OneHotEncoder": _one_hot,
    "KBinsDiscretizer": _bins,
    "SimpleImputer": _imputed,
}
"""Class → the rule for its i-th column, which becomes several or none."""


def _linear(t: Any, xs: Columns) -> list[Symbol]:
    """PCA and TruncatedSVD: a sum of products, in the order of the columns."""
    mean = getattr(t, "mean_", None)
    centred = [number(x) if mean is None else subtract(number(x), _learned(mean[i])) for i, x in enumerate(xs)]
    rows = [_summed(centred, component) for component in t.components_]
    if getattr(t, "whiten", False):
        rows = [divide(row, _learned(math.sqrt(v))) for row, v in zip(rows, t.explained_variance_, strict=True)]
    return rows


def _summed(xs: Columns, weights: Any) -> Symbol:
    return reduce(add, [multiply(x, _learned(w)) for x, w in zip(xs, weights, strict=True)])


def _polynomial(t: Any, xs: Columns) -> list[Symbol]:
    made = []
    for powers in t.powers_:
        factors = [number(x) for x, p in zip(xs, powers, strict=True) for _ in range(int(p))]
        made.append(reduce(multiply, factors) if factors else lift(1.0))
    return made


def _selected(t: Any, xs: Columns) -> list[Symbol]:
    return [x for x, kept in zip(xs, t.get_support(), strict=True) if kept]


TOGETHER: Mapping[str, Callable[[Any, Columns], list[Symbol]]] = {
    "PCA": _linear,
    "TruncatedSVD": _linear,
    "PolynomialFeatures": _polynomial,
    **dict.fromkeys(("VarianceThreshold", "SelectKBest", "SelectPercentile", "SelectFromModel", "RFE"), _selected),
}
"""Class → the rule for all of its columns."""


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _is_nan(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _refuse_infrequent(t: Any) -> None:
    if getattr(t, "_infrequent_enabled", False):
        raise unexpressed(f"{type(t).__name__} with infrequent levels")
