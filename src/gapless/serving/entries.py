"""An entry of the prediction log: one answer with everything that it was made from, as bytes.

msgpack, an array that begins with the number of its format; fields are only ever added, at the end, with a default, so
that an older reader passes over them and a newer one fills them in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from gapless.errors import CorruptData, InputError
from gapless.ports.scorer import Float32
from gapless.serving.answers import Value

__all__ = ["ENTRY_FORMAT", "Entry", "GroupSeen", "decode_entry", "encode_entry"]

ENTRY_FORMAT = 1


class GroupSeen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How far one part of the state of a group of views had come when it was read.

    Parameters:
        namespace — of that part in the online store.
        position — the number of the commit that was the last one.
        offset — rows of the source with a smaller one were in, as far as they were known at `as_of_us`; of a
            partition, events with a smaller place were in, whenever they became known.
        as_of_us — everything known until then was in; None: it was not there.
        partition — of the source's topic; -1: what was ingested from files.
    """

    namespace: bytes
    position: int
    offset: int
    as_of_us: int | None
    partition: int = -1


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False, kw_only=True):
    """One answer.

    Parameters:
        model, version, definition_hash, bundle_hash — what answered; the bundle names the features of the vector.
        live_version — what was live; another than `version` where a fallback answered.
        as_of_us — the event time of the request; answered_us — the server's instant of answering.
        inputs — the request's columns by name; TIMESTAMP as µs UTC.
        vector — the features as the model saw them, little-endian float32 in its order; NaN is missing.
        prediction, probability — None where there is none.
        reasons — why `trust` is not "ok": code, level and facts.
        groups — what was read, in the order of the feature set's groups; empty where nothing could be.
    """

    format: int = ENTRY_FORMAT
    request_id: str | int
    model: str
    version: str
    live_version: str
    definition_hash: str
    bundle_hash: str
    as_of_us: int
    answered_us: int
    inputs: Mapping[str, Value]
    vector: bytes
    prediction: float | None
    probability: float | None
    trust: str
    reasons: Sequence[Mapping[str, Any]]
    groups: Sequence[GroupSeen]

    @property
    def features(self) -> Float32:
        """The vector as numbers [k]."""
        return np.frombuffer(self.vector, "<f4")


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Entry)


def encode_entry(entry: Entry) -> bytes:
    """The entry as bytes.

    Raises: InputError for a text with lone surrogates, or an integer of more than 64 bits.

    Cost: about 2 µs and some ten bytes for each request column, four for each feature.

    Examples:
        >>> one = Entry(request_id="r1", model="m", version="3", live_version="3", definition_hash="d",
        ...     bundle_hash="b", as_of_us=5, answered_us=7, inputs={"plane": "N1", "seats": None},
        ...     vector=np.array([1, np.nan], "<f4").tobytes(), prediction=1.0, probability=0.75, trust="ok",
        ...     reasons=[], groups=[GroupSeen(b"space", 4, 100, 5)])
        >>> decode_entry(encode_entry(one)) == one
        True
        >>> decode_entry(encode_entry(one)).features
        array([ 1., nan], dtype=float32)
    """
    try:
        return _ENCODER.encode(entry)
    except (UnicodeEncodeError, OverflowError) as error:
        raise InputError(
            "a value of a request cannot be written down",
            seen=ascii(error),
            allowed="Unicode text without lone surrogates, and integers of 64 bits",
            next_step="mend it where the request is made",
        ) from None


def decode_entry(data: bytes) -> Entry:
    """What `encode_entry` made bytes of, also by a later version of gapless that adds to it.

    Raises: CorruptData for other bytes, or a format that this version does not know.
    """
    try:
        entry = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _corrupt(str(error)) from error
    if entry.format != ENTRY_FORMAT:
        raise _corrupt(f"format {entry.format}")
    if len(entry.vector) % 4:
        raise _corrupt(f"a vector of {len(entry.vector)} bytes")
    return entry


def _corrupt(seen: str) -> CorruptData:
    return CorruptData(
        "an entry of the prediction log cannot be read",
        seen=seen,
        allowed=f"format {ENTRY_FORMAT}",
        next_step="upgrade gapless where the log was written by a newer one, else set the segment aside",
    )
