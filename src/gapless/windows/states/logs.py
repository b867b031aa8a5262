"""Events as the kernel of building takes them: values as bits, texts as UTF-8 and where each begins."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gapless.errors import BugError
from gapless.windows.batch import Ints
from gapless.windows.states.columns import StateEvents, StateInput
from gapless.windows.states.filling import Log
from gapless.windows.states.kernels import MEMBERS
from gapless.windows.states.plan import StatePlan
from gapless.windows.states.words import PADDING

__all__ = ["log_of"]

_T = TypeVar("_T", bound=np.generic)


def log_of(plan: StatePlan, events: StateEvents) -> Log:
    """The events of a plan that has as many inputs of the same kinds.

    Raises: BugError for a code without a text.
    """
    sort = {slot[-1] for slot in plan.tables.slots.tolist() if slot[0] == MEMBERS}
    values = np.empty((len(plan.kinds), len(events)), np.int64)
    valid = np.empty(values.shape, np.bool_)
    pieces, ends, texts, end = [], [np.zeros(1, np.int64)], 0, 0
    for place, each in enumerate(events.inputs):
        values[place], valid[place] = each.values.view(np.int64), each.valid
        if plan.kinds[place] == "text":
            codes, strings = _texts(each, place in sort)
            values[place] = codes + texts
            pieces.append(_utf8(strings))
            ends.append(end + np.cumsum(_lengths(strings)))
            texts, end = texts + len(strings), end + len(pieces[-1])
    data = np.frombuffer(b"".join([*pieces, bytes(PADDING)]), np.uint8)
    return Log(
        _read_only(events.event_time),
        _read_only(events.known_at),
        _read_only(events.offset),
        _read_only(values),
        _read_only(valid),
        data,
        _read_only(np.concatenate(ends)),
    )


def _read_only(column: NDArray[_T]) -> NDArray[_T]:
    """As the kernel's signature has it."""
    view = np.ascontiguousarray(column).view()
    view.flags.writeable = False
    return view


def _texts(each: StateInput, sort: bool) -> tuple[Ints, pa.Array]:
    """Codes and the texts that they stand for; sorted: distinct texts in order."""
    strings, codes = _strings(each.texts), np.where(each.valid, each.values, 0)
    if each.valid.any() and not 0 <= codes.min() <= codes.max() < len(strings):
        seen = int(codes.min()), int(codes.max())
        raise BugError("a code without a text", seen=seen, allowed=f"0 to {len(strings) - 1}")
    if not sort or not len(strings):
        return codes, strings
    ordered = strings.unique().sort()
    return _numpy(pc.index_in(strings, ordered))[codes].astype(np.int64), ordered


def _strings(texts: Any) -> pa.Array:
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    large = pa.large_string()
    return texts.cast(large) if isinstance(texts, pa.Array) else pa.array(texts, large)


def _lengths(strings: pa.Array) -> Ints:
    return _numpy(pc.fill_null(pc.binary_length(strings), 0)).astype(np.int64)


def _utf8(strings: pa.Array) -> bytes:
    """The bytes of all texts after one another."""
    _, ends, data = strings.buffers()
    if not len(strings) or data is None:
        return b""
    bounds = np.frombuffer(ends, np.int64)[strings.offset : strings.offset + len(strings) + 1]
    return bytes(memoryview(data)[bounds[0] : bounds[-1]])


def _numpy(column: pa.Array) -> NDArray[Any]:
    array: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return array
