"""How the kernels of this folder are compiled, and the numbers that stand for names in their tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from gapless.windows import jit
from gapless.windows.jit import types

__all__ = [
    "BOOL",
    "BYTES",
    "COUNT",
    "FILES",
    "FINISHES",
    "FIRST",
    "FLOAT",
    "GRID",
    "HEAD",
    "INT",
    "KINDS",
    "LATEST",
    "LIMBS",
    "MAX",
    "MEMBERS",
    "MIN",
    "PARTS",
    "SEAL",
    "SQUARES",
    "TEXT",
    "TOTAL",
    "TRUE",
    "bare",
    "compiled",
]

FILES = (
    "building",
    "checking",
    "decoding",
    "combining",
    "encoding",
    "extending",
    "filling",
    "kernels",
    "merging",
    "reading",
    "scanning",
    "finishing",
    "words",
)
_VERSION = jit.digest(["jit", "limbs", "sorting", *(f"states/{name}" for name in FILES)])

BYTES = types.Array(types.uint8, 1, "C", readonly=True)
GRID = types.Array(types.int64, 2, "C", readonly=True)  # a table of a plan

_njit: Any = numba.njit
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "_nrt": False, "forceinline": True}

LIMBS = 168  # in a row: what the byte form holds, and room to settle
HEAD = 24  # bytes that suffice for what stands before the tiles
SEAL = 4  # bytes of the checksum
_F = TypeVar("_F", bound=Callable[..., Any])

KINDS = {"float": 0, "bool": 1, "int": 2, "text": 3}
FLOAT, BOOL, INT, TEXT = KINDS.values()
PARTS = {"count": 0, "true": 1, "total": 2, "squares": 3, "min": 4, "max": 5, "first": 6, "latest": 7, "members": 8}
COUNT, TRUE, TOTAL, SQUARES, MIN, MAX, FIRST, LATEST, MEMBERS = PARTS.values()
_FUNCTIONS = "count sum mean var std min max first last last_n n_unique any all"
FINISHES = {name: number for number, name in enumerate(_FUNCTIONS.split())}


def compiled(signature: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`jit.compiled`, for kernels made of the files of this folder."""
    return jit.compiled(signature, _VERSION)


def bare(function: _F) -> _F:
    """Compile a function that takes arrays and makes none: not counting references to them saves most of its time."""
    return cast(_F, _njit(**_OPTIONS)(function))
