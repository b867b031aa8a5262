"""When events became known is left out on the way where the source says it: event time and a fixed delay, mostly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.arrow import KNOWN_AT, TIMESTAMP, to_numpy
from gapless.product import EventSource

__all__ = ["with_known", "without_known"]


def without_known(batch: pa.RecordBatch, source: EventSource) -> pa.RecordBatch:
    """The events without that column, if every one became known when the source says."""
    known, _ = to_numpy(batch.column(KNOWN_AT))
    return batch.drop_columns([KNOWN_AT]) if np.array_equal(known, _usual(batch, source)) else batch


def with_known(batch: pa.RecordBatch, source: EventSource) -> pa.RecordBatch:
    """The events with that column."""
    if KNOWN_AT in batch.schema.names:
        return batch
    return batch.append_column(KNOWN_AT, pa.array(_usual(batch, source)).view(TIMESTAMP))


def _usual(batch: pa.RecordBatch, source: EventSource) -> npt.NDArray[np.int64]:
    time, _ = to_numpy(batch.column(source.event_time))
    return time + source.delay_us if source.delay_us else time
