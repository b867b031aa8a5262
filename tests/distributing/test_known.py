"""The instant at which events became known is the same after the way, sent along or not."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest

import gapless as gl
from gapless.arrow import KNOWN_AT, TIMESTAMP
from gapless.distributing.known import with_known, without_known

SOURCES = {
    "at once": gl.EventSource("a", schema={"k": str, "t": datetime}, event_time="t"),
    "delayed": gl.EventSource("a", schema={"k": str, "t": datetime}, event_time="t", delay="20m"),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("late", "travels"), [((0, 0, 0), False), ((0, 1, 0), True), ((-1, 0, 0), True)])
def test_it_travels_only_where_one_event_is_not_as_the_source_says(name, late, travels):
    source, times = SOURCES[name], [5, 7, -9]
    known = [t + source.delay_us + more for t, more in zip(times, late, strict=True)]
    batch = pa.record_batch(
        {"t": pa.array(times, TIMESTAMP), "k": ["a", "b", None], KNOWN_AT: pa.array(known, TIMESTAMP)}
    )
    sent = without_known(batch, source)
    assert (KNOWN_AT in sent.schema.names) == travels
    arrived = with_known(sent, source)
    assert arrived.equals(batch)
    assert arrived.schema.equals(batch.schema)


def test_no_events_at_all():
    source = SOURCES["at once"]
    batch = pa.record_batch({"t": pa.array([], TIMESTAMP), KNOWN_AT: pa.array([], TIMESTAMP)})
    assert with_known(without_known(batch, source), source).equals(batch)
