"""Where a batch ends: all up to one instant, over all partitions; nothing is left behind and nothing overtakes."""

from hypothesis import given
from hypothesis import strategies as st

from gapless.ports.events import LogRecord, Outgoing, TopicPartition
from gapless.streaming.cursor import Cursor
from gapless.streaming.cutting import Queue, cut
from tests.events.memory_log import MemoryLog

QUEUES = st.lists(
    st.tuples(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), max_size=8), st.booleans()), max_size=4
)


def queues_of(drawn):
    """What cursors give: instants that never fall; one that is not at its end holds something."""
    found = {}
    for name, (records, at_end) in enumerate(drawn):
        instants = sorted(instant for instant, _ in records)
        found[name] = Queue(instants, [size for _, size in records], at_end or not records)
    return found


@given(drawn=QUEUES, max_bytes=st.integers(1, 40))
def test_a_batch_is_all_up_to_one_instant(drawn, max_bytes):
    queues = queues_of(drawn)
    found = cut(queues, max_bytes=max_bytes)
    taken = [i for name, q in queues.items() for i in q.instants[: found.counts[name]]]
    left = [i for name, q in queues.items() for i in q.instants[found.counts[name] :]]
    assert bool(taken) == any(queue.instants for queue in queues.values())
    assert not taken or not left or max(taken) < min(left)
    for queue in queues.values():
        if not queue.at_end and taken:
            assert max(taken) <= queue.instants[-1]
    if found.known_us is None:
        assert not left
        assert all(queue.at_end for queue in queues.values())
    elif taken:
        # Whatever may still come to a queue that has more is no earlier than its last record.
        later = [queue.instants[-1] for queue in queues.values() if not queue.at_end]
        assert all(instant >= found.known_us for instant in [*left, *later])


@given(drawn=QUEUES, max_bytes=st.integers(1, 40))
def test_it_is_as_large_as_it_may_be_and_hardly_larger(drawn, max_bytes):
    queues = queues_of(drawn)
    found = cut(queues, max_bytes=max_bytes)
    sizes = {
        (instant, name, i): size
        for name, q in queues.items()
        for i, (instant, size) in enumerate(zip(q.instants, q.sizes, strict=True))
    }
    taken = {key: size for key, size in sizes.items() if key[2] < found.counts[key[1]]}
    if taken:
        last = max(key[0] for key in taken)
        before = sum(size for key, size in taken.items() if key[0] < last)
        assert before < max_bytes or len({key[0] for key in taken}) == 1


def test_batches_one_after_the_other_take_everything_once():
    log = MemoryLog(now_us=iter(range(10_000)).__next__, gap=1)
    for topic in ("a", "b"):
        log.create(topic, 1)
    for i in range(60):
        log.append("ab"[i % 3 == 0], [Outgoing(0, b"x" * (i % 7 + 1))])
    cursors = {t: Cursor(log, TopicPartition(t, 0), 0, max_bytes=20) for t in ("a", "b")}
    batches = []
    for _ in range(100):
        for cursor in cursors.values():
            cursor.fetch(10_000)
        found = cut({t: cursor.queue() for t, cursor in cursors.items()}, max_bytes=15)
        batches.append([])
        for t, count in found.counts.items():
            batches[-1] += [record.appended_us for record in cursors[t].first(count)]
            after = cursors[t].offset_after(count)
            cursors[t].advance(count)
            assert cursors[t].offset == after
    assert [instant for batch in batches for instant in sorted(batch)] == list(range(60))


def test_a_clock_that_is_ahead_or_goes_back_holds_nobody_up():
    class Skewed(MemoryLog):
        def read(self, topic, partition, offset, *, max_bytes):
            stamps = [5, 1_000, 2, 7]
            records = super().read(topic, partition, offset, max_bytes=max_bytes)
            return [LogRecord(r.partition, r.offset, stamps[r.offset], r.value) for r in records]

    log = Skewed()
    log.create("t", 1)
    log.append("t", [Outgoing(0, b"x")] * 4)
    cursor = Cursor(log, TopicPartition("t", 0), 0, max_bytes=100)
    cursor.fetch(10)
    assert list(cursor.queue().instants) == [5, 10, 10, 10]
    assert cut({"t": cursor.queue()}, max_bytes=100).counts == {"t": 4}
