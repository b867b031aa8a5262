"""Where the state of a group lies in a store, and in which bytes a key is written.

namespace  kind   rest
8 bytes    0x00                          the offset record: which events are in
           0x04                          the same of a part that is being filled, and not to be read yet
           0x01   values of the key      the record of a key
           0x02   SHA-256 of the values  the same, where they are too long
           0x03                          nobody's key: never stored, reads as no events
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import pyarrow as pa

from gapless.expr import fingerprint
from gapless.features import Group
from gapless.features.plan import InputPlan
from gapless.product import definition_hash
from gapless.schema import Type
from gapless.windows import Spec
from gapless.windows.states import Kind, StatePlan

__all__ = ["LAYOUT_VERSION", "Layout", "Value", "in_namespace", "is_ours", "namespace_of", "offset_key_of"]

Value = float | bool | str | int | None
LAYOUT_VERSION = 1
_OFFSET, _STATE, _HASHED, _NOBODY, _FILLING = b"\x00", b"\x01", b"\x02", b"\x03", b"\x04"
_NAMESPACE_BYTES = 8
_MAX_KEY_BYTES = 400  # what every store takes
_FLOAT = struct.Struct(">d")
_INT64 = range(-(2**63), 2**63)
_KINDS: Mapping[Type, Kind] = {
    Type.FLOAT: "float",
    Type.BOOL: "bool",
    Type.TIMESTAMP: "int",
    Type.STRING: "text",
}


@dataclass(frozen=True, eq=False)
class Layout:
    """One group as a store sees it. Two groups that mean the same state share it, whatever the order their features
    were declared in.

    Parameters:
        group — as planned; `inputs` and `plan` hold the same work in an order of their own.
        places — output column → column of a read of `plan`.
        partition — of the source's topic, whose events this part of the state holds; None: those of ingested files.
    """

    group: Group
    inputs: tuple[InputPlan, ...]
    plan: StatePlan
    places: Mapping[str, int]
    partition: int | None = None

    @classmethod
    def of(cls, group: Group) -> Layout:
        """The layout of a group."""
        order = sorted(range(len(group.inputs)), key=lambda i: _identity(group.inputs[i]))
        inputs = tuple(group.inputs[i] for i in order)
        moved = [(_moved(spec, order), columns) for spec, columns in group.specs]
        specs = tuple(sorted({spec for spec, _ in moved}, key=_plain))
        starts = {spec: sum(before.width for before in specs[:i]) for i, spec in enumerate(specs)}
        places = {column: starts[spec] + i for spec, columns in moved for i, column in enumerate(columns)}
        return cls(group, inputs, StatePlan(specs, tuple(_kind(plan) for plan in inputs)), places)

    def of_partition(self, partition: int) -> Layout:
        """The part of the same state that holds the events of one partition of the source's topic."""
        return Layout(self.group, self.inputs, self.plan, self.places, partition)

    def __reduce__(self) -> tuple[Any, ...]:
        """It can be sent to another process, which makes it from the group again."""
        return _made, (self.group, self.partition)

    @cached_property
    def namespace(self) -> bytes:
        """Eight bytes that differ where the meaning of the state does."""
        source = self.group.source
        meaning: dict[str, Any] = {
            "layout": LAYOUT_VERSION,
            "source": source.name,
            "event_time": source.event_time,
            "known_at": source.known_at,
            "delay_us": source.delay_us,
            "event_id": source.event_id,
            "keys": [[column, source.columns[column].value] for _, column in self.group.keys],
            "inputs": [_identity(plan) for plan in self.inputs],
            "specs": [_plain(spec) for spec in self.plan.specs],
        } | source.derived_from
        meaning |= {} if self.partition is None else {"partition": self.partition}
        return bytes.fromhex(definition_hash(meaning))[:_NAMESPACE_BYTES]

    @property
    def offset_key(self) -> bytes:
        """The key of the offset record."""
        return offset_key_of(self.namespace)

    @property
    def filling_key(self) -> bytes:
        """The key of the offset record while the part is being filled."""
        return self.namespace + _FILLING

    @property
    def state_prefixes(self) -> tuple[bytes, bytes]:
        """What the keys of records begin with."""
        return self.namespace + _STATE, self.namespace + _HASHED

    @property
    def nobody(self) -> bytes:
        """A key that is never stored."""
        return self.namespace + _NOBODY

    @property
    def views(self) -> tuple[str, ...]:
        """The views that it serves."""
        return tuple(dict.fromkeys(column.partition("__")[0] for column in self.places))

    @cached_property
    def key_of(self) -> Callable[[Mapping[str, Any]], bytes]:
        """The key of a row: request column → value, float, bool, str or int (a TIMESTAMP in µs). A row with a null part
        is `nobody`."""
        names = tuple(name for name, _ in self.group.keys)
        if self._types == [Type.STRING]:
            return _text_key(self.namespace, names[0])
        wide = self._wide
        return lambda row: wide([row[name] for name in names])

    def keys_of(self, columns: Sequence[pa.Array]) -> list[bytes]:
        """The key of each row of the source's key columns."""
        plain = [(c.view(pa.int64()) if pa.types.is_timestamp(c.type) else c).to_pylist() for c in columns]
        if self._types == [Type.STRING]:
            return _text_keys(self.namespace, plain[0])
        return [self._wide(row) for row in zip(*plain, strict=True)]

    @property
    def _types(self) -> list[Type]:
        return [self.group.source.columns[column] for _, column in self.group.keys]

    @cached_property
    def _wide(self) -> Callable[[Sequence[Any]], bytes]:
        *firsts, last = self._types
        return _wide_key(self.namespace, (*(_PARTS[kind] for kind in firsts), _LAST[last]))


def _made(group: Group, partition: int | None) -> Layout:
    layout = Layout.of(group)
    return layout if partition is None else layout.of_partition(partition)


def is_ours(key: bytes) -> bool:
    """Whether it has the form of a key in some namespace."""
    return key[_NAMESPACE_BYTES:] in (_OFFSET, _FILLING) or key[_NAMESPACE_BYTES : _NAMESPACE_BYTES + 1] in (
        _STATE,
        _HASHED,
    )


def in_namespace(key: bytes, namespace: bytes) -> bytes:
    """The same key in another namespace."""
    return namespace + key[_NAMESPACE_BYTES:]


def namespace_of(key: bytes) -> bytes:
    """The namespace that a key of ours is in."""
    return key[:_NAMESPACE_BYTES]


def offset_key_of(namespace: bytes) -> bytes:
    """The key of a namespace's offset record."""
    return namespace + _OFFSET


def _identity(plan: InputPlan) -> list[str]:
    return ["" if e is None else fingerprint(e) for e in (plan.value, plan.where)]


def _moved(spec: Spec, order: Sequence[int]) -> Spec:
    return Spec(spec.function, None if spec.input is None else order.index(spec.input), spec.window, spec.n)


def _plain(spec: Spec) -> tuple[str, int, int, int, int]:
    window = spec.window
    place = -1 if spec.input is None else spec.input
    return spec.function, place, -1 if window.width_us is None else window.width_us, window.hop_us, spec.n


def _kind(plan: InputPlan) -> Kind:
    # Rows that are only counted have no value: any kind will do, and none is kept.
    return "bool" if plan.value is None else _KINDS[plan.value.type]


def _text_key(namespace: bytes, name: str) -> Callable[[Mapping[str, Any]], bytes]:
    start, nobody = namespace + _STATE, namespace + _NOBODY
    longest = _MAX_KEY_BYTES - len(start)

    def key(row: Mapping[str, Any]) -> bytes:
        value = row[name]
        if value is None:
            return nobody
        data: bytes = value.encode("utf-8", "surrogatepass")  # what JSON can say and no event has
        return start + data if len(data) <= longest else _hashed(namespace, data)

    return key


def _text_keys(namespace: bytes, values: Sequence[str | None]) -> list[bytes]:
    """`_text_key` of many."""
    start, nobody = namespace + _STATE, namespace + _NOBODY
    longest = _MAX_KEY_BYTES - len(start)
    return [
        nobody
        if text is None
        else start + data
        if len(data := text.encode("utf-8", "surrogatepass")) <= longest
        else _hashed(namespace, data)
        for text in values
    ]


def _wide_key(namespace: bytes, parts: tuple[Callable[[Any], bytes], ...]) -> Callable[[Sequence[Any]], bytes]:
    start, nobody = namespace + _STATE, namespace + _NOBODY
    longest = _MAX_KEY_BYTES - len(start)

    def key(values: Sequence[Any]) -> bytes:
        if None in values:
            return nobody
        try:
            data = b"".join([part(value) for part, value in zip(parts, values, strict=True)])
        except OverflowError:  # an integer that no column can hold
            return nobody
        return start + data if len(data) <= longest else _hashed(namespace, data)

    return key


def _hashed(namespace: bytes, data: bytes) -> bytes:
    return namespace + _HASHED + sha256(data).digest()


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _measured_text(value: str) -> bytes:
    data = _text(value)
    return len(data).to_bytes(4, "big") + data


def _whole(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def _flag(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"


# Every part but the last says where it ends: no two keys of a group have the same bytes.
_LAST: Mapping[Type, Callable[[Any], bytes]] = {
    Type.STRING: _text,
    Type.INT: _whole,
    Type.TIMESTAMP: _whole,
    Type.FLOAT: _FLOAT.pack,  # bit by bit, as batch compares: -0.0 is another key than 0.0
    Type.BOOL: _flag,
}
_PARTS = {**_LAST, Type.STRING: _measured_text}
