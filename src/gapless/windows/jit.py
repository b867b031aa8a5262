"""Compiling with numba: once per machine where the machine lets us keep the result.

numba looks at the time of one file to know whether its cached code still holds, yet code from `limbs.py` is compiled
*into* kernels of other files. So the name under which a kernel is cached ends with a digest of all the files that
kernels are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import numba

__all__ = [
    "BITS",
    "BOOLS",
    "FILES",
    "FLAG",
    "FLOATS",
    "INT",
    "OUT",
    "OUT_FLAGS",
    "OUT_FLOATS",
    "REAL",
    "compiled",
    "digest",
    "inlined",
    "types",
]

types: Any = numba.types

# Inputs are declared read-only: numba then takes Arrow's read-only buffers and writable arrays with one compilation.
BITS = types.Array(types.int64, 1, "C", readonly=True)
FLOATS = types.Array(types.float64, 1, "C", readonly=True)
BOOLS = types.Array(types.boolean, 1, "C", readonly=True)
OUT = types.int64[:, ::1]
OUT_FLOATS = types.float64[:, ::1]
OUT_FLAGS = types.boolean[:, ::1]
INT, REAL, FLAG = types.int64, types.float64, types.boolean

FILES = (
    *("counting", "distinct", "extremes", "groups", "hashing", "jit", "limbs", "picks", "small", "sorting"),
    *("totals", "wide"),
)


def digest(names: Iterable[str]) -> str:
    """Of the files of this room, named without their ending."""
    return sha256(b"".join((Path(__file__).parent / f"{name}.py").read_bytes() for name in names)).hexdigest()[:8]


_DIGEST = digest(FILES)
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}
_njit: Any = numba.njit

inlined: Callable[[Any], Any] = _njit(**_OPTIONS)


def compiled(signature: Any, version: str = _DIGEST) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a kernel with its one signature; it is compiled, or loaded, when its module is imported.

    Parameters:
        version — changes with every file that the kernel is made of.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__qualname__ = f"{function.__qualname__}_{version}"
        try:
            return cast(Callable[..., Any], _njit(signature, cache=True, **_OPTIONS)(function))
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            # neither the package's folder nor the home folder can be written: compile in every process
            return cast(Callable[..., Any], _njit(signature, **_OPTIONS)(function))

    return decorate
