"""Memory, a word at a time: little-endian loads and stores at any byte, for compiled code.

Plain indexing checks for negative places on every access and loads eight bytes one by one; these are one instruction.
Nothing is checked: callers know that eight bytes are there. A buffer to read from ends with PADDING bytes that belong
to no state, so a parser may look a little beyond what it has been given, and then finds that it did.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from gapless.windows.jit import inlined, types

__all__ = ["PADDING", "Bytes", "leading_zeros", "load", "load_byte", "room", "store", "store_byte", "trailing_zeros"]

Bytes = NDArray[np.uint8]
PADDING = 4096  # more than any step of a parser takes before it looks where it is
_emit: Any = cgutils
_BYTE, _WORD = cgutils.int8_t, cgutils.intp_t
_intrinsic: Callable[[Any], Callable[..., int]] = intrinsic


def _place(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return _emit.gep_inbounds(builder, builder.bitcast(data, _BYTE.as_pointer()), at)


@_intrinsic
def load(typing: Any, data: Any, at: Any) -> Any:
    """Eight bytes as an int64."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature.args[0], *args)
        return builder.load(builder.bitcast(place, _WORD.as_pointer()), align=1)

    return types.int64(data, types.int64), emit


@_intrinsic
def load_byte(typing: Any, data: Any, at: Any) -> Any:
    """One byte as an int64 in 0 .. 255."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.zext(builder.load(_place(context, builder, signature.args[0], *args)), _WORD)

    return types.int64(data, types.int64), emit


@_intrinsic
def store(typing: Any, data: Any, at: Any, word: Any) -> Any:
    """Eight bytes of an int64."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _place(context, builder, signature.args[0], *args[:2])
        builder.store(args[2], builder.bitcast(place, _WORD.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(data, types.int64, types.int64), emit


@_intrinsic
def store_byte(typing: Any, data: Any, at: Any, byte: Any) -> Any:
    """The low byte of an int64."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(builder.trunc(args[2], _BYTE), _place(context, builder, signature.args[0], *args[:2]))
        return context.get_dummy_value()

    return types.void(data, types.int64, types.int64), emit


@_intrinsic
def trailing_zeros(typing: Any, word: Any) -> Any:
    """How many of the lowest bits are zero; 64 for zero."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], cgutils.false_bit)

    return types.int64(types.int64), emit


@_intrinsic
def leading_zeros(typing: Any, word: Any) -> Any:
    """How many of the highest bits are zero; 64 for zero."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctlz(args[0], cgutils.false_bit)

    return types.int64(types.int64), emit


@inlined
def room(out: Bytes, at: int, need: int) -> Bytes:
    """A buffer with the first `at` bytes of this one and place for `need` more, and a word."""
    if at + need + 8 <= len(out):
        return out
    larger = np.empty(2 * (at + need + 8), np.uint8)
    larger[:at] = out[:at]
    return larger
