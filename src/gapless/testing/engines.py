"""A batch engine in memory: everything is pickled and done on this machine, with whatever goes wrong elsewhere."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import cloudpickle

from gapless.ports.engine import EngineCapabilities, Piece, Progress, Stage, orderly

__all__ = ["MemoryEngine"]


@dataclass
class MemoryEngine:
    """Runs stages one partition after the other, each in an order of its own.

    Parameters:
        slots — what `capabilities` says: how finely work is cut.
        seed — of the order of partitions and pieces, and of what fails.
        again — the share of tasks that are done a second time after they had come to their end: their first outcome
            counts, and its files are there beside those of the second.
        broken — the share of tasks that are broken off in the middle and done anew.
    """

    slots: int = 3
    seed: int = 0
    again: float = 0.0
    broken: float = 0.0
    done: list[str] = field(default_factory=list)

    @property
    def capabilities(self) -> EngineCapabilities:
        """See BatchEngine."""
        return EngineCapabilities(self.slots, local=True)

    def run(self, stage: Stage, *, progress: Progress | None = None, at_once: bool = False) -> Iterator[Piece]:
        """See BatchEngine."""
        chance = random.Random(self.seed)
        outcome = self._run(stage, chance, progress)
        for place in sorted(outcome):
            yield from (Piece(place, number, piece.value) for number, piece in enumerate(outcome[place]))

    def close(self) -> None:
        """Nothing is held."""

    def _run(self, stage: Stage, chance: random.Random, progress: Progress | None) -> dict[int, list[Piece]]:
        """By partition, what its work gave."""
        coming = self._coming(stage, chance, progress)
        work = cloudpickle.dumps(stage.work)  # an author's function cannot be found by its name
        places = list(coming)
        chance.shuffle(places)
        outcome = {}
        for place in places:
            chance.shuffle(coming[place])
            outcome[place] = self._worked(work, coming[place], chance)
            self.done.append(stage.name)
            if progress is not None:
                progress(stage.name, len(outcome), stage.partitions)
        return outcome

    def _coming(self, stage: Stage, chance: random.Random, progress: Progress | None) -> dict[int, list[Piece]]:
        if stage.tasks:
            return {place: [Piece(place, place, task)] for place, task in enumerate(stage.tasks)}
        coming: dict[int, list[Piece]] = {}
        for before in stage.reads:
            for pieces in self._run(before, chance, progress).values():
                for piece in pieces:
                    assert 0 <= piece.place < stage.partitions, f"{before.name} sends to {piece.place}"
                    coming.setdefault(piece.place, []).append(piece)
        return coming

    def _worked(self, work: bytes, pieces: list[Piece], chance: random.Random) -> list[Piece]:
        if chance.random() < self.broken:
            for _ in zip(pickle.loads(work)(iter(pieces)), range(1), strict=False):
                pass  # broken off after the first
        found = list(pickle.loads(work)(iter(pieces)))
        if chance.random() < self.again:
            repeated = list(pickle.loads(work)(iter(list(reversed(pieces)))))
            assert len(orderly(repeated)) == len(found), "done again, work gives as many pieces"
        return found
