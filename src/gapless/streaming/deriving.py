"""A batch of events as the parts of a partition read it: with the columns that pandas functions make."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from gapless.features import Deriving
from gapless.streaming.parts import Part

__all__ = ["derived_for"]


def derived_for(parts: Sequence[Part], batch: pa.RecordBatch, deriving: Deriving) -> list[pa.RecordBatch]:
    """The batch as each part reads it; a function runs once, however many parts want its columns.

    Parameters:
        batch — the columns that the parts have of the source's own, `_known_at` and `_offset`.

    Raises: DefinitionError, UserCodeError, NotFound for a function that fails or that nobody has any more.
    """
    groups = [part.layout.group for part in parts]
    wanted: dict[str, set[str]] = {}
    for group in groups:
        if group.source.derivation is not None:
            wanted.setdefault(group.source.derivation.hash, set()).update(group.columns)
    made: dict[str, pa.RecordBatch] = {}
    out = []
    for group in groups:
        derivation = group.source.derivation
        if derivation is None:
            out.append(batch)
            continue
        if derivation.hash not in made:
            made[derivation.hash] = deriving.over(group.source, sorted(wanted[derivation.hash]), batch)
        out.append(made[derivation.hash])
    return out
