"""Whether a pandas function is what it must be: pure, and the same for a row whatever rows are beside it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from gapless.errors import DefinitionError
from gapless.features.derived_values import derived_columns
from gapless.product import Derivation

__all__ = ["SAMPLE_ROWS", "check_row_wise"]

SAMPLE_ROWS = 64
_ALONE = 4


def check_row_wise(made: Derivation, batch: pa.RecordBatch) -> None:
    """The function gives the same bits for a sample of the rows as a whole, again, in two pieces, in another order, and
    for a few rows each alone.

    Raises: DefinitionError with the function's line, a row and both values.

    Cost: four times the function for up to SAMPLE_ROWS rows. What a sample does not show is not found.
    """
    count = min(batch.num_rows, SAMPLE_ROWS)
    sample = batch.take(pa.array(np.linspace(0, batch.num_rows - 1, count).astype(np.int64)))
    whole = derived_columns(made, sample)
    for how, rows in _cuts(count):
        found = derived_columns(made, sample.take(pa.array(rows)))
        for name in whole.schema.names:
            _compare(made, name, how, whole.column(name).take(pa.array(rows)), found.column(name))


def _cuts(count: int) -> Iterator[tuple[str, np.ndarray]]:
    rows = np.arange(count)
    yield "when it is called again", rows
    yield "without the rows after it", rows[: count // 2]
    yield "without the rows before it", rows[count // 2 :]
    yield "with the rows in another order", rows[::-1]
    for row in np.unique(np.linspace(0, count - 1, _ALONE).astype(np.int64)):
        yield "alone", rows[row : row + 1]


def _compare(made: Derivation, name: str, how: str, whole: pa.Array, found: pa.Array) -> None:
    differs = np.flatnonzero(~same_bits(whole, found))
    if len(differs):
        row = int(differs[0])
        raise DefinitionError(
            f"pandas function {made.name!r} is not row-wise: a row has another {name!r} {how}",
            seen=f"{whole[row].as_py()!r} among {SAMPLE_ROWS} rows or fewer, {found[row].as_py()!r} {how}",
            allowed="values that depend on the row alone, to the last bit",
            next_step="use no mean, rank, shift, groupby, index or random number over the frame; fitted values belong "
            "into a file that version= names; round what a library computes in blocks",
            where=made.site,
        )


def same_bits(left: pa.Array, right: pa.Array) -> np.ndarray:
    """Row by row, whether two arrays of one type hold the same: both null, or equal to the bit."""
    if pa.types.is_floating(left.type):
        left, right = left.view(pa.int64()), right.view(pa.int64())
    return np.array([a == b for a, b in zip(left.to_pylist(), right.to_pylist(), strict=True)], np.bool_)
