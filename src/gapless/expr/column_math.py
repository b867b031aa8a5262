"""exp, log, log1p and power over float64 arrays: the functions of `elementary`, compiled by numba.

Where numba is missing the same lines are interpreted.

numba is used without fastmath, so nothing is reordered or fused and the bits are those of the interpreter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from gapless.expr import elementary
from gapless.expr.elementary_tables import EXP, LOG

__all__ = ["FUNCTIONS", "compiled", "interpreted"]

Floats = npt.NDArray[np.float64]
Loop = Callable[..., None]

_SOURCES = ("column_math", "elementary")
# numba looks at one file's time to know whether a cached kernel still holds, yet `elementary` is compiled into
# kernels of this file.
_DIGEST = sha256(b"".join(Path(__file__).with_name(f"{name}.py").read_bytes() for name in _SOURCES)).hexdigest()[:8]

LOG_TABLE = np.array(LOG)
EXP_TABLE = np.array(EXP)


# Compiled: `_log` and its kin stand for the compiled functions of `elementary`, which `_kernel` puts in their place.
def _log_loop(x, out, table):  # type: ignore[no-untyped-def]
    for i in range(len(x)):
        out[i] = _log(x[i], table) if x[i] - x[i] == 0.0 else math.nan


def _log1p_loop(x, out, table):  # type: ignore[no-untyped-def]
    for i in range(len(x)):
        out[i] = _log1p(x[i], table) if x[i] - x[i] == 0.0 else math.nan


def _exp_loop(x, out, table):  # type: ignore[no-untyped-def]
    for i in range(len(x)):
        out[i] = _exp(x[i], table) if x[i] - x[i] == 0.0 else math.nan


def _power_loop(x, y, out, log_table, exp_table):  # type: ignore[no-untyped-def]
    for i in range(len(x)):
        finite = x[i] - x[i] == 0.0 and y[i] - y[i] == 0.0
        out[i] = _power(x[i], y[i], log_table, exp_table) if finite else math.nan


_log, _log1p, _exp, _power = elementary.log, elementary.log1p, elementary.exp, elementary.power
_LOOPS: dict[str, tuple[Loop, int]] = {
    "log": (_log_loop, 2),
    "log1p": (_log1p_loop, 2),
    "exp": (_exp_loop, 2),
    "power": (_power_loop, 3),
}


def _renamed(function: Callable[..., Any], **names: Any) -> FunctionType:
    """The same code with other things behind its global names, and a name of its own in numba's cache."""
    made = FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__)
    made.__qualname__ = f"{function.__qualname__}_{_DIGEST}"
    made.__module__ = function.__module__
    return made


@cache
def _compiled_elementary() -> dict[str, Any]:
    import numba

    jit = numba.njit(error_model="numpy", nogil=True)
    parts = {name: jit(_renamed(getattr(elementary, name))) for name in ("log_parts", "exp_parts")}
    return {f"_{name}": jit(_renamed(getattr(elementary, name), **parts)) for name in _LOOPS}


@cache
def compiled(name: str) -> Loop:
    """The compiled loop of an operation; raises ImportError where numba is missing.

    Cost: some 0.5 s once per machine, where the package's or the user's cache folder can be written, else once per
    process.
    """
    import numba
    from numba import types

    loop, floats = _LOOPS[name]
    read = types.Array(types.float64, 1, "C", readonly=True)
    write = types.Array(types.float64, 1, "C")
    tables = 2 if name == "power" else 1
    signature = types.void(*[read] * (floats - 1), write, *[read] * tables)
    jit: Any = numba.njit  # its stubs know fewer forms than it takes
    options: dict[str, Any] = {"error_model": "numpy", "nogil": True}
    kernel = _renamed(loop, **_compiled_elementary())
    try:
        return cast(Loop, jit(signature, cache=True, **options)(kernel))
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        return cast(Loop, jit(signature, **options)(kernel))


def interpreted(name: str) -> Loop:
    """The same loop as plain Python, some 50 times slower."""
    loop, out = _LOOPS[name][0], _LOOPS[name][1] - 1

    def run(*arrays: Floats) -> None:
        # Python's floats, not NumPy's: as in a row program, and without NumPy's warnings.
        loop(*(array if place == out else array.tolist() for place, array in enumerate(arrays)))

    return run


def _fastest(name: str) -> Loop:
    try:
        return compiled(name)
    except ImportError:
        return interpreted(name)


def _contiguous(*arrays: Floats) -> list[Floats]:
    return [np.ascontiguousarray(array) for array in np.broadcast_arrays(*arrays)]


def _unary(name: str, table: Floats) -> Callable[[Floats], Floats]:
    def apply(x: Floats) -> Floats:
        (x,) = _contiguous(x)
        out = np.empty(x.size)
        _fastest(name)(x, out, table)
        return out

    return apply


def _apply_power(x: Floats, y: Floats) -> Floats:
    x, y = _contiguous(x, y)
    out = np.empty(x.size)
    _fastest("power")(x, y, out, LOG_TABLE, EXP_TABLE)
    return out


FUNCTIONS: dict[str, Callable[..., Floats]] = {
    "log": _unary("log", LOG_TABLE),
    "log1p": _unary("log1p", LOG_TABLE),
    "exp": _unary("exp", EXP_TABLE),
    "power": _apply_power,
}
"""Operation → function of arrays. Undefined values are NaN."""
