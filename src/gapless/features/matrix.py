"""The float32 contract: features are float64 until the last step, then cast once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import to_numpy

__all__ = ["float32_matrix"]


def float32_matrix(data: pa.RecordBatch | pa.Table, columns: Sequence[str]) -> npt.NDArray[np.float32]:
    """The columns as [rows, columns] float32 in C order; null is NaN, a bool is 0 or 1.

    Training, every scorer and the certificate see exactly these values.

    Examples:
        >>> float32_matrix(pa.record_batch({"a": [0.1, None], "b": [True, False]}), ["b", "a"])
        array([[1. , 0.1],
               [0. , nan]], dtype=float32)
    """
    out = np.empty((data.num_rows, len(columns)), np.float32)
    for i, name in enumerate(columns):
        values, valid = to_numpy(data.column(name))
        with np.errstate(over="ignore"):  # becomes ±inf here and missing below
            out[:, i] = values
        out[~valid, i] = np.nan
    # float64 values above 3.4e38 have no float32: missing, like every overflow.
    out[np.isinf(out)] = np.nan
    return out
