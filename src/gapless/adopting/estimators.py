"""The estimator at the end of a pipeline, as Python that makes a fresh one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

__all__ = ["written_estimator"]


def written_estimator(estimator: Any) -> list[str]:
    """Lines that define `estimator()`; a comment where its parameters cannot be written as constants.

    Only parameters that differ from the defaults are written, nested estimators too.
    """
    classes = sorted({(_home(one), type(one).__name__) for one in _nested(estimator)})
    text = _written(estimator)
    if text is None:
        return [f"# The pipeline ends with a {type(estimator).__name__} whose parameters are no constants: write it."]
    imports = [f"    from {home} import {name}" for home, name in classes]
    return [
        "",
        "def estimator():  # what the pipeline ended with, to be fitted anew",
        *imports,
        "",
        f"    return {text}",
        "",
    ]


def _home(estimator: Any) -> str:
    """The module that people import it from: sklearn.linear_model, not sklearn.linear_model._logistic."""
    parts = type(estimator).__module__.split(".")
    kept = parts[: next((i for i, part in enumerate(parts) if part.startswith("_")), len(parts))]
    return ".".join(kept)


def _nested(estimator: Any) -> Iterator[Any]:
    yield estimator
    for value in estimator.get_params(deep=False).values():
        if hasattr(value, "get_params") and not isinstance(value, type):
            yield from _nested(value)


def _written(estimator: Any) -> str | None:
    defaults = type(estimator)().get_params(deep=False) if _has_defaults(estimator) else {}
    parts = []
    for name, value in sorted(estimator.get_params(deep=False).items()):
        if name in defaults and _same(defaults[name], value):
            continue
        text = _written(value) if hasattr(value, "get_params") else _constant(value)
        if text is None:
            return None
        parts.append(f"{name}={text}")
    return f"{type(estimator).__name__}({', '.join(parts)})"


def _has_defaults(estimator: Any) -> bool:
    try:
        type(estimator)()
    except TypeError:
        return False
    return True


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)


def _constant(value: Any) -> str | None:
    plain = value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value
    try:
        return repr(plain) if ast.literal_eval(repr(plain)) == plain else None
    except (ValueError, SyntaxError):
        return None
