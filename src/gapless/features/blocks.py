"""Events of one group as plain arrays: read, cut to what the requests can see, and dealt into buckets by key.

reader ─ batches ─► encode ─► Block(key, time, known, inputs) ─┬─ in memory ──────► bucket b of B
                                                               └─ over budget ► a file without a name
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import KNOWN_AT, KeyCodes, to_numpy
from gapless.errors import StorageError
from gapless.expr import compile_columns
from gapless.features.keys import KeyIndex
from gapless.features.plan import Group, InputPlan
from gapless.schema import Type
from gapless.windows import Events, Input, time_order

__all__ = ["Block", "Buckets", "Encoder", "sorted_events"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Block:
    """Some events in source order. `known` None: known the source's delay after they happened; `valid` None: all."""

    key: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    known: npt.NDArray[np.int64] | None
    values: tuple[Array, ...]
    valid: tuple[npt.NDArray[np.bool_] | None, ...]

    def __len__(self) -> int:
        return len(self.key)

    @property
    def nbytes(self) -> int:
        arrays = [self.key, self.time, self.known, *self.values, *self.valid]
        return sum(array.nbytes for array in arrays if array is not None)

    def take(self, rows: Array | slice) -> Block:
        """The same columns at other rows."""
        return Block(
            self.key[rows],
            self.time[rows],
            None if self.known is None else self.known[rows],
            tuple(v[rows] for v in self.values),
            tuple(None if v is None else v[rows] for v in self.valid),
        )


class Encoder:
    """Turns batches of a source into Blocks; remembers the texts behind the codes of string inputs."""

    def __init__(self, group: Group, keys: KeyIndex) -> None:
        self._group = group
        self._keys = keys
        self._program = compile_columns(group.expressions) if group.expressions else None
        self.texts = {
            i: KeyCodes()
            for i, plan in enumerate(group.inputs)
            if plan.value is not None and plan.value.type is Type.STRING
        }
        self.kinds = tuple(_kind(plan) for plan in group.inputs)

    def encode(self, batch: pa.RecordBatch) -> Block:
        """The events of the batch whose key a request has."""
        key = self._keys.find([batch.column(column) for _, column in self._group.keys])
        rows = np.flatnonzero(key >= 0)
        if len(rows) < len(batch):
            batch, key = batch.take(pa.array(rows)), key[rows]
        time, _ = to_numpy(batch.column(self._group.source.event_time))
        known, _ = to_numpy(batch.column(KNOWN_AT))
        as_usual = bool(np.array_equal(known, time + self._group.source.delay_us))
        values, valid = self._inputs(batch)
        return Block(key.astype(np.int32), time, None if as_usual else known, values, valid)

    def _inputs(self, batch: pa.RecordBatch) -> tuple[tuple[Array, ...], tuple[npt.NDArray[np.bool_] | None, ...]]:
        if self._program is None:
            return (), ()
        computed = self._program(batch)
        columns = {name: computed.column(i) for i, name in enumerate(computed.schema.names)}
        pairs = [self._input(i, columns, len(batch)) for i in range(len(self._group.inputs))]
        return tuple(v for v, _ in pairs), tuple(None if ok is None or ok.all() else ok for _, ok in pairs)

    def _input(self, i: int, columns: dict[str, pa.Array], rows: int) -> tuple[Array, npt.NDArray[np.bool_] | None]:
        values: Array
        value, where = columns.get(f"value{i}"), columns.get(f"where{i}")
        if value is None:
            values, valid = np.zeros(rows), None
        elif i in self.texts:
            values = self.texts[i].encode([value])
            valid = values >= 0
        else:
            values, valid = to_numpy(value)
            values = values.astype(np.float64) if values.dtype == np.bool_ else values
        if where is None:
            return values, valid
        kept, known = to_numpy(where)
        kept = kept & known
        return values, kept if valid is None else kept & valid


def _kind(plan: InputPlan) -> npt.DTypeLike:
    """What `Block.values` holds of an input: codes of texts and times are whole numbers, all else is a float."""
    whole = plan.value is not None and plan.value.type in (Type.STRING, Type.TIMESTAMP)
    return np.int64 if whole else np.float64


class Buckets:
    """Blocks dealt by key: all events of one key are in one bucket.

    Parameters:
        count — how many buckets.
        memory_bytes — above this the blocks move to a file in `scratch`.
        scratch — an existing folder for it; None: the system's.

    The file has no name: the system frees it with the process, however that ends.
    """

    def __init__(self, count: int, *, memory_bytes: int, scratch: Path | None) -> None:
        self.count = count
        self._budget = memory_bytes
        self._scratch = scratch
        self._parts: list[list[Block]] = [[] for _ in range(count)]
        self._held = 0
        self._file: IO[bytes] | None = None
        self._schema: pa.Schema | None = None
        self._places: list[list[slice]] = [[] for _ in range(count)]

    def add(self, block: Block) -> None:
        """Keep a block.

        Raises: StorageError where the file has no room.
        """
        for parts, part in zip(self._parts, _split(block, self.count), strict=True):
            if len(part):
                parts.append(part)
        self._held += block.nbytes
        if self._held > self._budget:
            self._spill()

    def deal(self) -> Iterator[tuple[int, list[Block]]]:
        """Each bucket with its blocks in source order. A bucket is let go of when the next one is asked for."""
        if self._file is not None:
            self._spill()
        spilled = None if self._file is None else _mapped(self._file)
        for bucket in range(self.count):
            held, self._parts[bucket] = self._parts[bucket], []
            yield bucket, held if spilled is None else [self._read(spilled, place) for place in self._places[bucket]]

    def close(self) -> None:
        """Lets go of the blocks and the file."""
        self._parts.clear()
        if self._file is not None:
            self._file.close()

    def _spill(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._scratch)  # noqa: SIM115  close() does
            for places, parts in zip(self._places, self._parts, strict=True):
                places += [self._write(self._file, block) for block in parts]
                parts.clear()
            self._file.flush()
        except OSError as problem:
            raise StorageError(
                "events that do not fit in memory could not be put aside",
                where=str(self._scratch or tempfile.gettempdir()),
                seen=str(problem),
                next_step="free some space there and run it again",
            ) from problem
        self._held = 0

    def _write(self, file: IO[bytes], block: Block) -> slice:
        batch = _to_batch(block)
        self._schema = batch.schema
        start, written = file.tell(), batch.serialize()
        file.write(written)
        return slice(start, start + written.size)

    def _read(self, spilled: pa.Buffer, place: slice) -> Block:
        return _from_batch(pa.ipc.read_record_batch(spilled[place], self._schema))


def _split(block: Block, count: int) -> Sequence[Block]:
    if count <= 1:
        return [block]
    bucket = (block.key % count).astype(np.uint16)
    order = np.argsort(bucket, kind="stable")  # a radix sort for 16 bits
    ends = np.cumsum(np.bincount(bucket, minlength=count))
    return [block.take(order[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


_NO_KNOWN = np.iinfo(np.int64).min


def _to_batch(block: Block) -> pa.RecordBatch:
    known = np.full(len(block), _NO_KNOWN) if block.known is None else block.known
    columns: dict[str, Array] = {"key": block.key, "time": block.time, "known": known}
    for i, (values, valid) in enumerate(zip(block.values, block.valid, strict=True)):
        columns[f"value{i}"] = values
        columns[f"valid{i}"] = np.ones(len(block), np.uint8) if valid is None else valid.view(np.uint8)
    return pa.RecordBatch.from_pydict({name: pa.array(array) for name, array in columns.items()})


def _mapped(file: IO[bytes]) -> pa.Buffer:
    return pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _from_batch(batch: pa.RecordBatch) -> Block:
    columns = {name: batch.column(name).to_numpy() for name in batch.schema.names}
    known = columns["known"]
    inputs = range((len(columns) - 3) // 2)
    return Block(
        columns["key"],
        columns["time"],
        None if known[0] == _NO_KNOWN else known,
        tuple(columns[f"value{i}"] for i in inputs),
        tuple(columns[f"valid{i}"].view(np.bool_) for i in inputs),
    )


def sorted_events(blocks: Sequence[Block], delay_us: int, kinds: Sequence[npt.DTypeLike]) -> Events:
    """The blocks of a bucket as one set of events, ordered by (key, event_time, known_at, place in the source)."""
    key = _joined([b.key for b in blocks], np.int32).astype(np.int64)
    time = _joined([b.time for b in blocks], np.int64)
    known = _known(blocks, time, delay_us)
    order = time_order(key, time, time if known is None else known)
    visible = time + max(1, delay_us) if known is None else np.maximum(time + 1, known)
    return Events(
        key[order],
        time[order],
        visible[order],
        tuple(_input(blocks, i, kind, order) for i, kind in enumerate(kinds)),
    )


def _known(blocks: Sequence[Block], time: Array, delay_us: int) -> Array | None:
    if all(block.known is None for block in blocks):
        return None
    parts = [b.time + delay_us if b.known is None else b.known for b in blocks]
    return _joined(parts, np.int64)


def _input(blocks: Sequence[Block], i: int, kind: npt.DTypeLike, order: Array) -> Input:
    values = _joined([b.values[i] for b in blocks], kind)[order]
    if all(b.valid[i] is None for b in blocks):
        return Input(values, np.ones(len(order), np.bool_))
    valid = [np.ones(len(b), np.bool_) if (ok := b.valid[i]) is None else ok for b in blocks]
    return Input(values, _joined(valid, np.bool_)[order])


def _joined(parts: Sequence[Array], empty: Any) -> Array:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, empty)
