"""The pushing end: when rows are known, where they go, and that nothing is lost on the way."""

from __future__ import annotations

import threading
import zlib
from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.adapters.segments import FileEventLog
from gapless.arrow import KNOWN_AT, OFFSET
from gapless.errors import InputError, Transient
from gapless.events.intake import Intake
from gapless.events.pushing import Pusher, partition_of
from gapless.product import EventSource
from tests.events.clicks import START, as_batch, clicks, shown
from tests.events.memory_log import MemoryLog

NOW = START + 1_000_000


class Fixed:
    """A clock that stands still."""

    def __init__(self, us=NOW):
        self.us = us

    def now_us(self):
        return self.us


def taken(log, source, partition=0):
    """What a reader of the partition takes in."""
    found = Intake(source, partition).take(log.read(f"events.{source.name}", partition, 0, max_bytes=1 << 30))
    assert found.rejected == []
    return [{name: v for name, v in row.items() if name != OFFSET} for row in shown(found.rows)]


def declared(source, row):
    """When a source says that a row became known, by the book."""
    return row[source.known_at] if source.known_at else row[source.event_time] + source.delay_us


SOURCES = {
    "as it happens": clicks(event_id=None),
    "delayed": clicks(event_id=None, delay="20m"),
    "told": clicks(event_id=None, known_at="told_at"),
    "identified": clicks(),
}
_US = st.integers(NOW - 10**10, NOW + 10**10)
_ROWS = st.lists(
    st.fixed_dictionaries(
        {"id": st.text(max_size=5), "at": _US, "told_at": _US, "n": st.none() | st.integers(-9, 9)},
        optional={"page": st.none() | st.text(max_size=3), "x": st.floats(allow_nan=False, allow_infinity=False)},
    ),
    max_size=20,
    unique_by=lambda row: row["id"],
)


def as_rows(pusher, source, rows, replay):
    return pusher.push_rows(source, rows, replay=replay)


def as_batches(pusher, source, rows, replay):
    batch = as_batch(source, [row | {KNOWN_AT: declared(source, row)} for row in rows])
    return pusher.push_batches(source, [batch.slice(0, 3), batch.slice(3)], replay=replay)


@pytest.mark.parametrize("push", [as_rows, as_batches])
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@given(_ROWS, st.booleans(), st.integers(1, 4))
@settings(deadline=None, max_examples=40)
def test_every_row_is_in_one_partition_in_order_with_the_instant_that_it_is_known(push, source, rows, replay, count):
    log = MemoryLog()
    pushed = push(Pusher(log, Fixed(), partitions=count), source, rows, replay)
    expected = [
        {name: row.get(name) for name in source.columns}
        | {KNOWN_AT: declared(source, row) if replay else max(declared(source, row), NOW)}
        for row in rows
    ]
    found = [taken(log, source, partition) for partition in range(count)]
    assert (pushed.source, pushed.events) == ("clicks", len(rows))
    assert sorted((row["id"], str(row)) for part in found for row in part) == sorted(
        (row["id"], str(row)) for row in expected
    )
    for partition, part in enumerate(found):
        assert part == [row for row in expected if row in part]
        if source.event_id is not None:
            assert all(partition_of(row["id"], count) == partition for row in part)


@pytest.mark.parametrize("rows", [1, 99, 100, 5_000])
@pytest.mark.parametrize("partitions", [1, 3])
def test_batches_of_any_size_are_what_rows_are(rows, partitions):
    made = [{"id": f"i{i}", "page": "p" * (i % 7), "n": i, "x": i / 7, "new": i % 2 == 0, "at": START + i}
            for i in range(rows)]  # fmt: skip
    by_rows, by_batches = MemoryLog(), MemoryLog()
    Pusher(by_rows, Fixed(), partitions=partitions).push_rows(clicks(), made)
    Pusher(by_batches, Fixed(), partitions=partitions).push_batches(clicks(), [as_batch(clicks(), made)])
    for partition in range(partitions):
        assert taken(by_rows, clicks(), partition) == taken(by_batches, clicks(), partition)


def test_a_partition_is_chosen_as_it_is_documented():
    for event_id in ("UA1545", "ü", "", 0, -3, 2**53):
        assert partition_of(event_id, 7) == zlib.crc32(str(event_id).encode("utf-8")) % 7


def test_whole_numbers_are_ids_too():
    source = EventSource("clicks", schema={"id": int, "at": datetime}, event_time="at", event_id="id")
    log = MemoryLog()
    pusher = Pusher(log, Fixed(), partitions=4)
    rows = [{"id": i, "at": START} for i in range(300)]
    pusher.push_rows(source, rows)
    pusher.push_batches(source, [as_batch(source, rows)])
    found = [row["id"] for partition in range(4) for row in taken(log, source, partition)]
    assert sorted(found) == list(range(300))  # each id has its one partition: a repeat is seen


def test_rows_without_an_id_are_spread():
    source, log = clicks(event_id=None), MemoryLog()
    pusher = Pusher(log, Fixed(), partitions=4)
    rows = [{"page": f"p{i}", "at": START} for i in range(400)]
    pusher.push_rows(source, rows)
    assert min(len(taken(log, source, partition)) for partition in range(4)) > 50
    pusher.push_batches(source, [as_batch(source, rows)])
    assert min(len(taken(log, source, partition)) for partition in range(4)) > 120


def test_a_topic_that_is_there_keeps_its_partitions():
    log = MemoryLog()
    log.create("events.clicks", 2)
    pusher = Pusher(log, Fixed(), partitions=8)
    places = pusher.push_rows(clicks(), [{"id": f"i{i}", "at": START} for i in range(50)]).places
    assert {place.partition for place in places} == {0, 1}


@pytest.mark.parametrize(
    ("source", "row", "reason", "column"),
    [
        (clicks(), {"id": "a"}, "null_event_time", "at"),
        (clicks(), {"id": "a", "at": None}, "null_event_time", "at"),
        (clicks(), {"at": START}, "null_event_id", "id"),
        (clicks(known_at="told_at"), {"id": "a", "at": START}, "null_known_at", "told_at"),
        (clicks(), {"id": "a", "at": -(10**17)}, "timestamp_out_of_range", "at"),
        (clicks(), {"id": "a", "at": 10**17}, "timestamp_out_of_range", "at"),
        (clicks(delay="1d"), {"id": "a", "at": 9_214_646_399_999_999}, "timestamp_out_of_range", "at"),
    ],
)
def test_a_row_that_cannot_be_an_event_is_named_and_nothing_is_pushed(source, row, reason, column):
    log = MemoryLog()
    good = {"id": "good", "at": START, "told_at": START}
    with pytest.raises(InputError, match=reason) as caught:
        Pusher(log, Fixed()).push_rows(source, [good, row])
    assert caught.value.where == f"row 1, column {column}"
    with pytest.raises(LookupError):
        log.spans("events.clicks")


@pytest.mark.parametrize("column", ["at", "id", KNOWN_AT])
def test_a_batch_with_a_null_where_none_can_be_is_refused(column):
    log, source = MemoryLog(), clicks()
    batch = as_batch(source, [{"id": "a", "at": START}, {"id": "b", "at": START, KNOWN_AT: START}])
    index = batch.schema.get_field_index(column)
    kept = batch.column(column).to_pylist()[:1]
    broken = batch.set_column(index, batch.schema.field(column), pa.array([*kept, None], batch.column(column).type))
    with pytest.raises(InputError, match="null"):
        Pusher(log, Fixed()).push_batches(source, [broken])
    assert log.spans("events.clicks")[0].end == 0


def test_a_row_too_large_takes_nothing_of_its_call_in():
    log = MemoryLog()
    with pytest.raises(InputError, match="too large"):
        Pusher(log, Fixed()).push_rows(
            clicks(), [{"id": "a", "at": START}, {"id": "b", "at": START, "page": "x" * 10**6}]
        )
    assert log.spans("events.clicks")[0].end == 0


def test_no_rows_are_no_records():
    log = MemoryLog()
    assert Pusher(log, Fixed()).push_rows(clicks(), []).events == 0
    assert Pusher(log, Fixed()).push_batches(clicks(), [as_batch(clicks(), [])]).places == []
    assert log.spans("events.clicks")[0].end == 0


class Flaky(MemoryLog):
    """Takes some of a call in and then does not answer, every other time."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def append(self, topic, records):
        self.calls += 1
        if self.calls % 2:
            super().append(topic, records[:1])
            raise Transient("no answer")
        return super().append(topic, records)


@pytest.mark.parametrize("seed", range(3))
def test_who_pushes_again_after_an_error_counts_once(seed):
    log, source = Flaky(), clicks()
    pusher = Pusher(log, Fixed(), partitions=3)
    rows = [{"id": f"i{i}", "at": START + i * seed} for i in range(60)]
    for start in range(0, 60, 10):
        with pytest.raises(Transient):
            pusher.push_rows(source, rows[start : start + 10])
        pusher.push_rows(source, rows[start : start + 10])
    found = [row["id"] for partition in range(3) for row in taken(log, source, partition)]
    assert sorted(found) == sorted(row["id"] for row in rows)


def test_many_threads_push_at_once_and_each_keeps_its_order(tmp_path):
    log, source = FileEventLog(tmp_path), clicks()
    pusher = Pusher(log, Fixed(), partitions=2)

    def push(name):
        for i in range(50):
            pusher.push_rows(source, [{"id": f"{name}-{i}", "at": START}])

    threads = [threading.Thread(target=push, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for partition in (0, 1):
        found = [row["id"].split("-") for row in taken(FileEventLog(tmp_path), source, partition)]
        for name in "abcdefgh":
            numbers = [int(number) for who, number in found if who == name]
            assert numbers == sorted(numbers)
    total = sum(len(taken(log, source, partition)) for partition in (0, 1))
    assert total == 400
