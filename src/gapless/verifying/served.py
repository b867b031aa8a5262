"""Answers as they were given, in columns: what `gapless verify` checks, and how two values are told apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import ARROW_TYPES, plain, to_numpy
from gapless.ports.scorer import Float32
from gapless.product import FeatureSet
from gapless.serving.entries import Entry, GroupSeen
from gapless.serving.landing import Definition, Landing, definition_of

__all__ = ["Named", "Served", "batches_of", "named", "no_answer", "same_bits", "seen_of"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, order=True)
class Named:
    """A version as an answer names it."""

    model: str
    version: str
    bundle_hash: str


@dataclass(frozen=True, eq=False)
class Served:
    """Answers of one version.

    Parameters:
        requests — the request columns, typed as the version's source declares them.
        vector — [n, k] as the model saw it; prediction, probability — [n]; NaN is none.
        reasons, groups — JSON texts as they were landed.
    """

    by: Named
    features: FeatureSet
    requests: pa.RecordBatch
    vector: Float32
    prediction: Float32
    probability: Float32
    reasons: Sequence[str]
    groups: Sequence[str]

    @classmethod
    def of(cls, by: Named, features: FeatureSet, batch: pa.RecordBatch) -> Served:
        """Landed rows of one version."""
        definition = definition_of(features)
        columns = {
            name: plain(batch.column(definition.column_of(name))).cast(ARROW_TYPES[kind])
            for name, kind in definition.requests.items()
        }
        single = _matrix(batch, ["prediction", "probability"])
        return cls(
            by,
            features,
            pa.RecordBatch.from_pydict(columns),
            _matrix(batch, definition.vector),
            single[:, 0],
            single[:, 1],
            batch.column("reasons").to_pylist(),
            batch.column("groups").to_pylist(),
        )

    def __len__(self) -> int:
        return len(self.vector)

    def take(self, rows: Ints) -> Served:
        """Some of them."""
        return Served(
            self.by,
            self.features,
            self.requests.take(pa.array(rows)),
            self.vector[rows],
            self.prediction[rows],
            self.probability[rows],
            [self.reasons[i] for i in rows],
            [self.groups[i] for i in rows],
        )

    @cached_property
    def ids(self) -> list[Any]:
        """The requests' ids."""
        return list(self.requests.column(self.features.requests.event_id).to_pylist())

    @cached_property
    def at_us(self) -> Ints:
        """The requests' event times."""
        return to_numpy(self.requests.column(self.features.requests.event_time))[0]

    def row(self, i: int) -> dict[str, Any]:
        """One request as row programs take it: instants in µs."""
        one = self.requests.slice(i, 1)
        return {name: _plain_values(one.column(name))[0] for name in one.schema.names}

    def seen(self, i: int) -> tuple[GroupSeen, ...]:
        """How far each part of the state had come."""
        return seen_of(self.groups[i])

    def said(self, i: int) -> Sequence[Mapping[str, Any]]:
        """The reasons."""
        return _reasons(self.reasons[i])

    @cached_property
    def store_was_away(self) -> Bools:
        """[n]: whether the answer was made from the author's defaults: it names no state at all."""
        has_views = bool(self.features.views)
        return np.array([has_views and text == "[]" for text in self.groups], np.bool_)

    def equal(self, vector: Float32, prediction: Float32, probability: Float32 | None) -> Bools:
        """[n]: whether every bit of the vector and of the answer is that of these."""
        found = same_bits(self.vector, vector).all(axis=1) & same_bits(self.prediction, prediction)
        return found & same_bits(self.probability, no_answer(len(self)) if probability is None else probability)


def no_answer(rows: int) -> Float32:
    """What stands for a probability that a regression does not give."""
    return np.full(rows, np.nan, np.float32)


def same_bits(a: Float32, b: Float32) -> Bools:
    """Whether values are the same to the bit; NaN, which is null, is NaN.

    Examples:
        >>> one = np.array([0.0, np.nan, 1.0], np.float32)
        >>> same_bits(one, np.array([-0.0, np.nan, 1.0], np.float32)).tolist()
        [False, True, True]
    """
    bits: Bools = np.ascontiguousarray(a).view(np.uint32) == np.ascontiguousarray(b).view(np.uint32)
    bits |= np.isnan(a) & np.isnan(b)
    return bits


def named(batch: pa.RecordBatch) -> list[Named]:
    """The version of each landed row."""
    columns = [batch.column(name).to_pylist() for name in ("model", "model_version", "bundle_hash")]
    return [Named(*row) for row in zip(*columns, strict=True)]


def batches_of(entries: Iterable[Entry], features: FeatureSet) -> Iterator[pa.RecordBatch]:
    """Entries of the prediction log, all of versions with these features, as the rows that they land as."""
    landing = Landing(lambda entry: _definition(features))
    landing.add(entries)
    for _, _, batches in landing.tables():
        yield from batches


@lru_cache(1)
def _definition(features: FeatureSet) -> Definition:
    return definition_of(features)


def _matrix(batch: pa.RecordBatch, names: Sequence[str]) -> Float32:
    """float32 columns [n, k], as they are: null is NaN, and what is infinite stays so."""
    out = np.empty((batch.num_rows, len(names)), np.float32)
    for i, name in enumerate(names):
        column = pc.fill_null(plain(batch.column(name)), np.float32(np.nan))
        out[:, i] = column.to_numpy(zero_copy_only=False)
    return out


def _plain_values(column: pa.Array) -> list[Any]:
    return list((column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist())


@lru_cache(4096)
def seen_of(text: str) -> tuple[GroupSeen, ...]:
    """What a landed row says of the state, of its JSON."""
    return tuple(
        GroupSeen(
            bytes.fromhex(one["namespace"]), one["position"], one["offset"], one["as_of_us"], one.get("partition", -1)
        )
        for one in json.loads(text)
    )


@lru_cache(4096)
def _reasons(text: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(json.loads(text))
