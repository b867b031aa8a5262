"""A number for each text: FNV-1a over its UTF-8 bytes, in compiled code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.windows.jit import compiled, types

__all__ = ["text_hashes"]

_OFFSETS = types.Array(types.int32, 1, "C", readonly=True)
_BYTES = types.Array(types.uint8, 1, "C", readonly=True)
_OUT = types.uint64[::1]
_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


def text_hashes(texts: pa.StringArray) -> npt.NDArray[np.uint64]:
    """[n] the hash of each text; a null's is that of some text.

    Cost: about 1 ns a byte, no copy.

    Examples:
        >>> [hex(one) for one in text_hashes(pa.array(["", "a", "foobar"])).tolist()]
        ['0xcbf29ce484222325', '0xaf63dc4c8601ec8c', '0x85944171f73967e8']
    """
    out = np.empty(len(texts), np.uint64)
    _, offsets, data = texts.buffers()
    if len(texts):
        ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
        _hash(ends, np.frombuffer(data or b"", np.uint8), out)
    return out


@compiled(types.void(_OFFSETS, _BYTES, _OUT))
def _hash(offsets, data, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        h = _BASIS
        for at in range(offsets[i], offsets[i + 1]):
            h = (h ^ np.uint64(data[at])) * _PRIME
        out[i] = h
