"""What every event log must do, as checks that any adapter can run.

@dataclass(frozen=True)
class Mine:
    folder: Path

    def __call__(self, name, fault=None):
        return MyLog(self.folder / name, fault=fault)

@pytest.mark.parametrize("check", EVENT_LOG_CHECKS, ids=lambda check: check.__name__)
def test_conformance(check, tmp_path):
    check(Mine(tmp_path))

They ask for nothing that a broker cannot give: offsets may leave gaps, instants may be coarse, a trim may keep records,
partitions may take seconds to move.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from gapless.errors import NotFound
from gapless.ports.events import MAX_PARTITIONS, MAX_RECORD_BYTES, EventLog, Outgoing
from gapless.testing.events_factory import Factory, drain, opened, refuses
from gapless.testing.events_groups import GROUP_CHECKS
from gapless.testing.events_writers import WRITER_CHECKS
from gapless.testing.threads import in_threads

__all__ = ["EVENT_LOG_CHECKS", "check_event_log"]

_T = "topic"


def check_event_log(factory: Factory) -> None:
    """Runs every check of EVENT_LOG_CHECKS, each on a log of its own.

    Raises: AssertionError where the log does not keep a promise of the port.
    """
    for check in EVENT_LOG_CHECKS:
        check(factory)


def _numbers(log: EventLog, partition: int = 0) -> list[int]:
    return [int(record.value) for record in drain(log, _T, partition)]


def _append(log: EventLog, *values: bytes, partition: int = 0) -> None:
    log.append(_T, [Outgoing(partition, value) for value in values])


def _not_found(action: Callable[[], object]) -> None:
    try:
        action()
    except NotFound:
        return
    raise AssertionError("no NotFound")


def a_topic_is_created_once_and_keeps_its_partitions(factory: Factory) -> None:
    longest = "x.y_z-" + "0" * 194
    with opened(factory, "create") as log:
        assert log.create(_T, 3) == 3
        assert log.create(_T, 5) == 3
        assert log.create(longest, 1) == 1
        _append(log, b"kept", partition=2)
        assert log.create(_T, 1) == 3
        assert [record.value for record in drain(log, _T, 2)] == [b"kept"]
        assert (len(log.spans(_T)), len(log.spans(longest))) == (3, 1)
    with opened(factory, "create") as log:
        assert log.create(_T, 7) == 3


def a_topic_created_by_many_at_once_is_one(factory: Factory) -> None:
    got: list[int] = []
    with opened(factory, "at_once") as log:
        in_threads(4, lambda i: got.append(log.create(_T, i + 1)))
        assert set(got) == {len(log.spans(_T))}


def what_is_not_there_is_not_found(factory: Factory) -> None:
    with opened(factory, "not_found") as log:
        log.create(_T, 1)
        _not_found(lambda: log.append("other", [Outgoing(0, b"")]))
        _not_found(lambda: log.read("other", 0, 0, max_bytes=1))
        _not_found(lambda: log.spans("other"))
        _not_found(lambda: log.trim("other", 0, 0))


def what_is_out_of_range_is_refused_whole(factory: Factory) -> None:
    good = Outgoing(0, b"good")
    wrong = (Outgoing(2, b""), Outgoing(-1, b""), Outgoing(0, bytes(MAX_RECORD_BYTES + 1)))
    with opened(factory, "range") as log:
        for name in ("", "a/b", "a b", "é", "..", ".", "x" * 201, "a\n"):
            refuses(lambda name=name: log.create(name, 1))  # type: ignore[misc]
        for count in (0, -1, MAX_PARTITIONS + 1):
            refuses(lambda count=count: log.create(_T, count))  # type: ignore[misc]
        assert log.create(_T, 2) == 2
        for record in wrong:
            refuses(lambda record=record: log.append(_T, [good, record]))  # type: ignore[misc]
        for partition in (2, -1):
            refuses(lambda partition=partition: log.read(_T, partition, 0, max_bytes=1))  # type: ignore[misc]
            refuses(lambda partition=partition: log.trim(_T, partition, 0))  # type: ignore[misc]
        assert drain(log, _T, 0) == drain(log, _T, 1) == []


def every_byte_of_a_record_comes_back(factory: Factory) -> None:
    every = bytes(range(256))
    sent = [
        Outgoing(0, b""),
        Outgoing(0, every, every[::-1]),
        Outgoing(0, b"\0", b"\0", {"h": b"", "i": every, "naïve": b"\xff\xfe"}),
        Outgoing(0, b"x" * 1000, b"k" * 500, {f"h{i}": bytes([i]) * i for i in range(40)}),
        Outgoing(0, b"", b"", {"empty": b""}),
    ]
    with opened(factory, "bytes") as log:
        log.create(_T, 1)
        log.append(_T, sent)
        for record in sent:
            log.append(_T, [record])
        found = drain(log, _T)
        assert [(r.value, r.key, dict(r.headers)) for r in found] == 2 * [(r.value, r.key, r.headers) for r in sent]
        assert min(record.appended_us for record in found) > 1_600_000_000_000_000


def the_largest_records_come_back(factory: Factory) -> None:
    pieces = [bytes([i]) * (MAX_RECORD_BYTES - i) for i in range(3)]
    with opened(factory, "large") as log:
        log.create(_T, 1)
        _append(log, *pieces)
        assert [record.value for record in drain(log, _T)] == pieces
        assert [record.value for record in drain(log, _T, max_bytes=1)] == pieces


def nothing_is_appended_too(factory: Factory) -> None:
    with opened(factory, "nothing") as log:
        log.create(_T, 2)
        assert log.append(_T, []) == []
        for span in log.spans(_T):
            assert span.start == span.end
        assert log.read(_T, 1, log.spans(_T)[1].end, max_bytes=100) == []


def records_keep_their_order_and_are_where_append_says(factory: Factory) -> None:
    chance = random.Random(4)
    sent = [Outgoing(chance.randrange(3), b"%d" % i) for i in range(600)]
    with opened(factory, "order") as log:
        log.create(_T, 3)
        places = [place for i in range(0, 600, 40) for place in log.append(_T, sent[i : i + 40])]
        assert [place.partition for place in places] == [record.partition for record in sent]
        for partition in range(3):
            found = drain(log, _T, partition)
            assert [record.value for record in found] == [r.value for r in sent if r.partition == partition]
            assert [record.offset for record in found] == [p.offset for p in places if p.partition == partition]


def reading_begins_at_any_record(factory: Factory) -> None:
    with opened(factory, "begins") as log:
        log.create(_T, 1)
        for first in range(0, 60, 12):
            _append(log, *(b"%d" % i for i in range(first, first + 12)))
        found = drain(log, _T)
        for i, record in enumerate(found):
            rest = log.read(_T, 0, record.offset, max_bytes=1 << 20)
            assert rest[0] == record
            assert rest == found[i : i + len(rest)]
        assert log.read(_T, 0, log.spans(_T)[0].end, max_bytes=1 << 20) == []


def a_read_ends_at_max_bytes_and_gives_one_at_least(factory: Factory) -> None:
    with opened(factory, "max_bytes") as log:
        log.create(_T, 1)
        _append(log, *(b"%03d" % i * 100 for i in range(100)))
        start = log.spans(_T)[0].start
        assert len(log.read(_T, 0, start, max_bytes=1)) >= 1
        few = log.read(_T, 0, start, max_bytes=3_000)
        assert 1 <= len(few) <= 20, f"3,000 bytes were asked for, {len(few) * 300} came"
        for size in (1, 299, 300, 301, 5_000, 10**6):
            assert len(drain(log, _T, max_bytes=size)) == 100


def spans_hold_what_is_there(factory: Factory) -> None:
    with opened(factory, "spans") as log, opened(factory, "spans") as other:
        log.create(_T, 2)
        for i in range(5):
            (place,) = log.append(_T, [Outgoing(1, b"%d" % i)])
            for seen in (log, other):
                empty, span = seen.spans(_T)
                assert empty.start == empty.end
                assert span.start <= place.offset < span.end
            assert len(drain(other, _T, 1)) == i + 1


def a_reader_sees_what_was_acknowledged(factory: Factory) -> None:
    with opened(factory, "acknowledged") as log, opened(factory, "acknowledged") as reader:
        log.create(_T, 1)
        for i in range(40):
            (place,) = log.append(_T, [Outgoing(0, b"%d" % i)])
            for seen in (log, reader):
                (record,) = seen.read(_T, 0, place.offset, max_bytes=1 << 20)
                assert (record.offset, record.value) == (place.offset, b"%d" % i)


def what_was_appended_is_there_for_the_next(factory: Factory) -> None:
    for first in range(0, 60, 20):
        with opened(factory, "reopened") as log:
            log.create(_T, 1)
            assert _numbers(log) == list(range(first))
            _append(log, *(b"%d" % i for i in range(first, first + 20)))
            assert _numbers(log) == list(range(first + 20))


def topics_are_apart(factory: Factory) -> None:
    names = ["a", "a.b", "a.b.c", "A", "a-b"]
    with opened(factory, "topics") as log:
        for name in names:
            log.create(name, 1)
            log.append(name, [Outgoing(0, name.encode())])
        assert [[r.value for r in drain(log, name)] for name in names] == [[name.encode()] for name in names]


def trimming_moves_the_start_and_loses_nothing_that_is_kept(factory: Factory) -> None:
    with opened(factory, "trim") as log, opened(factory, "trim") as other:
        log.create(_T, 2)
        for first in range(0, 200, 10):
            log.append(_T, [Outgoing(p, b"%d" % i) for i in range(first, first + 10) for p in (0, 1)])
        before = drain(log, _T)
        for cut, furthest in ((0, 0), (50, 50), (49, 50), (120, 120), (199, 199)):
            log.trim(_T, 0, before[cut].offset)
            for seen in (log, other):
                _check_trimmed(seen, [(r.offset, r.value) for r in before], before[furthest].offset)
        log.trim(_T, 0, log.spans(_T)[0].end)
        _append(log, b"200")
        assert _numbers(log)[-1] == 200
        assert _numbers(log, 1) == list(range(200))
    with opened(factory, "trim") as log:
        assert _numbers(log)[-1] == 200


def _check_trimmed(log: EventLog, before: list[tuple[int, bytes]], cut: int) -> None:
    start = log.spans(_T)[0].start
    assert start <= cut, "what was not named stays"
    kept = [(record.offset, record.value) for record in drain(log, _T)]
    assert kept == [one for one in before if one[0] >= start]
    if start > 0:
        _not_found(lambda: log.read(_T, 0, start - 1, max_bytes=1))


EVENT_LOG_CHECKS: tuple[Callable[[Factory], None], ...] = (
    a_topic_is_created_once_and_keeps_its_partitions,
    a_topic_created_by_many_at_once_is_one,
    what_is_not_there_is_not_found,
    what_is_out_of_range_is_refused_whole,
    every_byte_of_a_record_comes_back,
    the_largest_records_come_back,
    nothing_is_appended_too,
    records_keep_their_order_and_are_where_append_says,
    reading_begins_at_any_record,
    a_read_ends_at_max_bytes_and_gives_one_at_least,
    spans_hold_what_is_there,
    a_reader_sees_what_was_acknowledged,
    what_was_appended_is_there_for_the_next,
    topics_are_apart,
    trimming_moves_the_start_and_loses_nothing_that_is_kept,
    *WRITER_CHECKS,
    *GROUP_CHECKS,
)
