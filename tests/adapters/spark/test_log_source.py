"""Plans of micro-batches over a log: ranges, and what is in them; no Spark runs here."""

import pickle
import random

import pytest

from gapless.adapters.spark.log_source import LogFeed, LogReader, bounded, dealt_out
from gapless.errors import Transient
from gapless.ports.events import LogRecord, Outgoing, Span
from gapless.ports.ranges import Block, Range, blocks_of
from tests.events.memory_log import MemoryLog


class Clock:
    def __init__(self):
        self.us = 1_000

    def now_us(self):
        self.us += 10
        return self.us


def a_log(counts, *, gap=0):
    clock = Clock()
    log = MemoryLog(now_us=clock.now_us, gap=gap)
    log.create("t", len(counts))
    fill(log, counts)
    return log


def fill(log, counts):
    headers = {"h": b"\x00\xff"}
    for partition, count in enumerate(counts):
        log.append("t", [Outgoing(partition, b"v%d" % i, b"k", headers) for i in range(count)])


def reader(log, begins, *, max_records=10, tasks=2, look_every_us=1_000, clock=None):
    clock = clock or Clock()
    return LogReader(LogFeed(lambda: log, lambda: {"t": begins}, clock.now_us, max_records, tasks, look_every_us))


def ranges_of(planned):
    return sorted((each.partition, each.start, each.end, each.at_end) for task in planned for each in task.ranges)


def test_batches_go_from_where_it_begins_to_the_end_a_bounded_share_at_a_time():
    log = a_log([25, 3])
    found = reader(log, [2, 0])
    start, seen = found.initialOffset(), []
    while (end := found.latestOffset(start, None))["ends"] != start["ends"]:
        seen.append(ranges_of(found.partitions(start, end)))
        start = end
    assert seen[0] == [(0, 2, 7, False), (1, 0, 3, True)]
    assert seen[1] == [(0, 7, 17, False), (1, 3, 3, True)]
    assert seen[2] == [(0, 17, 25, True), (1, 3, 3, True)]
    assert len(seen) == 3


def test_a_batch_that_is_planned_again_is_the_same():
    log = a_log([9, 9])
    found = reader(log, [0, 0])
    start = found.initialOffset()
    end = found.latestOffset(start, None)
    before = ranges_of(found.partitions(start, end))
    fill(log, [5, 5])
    assert ranges_of(reader(log, [0, 0]).partitions(start, end)) == before


def test_where_nothing_is_new_there_is_a_batch_once_in_a_while_for_what_grows_old():
    clock = Clock()
    found = reader(a_log([2]), [2], clock=clock)
    start = found.latestOffset(found.initialOffset(), None)
    assert found.latestOffset(start, None) == start
    clock.us += 1_000
    again = found.latestOffset(start, None)
    assert again != start
    assert ranges_of(found.partitions(start, again)) == [(0, 2, 2, True)]
    clock.us -= 100_000  # a clock that is set back takes nothing back
    assert found.latestOffset(again, None)["asked_us"] >= again["asked_us"]


def test_a_log_that_does_not_answer_has_nothing_new():
    class Away(MemoryLog):
        def spans(self, topic):
            raise Transient("no broker answers")

    found = reader(Away(), [5])
    assert found.latestOffset(found.initialOffset(), None) == found.initialOffset()


def test_a_partition_that_was_added_begins_at_its_start():
    wider = a_log([3, 4])
    found = reader(wider, [3])
    start = found.initialOffset()
    end = found.latestOffset(start, None)
    assert ranges_of(found.partitions(start, end)) == [(0, 3, 3, True), (1, 0, 0, False)]
    after = found.latestOffset(end, None)
    assert ranges_of(found.partitions(end, after)) == [(0, 3, 3, True), (1, 0, 4, True)]


@pytest.mark.parametrize("seed", range(50))
def test_shares_are_bounded_and_something_is_taken(seed):
    draw = random.Random(seed)
    starts = {t: [draw.randrange(100) for _ in range(draw.randrange(1, 5))] for t in "abc"}
    spans = {t: [Span(0, s + draw.choice([0, 1, 50, 10_000])) for s in each] for t, each in starts.items()}
    most = draw.choice([1, 10, 1_000])
    ends = bounded(starts, spans, most)
    taken = [e - s for t in starts for e, s in zip(ends[t], starts[t], strict=True)]
    new = [span.end - s for t in starts for span, s in zip(spans[t], starts[t], strict=True)]
    assert all(0 <= some <= all_ for some, all_ in zip(taken, new, strict=True))
    assert all(some > 0 for some, all_ in zip(taken, new, strict=True) if all_)
    assert sum(taken) <= max(most, sum(count > 0 for count in new))


def test_an_end_is_never_before_its_start():
    """The log was replaced: whoever applies it finds out."""
    assert bounded({"t": [9]}, {"t": [Span(0, 4)]}, 10) == {"t": [9]}


def test_ranges_are_dealt_out_evenly_each_to_one_task():
    ranges = [Range("t", p, 0, size, 0, True) for p, size in enumerate([100, 1, 40, 60, 0, 0])]
    heaps = dealt_out(ranges, 2)
    assert sorted(each.partition for heap in heaps for each in heap) == list(range(6))
    assert sorted(sum(each.end for each in heap) for heap in heaps) == [100, 101]
    assert dealt_out(list(reversed(ranges)), 2) == heaps
    assert len(dealt_out(ranges[:1], 8)) == 1


@pytest.mark.parametrize("gap", [0, 3])
def test_tasks_read_all_records_of_their_ranges_with_keys_and_headers(gap):
    log = a_log([20, 5], gap=gap)
    found = reader(log, [0, 0], max_records=30)
    start = found.initialOffset()
    end = found.latestOffset(start, None)
    blocks = []
    for task in found.partitions(start, end):
        for batch in found.read(pickle.loads(pickle.dumps(task))):
            blocks += [Block.from_bytes(value.as_py()) for value in batch.column(0)]
    read = {p: [r for b in blocks if b.range.partition == p for r in b.records()] for p in range(2)}
    for p in range(2):
        stop = end["ends"]["t"][p]
        assert read[p] == [r for r in log.read("t", p, 0, max_bytes=1 << 20) if r.offset < stop]
    assert read[0][0].headers == {"h": b"\x00\xff"}


def test_blocks_of_a_range_follow_one_another_and_cover_it():
    log = a_log([50], gap=2)
    where = Range("t", 0, 4, 77, 0, False)
    blocks = list(blocks_of(log, where, max_bytes=20))
    assert len(blocks) > 3
    assert [block.start for block in blocks] == [4, *(block.until for block in blocks[:-1])]
    assert blocks[-1].until == 77
    assert [r.offset for b in blocks for r in b.records()] == [o for o in range(0, 150, 3) if 4 <= o < 77]


def test_what_the_log_let_go_of_is_not_passed_over_as_if_it_were_empty():
    log = a_log([10])
    log.trim("t", 0, 6)
    (block,) = blocks_of(log, Range("t", 0, 2, 10, 0, True), max_bytes=1)
    assert (block.start, block.until, block.records()) == (2, 2, [])


def test_a_record_comes_back_as_it_was():
    record = LogRecord(0, 7, 123, b"\x00value", b"\xffkey", {"a": b"", "b": b"\x80"})
    where = Range("t", 0, 7, 8, 5, True)
    assert Block.from_bytes(Block.of(where, 7, 8, [record]).to_bytes()).records() == [record]
