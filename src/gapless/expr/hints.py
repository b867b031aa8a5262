"""The way out for Python and NumPy that an expression cannot go through: which operation the author was after."""

from __future__ import annotations

import linecache
import re

from gapless.errors import author_site

__all__ = ["ANYTHING_ELSE", "RANGE", "of_line", "of_numpy"]

ANYTHING_ELSE = "what the operations do not cover goes into a gl.pandas_function over the row"
RANGE = "a range is x.between(low, high); a choice is when(p, x).otherwise(y)"

_METHODS = ("log", "log1p", "exp", "sqrt", "floor", "ceil", "round")
_PYTHON = {
    "min": "minimum(x, y)",
    "max": "maximum(x, y)",
    "sum": "x + y",
    "any": "p | q",
    "all": "p & q",
    "sorted": "minimum(x, y) and maximum(x, y)",
    "int": "x.floor(), or x.round()",
    "float": "x.to_float()",
    "bool": "x.to_bool()",
    "len": "s.length()",
    "where": "when(p, x).otherwise(y)",
    "isnan": "x.is_null()",
    "isfinite": "x.is_not_null()",
    "isnull": "x.is_null()",
    "isna": "x.is_null()",
    "fabs": "abs(x)",
    "trunc": "when(x < 0, x.ceil()).otherwise(x.floor())",
    "pow": "x ** y",
    "fmod": "x % y, which takes the sign of y",
    "log2": "x.log() / math.log(2)",
    "log10": "x.log() / math.log(10)",
    "expm1": "x.exp() - 1",
    "if": "when(p, x).otherwise(y)",
    "elif": "when(p, x).when(q, y).otherwise(z)",
    "and": "p & q, each side in parentheses",
    "or": "p | q, each side in parentheses",
    "not": "~p",
    "in": 'x.is_in([...]), or s.contains("…")',
    **{name: f"x.{name}()" for name in _METHODS},
}
_NUMPY = {
    **_PYTHON,
    "absolute": "abs(x)",
    "rint": "x.round(), which rounds halves up",
    "maximum": "maximum(x, y)",
    "minimum": "minimum(x, y)",
    "fmax": "maximum(x, y), null when either is",
    "fmin": "minimum(x, y), null when either is",
    "clip": "x.clip(low, high)",
    "add": "x + y, with Python's numbers",
    "subtract": "x - y, with Python's numbers",
    "multiply": "x * y, with Python's numbers",
    "divide": "x / y, with Python's numbers",
    "true_divide": "x / y, with Python's numbers",
    "floor_divide": "x // y, with Python's numbers",
    "remainder": "x % y, with Python's numbers",
    "power": "x ** y, with Python's numbers",
    "float_power": "x ** y",
    "negative": "-x",
    "square": "x ** 2",
    "logical_and": "p & q",
    "logical_or": "p | q",
    "logical_not": "~p",
    "select": "when(p, x).when(q, y).otherwise(z)",
    "isin": "x.is_in([...])",
}
_WORD = re.compile(r"\b(?:(?:math|np|numpy|pd|pandas)\.)?([a-z0-9]+)\s*\(|\b(if|elif|and|or|not|in)\b")


def of_line(default: str) -> str:
    """What to write instead of the Python on the author's own line; `default` where it tells nothing."""
    site = author_site()
    line = linecache.getline(site.file, site.line) if site else ""
    words = [word for found in _WORD.finditer(line) if (word := found[1] or found[2]) in _PYTHON]
    return "; ".join(dict.fromkeys(f"instead of {word!r} write {_PYTHON[word]}" for word in words)) or default


def of_numpy(name: str) -> str:
    """What to write instead of a NumPy function."""
    return f"instead of 'np.{name}' write {_NUMPY[name]}" if name in _NUMPY else ANYTHING_ELSE
