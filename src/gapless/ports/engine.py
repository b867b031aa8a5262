"""The batch engine: stages of functions over pieces of bytes, spread over whatever machines there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["MAX_PIECE_BYTES", "BatchEngine", "EngineCapabilities", "Piece", "Progress", "Stage", "Work", "orderly"]

MAX_PIECE_BYTES = 64 << 20
"""A piece is copied whole at every step; work that makes more cuts it."""


@dataclass(frozen=True)
class Piece:
    """Bytes on their way to one partition of the next stage.

    Parameters:
        place — the partition that gets it, from 0.
        order — the sender's own number, int64; a partition gets its pieces in any order, and sorts them by this.
    """

    place: int
    order: int
    value: bytes


Work = Callable[[Iterator[Piece]], Iterable[Piece]]
"""All pieces of one partition in; pieces for the next stage, or the results, out. Pickled: it imports what it needs."""


@dataclass(frozen=True, eq=False)
class Stage:
    """Work done once for each partition.

    Parameters:
        name — what people who wait read.
        partitions — how many; a piece has a place below it. A partition that gets nothing may not be worked on.
        reads — stages whose pieces come in, each used by this stage alone.
        tasks — instead of stages: one piece (place, place, task) for each partition.
    """

    name: str
    work: Work
    partitions: int
    reads: tuple[Stage, ...] = ()
    tasks: tuple[bytes, ...] = ()


Progress = Callable[[str, int, int], None]
"""Told what runs, and how many of its tasks are done, of how many."""


@dataclass(frozen=True)
class EngineCapabilities:
    """Where engines differ.

    Parameters:
        slots — about how many tasks run at the same time.
        local — every task runs on this machine.
    """

    slots: int
    local: bool


class BatchEngine(Protocol):
    """Runs stages. Work may be done more than once, also at the same time, and only one of its outcomes counts: what it
    writes elsewhere has a name of its own, and is used only when a result names it.

    Raises, from every method: Transient where the engine cannot be reached or lost too many workers (run it again);
    what the work raised, as one of gapless's own errors; SettingsError for an engine that lacks what work needs.
    """

    @property
    def capabilities(self) -> EngineCapabilities:
        """The same for its whole life."""
        ...

    def run(self, stage: Stage, *, progress: Progress | None = None, at_once: bool = False) -> Iterator[Piece]:
        """What the last stage gives: partition by partition in ascending order, each in the order it was given.

        Returns: pieces whose place is the partition that gave them, numbered from 0 in each.

        Parameters:
            at_once — all results are fetched together: quicker for few and small ones.

        Guarantees: each piece once, whatever failed and was done again. Results are fetched as they are asked for, so
            that about one partition of them is held here.
        """
        ...

    def close(self) -> None:
        """Lets go of the workers; the engine is not used after it."""
        ...


def orderly(pieces: Iterable[Piece]) -> Sequence[Piece]:
    """Sorted by their order."""
    return sorted(pieces, key=lambda piece: piece.order)
