"""What was served, computed again and compared bit for bit.

answers ─ chunk ─► batch kernel, as known at each instant ─► equal: proven twice over ────┐
                        │ not equal                                                      │ a sample
                        ▼                                                                ▼
                   batch kernel, over the events that each answer says were in ─► equal: proven, behind
                        │ not equal                                                      │ a sample
                        ▼                                                                ▼
                   the definition, over the same events, and in every honest way ─► equal: proven, with a word on how
                        │ not equal
                        ▼
                   a difference: the ways in which it can have gone wrong are tried
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import to_numpy
from gapless.features import Limits, SourceReader, compute, float32_matrix, plan_groups
from gapless.online import Layout
from gapless.ports.scorer import Float32
from gapless.product import FeatureSet
from gapless.serving.entries import GroupSeen
from gapless.verifying.candidates import part_of
from gapless.verifying.expanding import vectors_at_cuts
from gapless.verifying.history import CutHistory, History
from gapless.verifying.recomputing import Opened, recompute
from gapless.verifying.served import Named, Served, named, seen_of
from gapless.verifying.verified import Tally, Verified

__all__ = ["Choice", "verify"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

_CHUNK_ROWS = 1 << 17
_RECHECKED = 100
"""Of a chunk at most: the definition takes milliseconds for a key of a thousand events."""
_ALIKE = 32
"""So many answers from the same state are worth a pass of the batch kernel."""
_ALONE = 1 << 11
"""So many answers from states of their own are computed in one."""


@dataclass(frozen=True)
class Choice:
    """Which answers are verified.

    Parameters:
        version — None: all.
        from_us, until_us — those in [from_us, until_us) of `by`; None is an open end.
        sample — the share of them, from 0 to 1, chosen by a hash of the request's id: the same ones every time.
        recheck — the share of those that the kernel proves which are computed by the definition too, up to 100 of
            each 131,072.
    """

    version: str | None = None
    from_us: int | None = None
    until_us: int | None = None
    by: Literal["answered_at", "as_of"] = "answered_at"
    sample: float = 1.0
    recheck: float = 0.01


def verify(
    answers: Iterable[pa.RecordBatch],
    opened: Callable[[Named], Opened],
    history: History,
    choice: Choice = Choice(),
    *,
    most: int = 100,
    limits: Limits = Limits(),  # noqa: B008  frozen
    chunk_rows: int = _CHUNK_ROWS,
    progress: Callable[[int], None] | None = None,
) -> Verified:
    """Every answer that was chosen, recomputed from files and landed events: how many are equal, and what is not.

    Parameters:
        answers — landed rows (`serving.landing`; `batches_of` makes them of entries), of any versions.
        opened — the version that answered; called once for each chunk.
        most — differences that are kept in full; all are counted.
        progress — told how many answers are done.

    Raises: what `opened` and the store raise.

    Guarantees: the same report for the same tables. A difference is never left out: what cannot be explained says so.

    Cost: a million values a second and more where answers are equal at once. Where they are not, those that were made
        from one state cost a pass over its events together; all others milliseconds each. Memory of one chunk, and of
        the events of the keys that had to be looked at one by one.
    """
    tally = Tally(most)
    for by, batch in _chunks(answers, choice, chunk_rows):
        version = opened(by)
        _Chunk(version, Served.of(by, version.features, batch), history, limits, tally).check(choice.recheck)
        if progress is not None:
            progress(tally.answers)
    return tally.verified()


def _chunks(answers: Iterable[pa.RecordBatch], choice: Choice, rows: int) -> Iterator[tuple[Named, pa.RecordBatch]]:
    held: dict[tuple[Named, pa.Schema], list[pa.RecordBatch]] = defaultdict(list)
    pieces = (batch.slice(start, rows) for batch in answers for start in range(0, batch.num_rows, rows))
    for batch in pieces:
        for by, part in _by_version(_chosen(batch, choice)):
            mine = held[by, part.schema]
            mine.append(part)
            if sum(one.num_rows for one in mine) >= rows:
                yield by, pa.concat_batches(held.pop((by, part.schema)))
    for (by, _), left in held.items():
        yield by, pa.concat_batches(left)


def _chosen(batch: pa.RecordBatch, choice: Choice) -> pa.RecordBatch:
    keep = np.ones(batch.num_rows, np.bool_)
    when, _ = to_numpy(batch.column(choice.by))
    if choice.from_us is not None:
        keep &= when >= choice.from_us
    if choice.until_us is not None:
        keep &= when < choice.until_us
    if choice.version is not None:
        keep &= np.array([one == choice.version for one in batch.column("model_version").to_pylist()], np.bool_)
    if choice.sample < 1:
        keep &= _drawn(batch.column("request_id").to_pylist(), choice.sample, "sample")
    return batch if keep.all() else batch.filter(pa.array(keep))


def _drawn(ids: Iterable[object], share: float, what: str) -> Bools:
    limit = share * 2**32
    return np.array([crc32(f"{what} {one}".encode("utf-8", "replace")) < limit for one in ids], np.bool_)


def _by_version(batch: pa.RecordBatch) -> Iterator[tuple[Named, pa.RecordBatch]]:
    rows: dict[Named, list[int]] = defaultdict(list)
    for i, one in enumerate(named(batch)):
        rows[one].append(i)
    for one, places in rows.items():
        yield one, batch if len(rows) == 1 else batch.take(pa.array(places))


class _Chunk:
    """Some answers of one version."""

    def __init__(self, opened: Opened, served: Served, history: History, limits: Limits, tally: Tally) -> None:
        self._opened, self._served, self._history = opened, served, history
        self._limits, self._tally = limits, tally

    def check(self, recheck: float) -> None:
        """All of them are in the tally."""
        served, tally = self._served, self._tally
        equal, probability = self._equal(served, self._vectors(served, self._history))
        tally.add(served, probability=probability)
        tally.proven("at_its_instant", int(equal.sum()))
        left = np.flatnonzero(~equal)
        behind = left[self._equal_at_cuts(left)]
        tally.behind(served, behind)
        equal[behind] = True
        again = np.flatnonzero(equal & _drawn(served.ids, recheck, "recheck"))[:_RECHECKED] if recheck else left[:0]
        tally.rechecked += len(again)
        rows = np.concatenate([np.flatnonzero(~equal), again])
        if len(rows):
            some = served.take(rows)
            made = recompute(self._opened, some, self._history)
            counted = np.where(np.isin(rows, behind), "behind", np.where(equal[rows], "at_its_instant", ""))
            tally.judge(self._opened, some, made, self._history, counted.tolist())

    def _vectors(self, served: Served, sources: SourceReader) -> Float32:
        """What batch prediction gives from these sources."""
        table, features = pa.Table.from_batches([served.requests]), self._opened.features
        parts = compute(features, table, sources, limits=self._limits)
        return np.concatenate([float32_matrix(part, features.vector) for part in parts])

    def _equal(self, served: Served, vector: Float32) -> tuple[Bools, bool]:
        """(which answers are those of these vectors, whether the version gives a probability)."""
        scores = self._opened.scorer.score(vector)
        return served.equal(vector, scores.prediction, scores.probability), scores.probability is not None

    def _equal_at_cuts(self, rows: Ints) -> Bools:
        """Which of these answers are equal as far as the log was in; those of one state are computed together."""
        found = np.zeros(len(rows), np.bool_)
        alike: dict[str, list[int]] = defaultdict(list)
        away = self._served.store_was_away
        for place, row in enumerate(rows.tolist()):
            if not away[row]:
                alike[self._served.groups[row]].append(place)
        alone: list[int] = []
        for places in alike.values():
            cuts = _cuts(self._opened.features, seen_of(self._served.groups[rows[places[0]]]))
            if len(places) < _ALIKE or cuts is None:
                alone += places
                continue
            some = self._served.take(rows[places])
            found[places] = self._equal(some, self._vectors(some, CutHistory(self._history, cuts)))[0]
        for start in range(0, len(alone), _ALONE):
            places = alone[start : start + _ALONE]
            some = self._served.take(rows[places])
            vector = vectors_at_cuts(self._opened.features, some, self._history, self._limits)
            found[places] = self._equal(some, vector)[0]
        return found


def _cuts(features: FeatureSet, seen: tuple[GroupSeen, ...]) -> dict[str, dict[int, GroupSeen]] | None:
    """By source and partition, what was in; None where two groups of a source were not equally far."""
    cuts: dict[str, dict[int, GroupSeen]] = {}
    for group in plan_groups(features.views):
        found = part_of(Layout.of(group), seen).items()
        parts = {partition: GroupSeen(b"", 0, one.offset, one.as_of_us, partition) for partition, one in found}
        if cuts.setdefault(group.source.origin.name, parts) != parts:
            return None
    return cuts
