"""Fitting the author's estimator on float32 features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import to_numpy
from gapless.errors import DefinitionError, InputError
from gapless.ports.scorer import Float32
from gapless.product.boundary import call_author, site_of
from gapless.product.metrics import Kind
from gapless.schema import Type
from gapless.training.naming import with_places

__all__ = ["Fitted", "fit", "kind_of", "label_values"]


@dataclass(frozen=True, eq=False)
class Fitted:
    """An estimator that has learned.

    Parameters:
        estimator — the author's, fitted.
        rows — number of rows it learned from.
        label_mean — of these rows: the share of true ones, or the mean amount.
        empty — places of features that were missing in every row.
    """

    estimator: Any
    kind: Kind
    rows: int
    label_mean: float
    empty: tuple[int, ...]


def kind_of(label: Type) -> Kind:
    """A bool label makes a classification into true and false, a float one a regression.

    Examples:
        >>> kind_of(Type.BOOL), kind_of(Type.FLOAT)
        ('classification', 'regression')
    """
    return "classification" if label is Type.BOOL else "regression"


def label_values(column: pa.Array | pa.ChunkedArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """(values, labelled) of a label column: float64, 0 or 1 for bools, 0 where it is null.

    Examples:
        >>> values, labelled = label_values(pa.array([True, None, False]))
        >>> values.tolist(), labelled.tolist()
        ([1.0, 0.0, 0.0], [True, False, True])
    """
    values, labelled = to_numpy(column)
    return values.astype(np.float64), labelled


def fit(
    factory: Callable[[], Any],
    features: Float32,
    label: npt.NDArray[Any],
    *,
    kind: Kind,
    names: Sequence[str] = (),
    seed: int = 0,
    what: str = "the estimator",
) -> Fitted:
    """The author's estimator, fresh from its factory and fitted on these rows.

    Parameters:
        factory — the author's function.
        features — [n, k] float32 from `float32_matrix`: what every scorer will see.
        label — [n] without missing values; bools or 0 and 1 for a classification, which learns the integers 0 and 1.
        names — of the features, in order; a ColumnTransformer that comes first may choose columns by them.
        seed — given to every `random_state` of the estimator that the author left None.

    Raises: InputError for labels that cannot be learned; DefinitionError for an estimator without the interface that
        the kind needs; UserCodeError naming the author's line where their code or their library raises.

    Guarantees: deterministic as far as the estimator is.
    """
    target = _checked_label(features, np.asarray(label, np.float64), kind)
    estimator = call_author(what, factory)
    _check_interface(estimator, kind, factory, what)
    call_author(what, _seed, estimator, seed, at=factory)
    call_author(what, with_places, estimator, names, at=factory)
    empty = tuple(np.flatnonzero(np.isnan(features).all(axis=0)).tolist())
    call_author(f"fitting {what}{_shown(empty, names)}", estimator.fit, features, target, at=factory)
    return Fitted(estimator, kind, len(target), float(target.mean()), empty)


def _shown(empty: tuple[int, ...], names: Sequence[str]) -> str:
    """Some libraries stumble over a feature without a single value and do not say which one it is."""
    shown = ", ".join(names[one] if one < len(names) else f"number {one}" for one in empty)
    return f" on rows where no request has a value of {shown}" if empty else ""


def _seed(estimator: Any, seed: int) -> None:
    if hasattr(estimator, "get_params"):
        params = estimator.get_params(deep=True)
        unset = [name for name, value in params.items() if name.split("__")[-1] == "random_state" and value is None]
        estimator.set_params(**dict.fromkeys(unset, seed))


def _check_interface(estimator: Any, kind: Kind, factory: Callable[[], Any], what: str) -> None:
    needed = ("fit", "predict_proba") if kind == "classification" else ("fit", "predict")
    lacking = [name for name in needed if not hasattr(estimator, name)]
    wrong_way = kind == "regression" and hasattr(estimator, "predict_proba")
    if lacking or wrong_way:
        raise DefinitionError(
            f"{what} does not fit the label, which makes a {kind}",
            seen=f"{type(estimator).__name__}, " + (f"without {', '.join(lacking)}" if lacking else "a classifier"),
            allowed=f"scikit-learn's interface: {', '.join(needed)}",
            next_step="take an estimator of the other kind: bool labels make a classification, floats a regression",
            where=site_of(factory),
        )


def _checked_label(features: Float32, label: npt.NDArray[np.float64], kind: Kind) -> npt.NDArray[Any]:
    if features.ndim != 2 or features.dtype != np.float32 or len(features) != len(label):
        raise InputError("features and labels do not match", seen=f"{features.dtype} {features.shape}, {label.shape}")
    if not len(label):
        raise _unlearnable("no labelled row to learn from", "0 rows", "train from an earlier time, or wait for labels")
    if not np.isfinite(label).all():
        raise _unlearnable(
            "a label is missing", f"{(~np.isfinite(label)).sum()} of {len(label)}", "leave such rows out"
        )
    values = np.unique(label)
    if len(values) == 1:
        step = "train on a longer time, or look at how the label is defined"
        raise _unlearnable("all labels are the same", f"{len(label)} rows with {values[0]:g}", step)
    if kind == "regression":
        return label
    if values.tolist() != [0, 1]:
        raise _unlearnable("labels of a classification are true or false", values[:5].tolist(), "make the label a bool")
    return label.astype(np.int64)


def _unlearnable(what: str, seen: object, next_step: str) -> InputError:
    return InputError(what, seen=seen, next_step=next_step)
