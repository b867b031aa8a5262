"""The history in chunks of events, each as tiles that are ready to be merged into records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from gapless.arrow import OFFSET
from gapless.features import chunked
from gapless.online.chunks import Arrived, arrived
from gapless.online.history import History
from gapless.online.layout import Layout

__all__ = ["Arrivals", "Chunk", "read_here"]


@dataclass(frozen=True)
class Chunk:
    """Some events, one after the other in the order of their places; `done` is the place after the last of them."""

    done: int
    events: int
    new: Arrived


class Arrivals(Protocol):
    """Reads events and builds their tiles, in this process or elsewhere."""

    def __call__(
        self, layout: Layout, *, offsets: tuple[int, int], known: tuple[int | None, int], rows: int
    ) -> Iterator[Chunk]:
        """The events of the layout's source in these places that became known then, see `History.read`, in chunks.

        Parameters:
            rows — of a chunk: exactly so many in each but the last, whoever reads them.
        """
        ...


def read_here(history: History) -> Arrivals:
    """In this process."""

    def chunks(
        layout: Layout, *, offsets: tuple[int, int], known: tuple[int | None, int], rows: int
    ) -> Iterator[Chunk]:
        source = layout.group.source
        found = history.read(source, sorted(layout.group.columns), offsets=offsets, known=known)
        for batch in chunked(found, rows):
            yield Chunk(batch.column(OFFSET)[-1].as_py() + 1, batch.num_rows, arrived(layout, batch, known[1]))

    return chunks
