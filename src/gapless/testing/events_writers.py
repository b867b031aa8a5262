"""Many writers of an event log at once, and readers that follow them: nothing is lost, torn or out of order."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor

from gapless.faults import Fault
from gapless.ports.events import EventLog, LogRecord, Outgoing
from gapless.testing.events_factory import PATIENCE_S, Factory, drain, eventually, opened
from gapless.testing.faults import Crash, CrashAtCall
from gapless.testing.threads import in_threads

__all__ = ["WRITER_CHECKS", "check_written", "crash_in_appends", "numbered", "write_numbered"]

_T = "written"
_PARTITIONS = 2
_CALLS = 40


def numbered(writer: int, number: int) -> Outgoing:
    """The record that a writer sends as its n-th: its length and every byte follow from the two numbers."""
    text = b"%d/%d " % (writer, number)
    value = text * (1 + number * 7 % 60)
    return Outgoing(number % _PARTITIONS, value, text, {"h": text} if number % 3 else {})


def write_numbered(log: EventLog, writer: int, *, calls: int = _CALLS, first: int = 0) -> int:
    """Appends the writer's records from `first` on, in calls of 1 to 7; gives the number after the last."""
    for call in range(calls):
        count = 1 + (writer + call) % 7
        log.append(_T, [numbered(writer, number) for number in range(first, first + count)])
        first += count
    return first


def check_written(log: EventLog, ends: Sequence[int]) -> None:
    """Each writer's records are there once, whole, and in its order in each partition."""
    for partition in range(_PARTITIONS):
        found = [_number_of(record) for record in drain(log, _T, partition)]
        for writer, end in enumerate(ends):
            own = [number for name, number in found if name == writer]
            assert own == [number for number in range(end) if number % _PARTITIONS == partition], (writer, own)


def _number_of(record: LogRecord) -> tuple[int, int]:
    """Which record it is. Raises: AssertionError for one that nobody sent."""
    writer, number = map(int, record.key.split(b"/"))
    sent = numbered(writer, number)
    assert (record.value, record.key, dict(record.headers)) == (sent.value, sent.key, sent.headers), "torn"
    assert record.partition == sent.partition
    return writer, number


def threads_append_at_once(factory: Factory) -> None:
    """Half of them on a log of their own."""
    ends = [0] * 6
    with opened(factory, "threads") as one, opened(factory, "threads") as two:
        one.create(_T, _PARTITIONS)

        def write(writer: int) -> None:
            ends[writer] = write_numbered((one, two)[writer % 2], writer)

        in_threads(len(ends), write)
        check_written(one, ends)
        check_written(two, ends)


def processes_append_at_once_and_readers_follow(factory: Factory) -> None:
    """Readers in other processes never see a gap, a torn record or one out of order."""
    with opened(factory, "processes") as log, _processes(4) as processes:
        log.create(_T, _PARTITIONS)
        log.create("ready", 1)
        readers = [processes.submit(_follow, factory, "processes", [0, 1]) for _ in range(2)]
        _wait_for(log, readers)
        writers = [processes.submit(_write, factory, "processes", writer) for writer in range(2)]
        ends = [writer.result() for writer in writers]
        log.append(_T, [Outgoing(partition, b"end") for partition in range(_PARTITIONS)])
        assert [reader.result() for reader in readers] == [[_expected(ends, 0), _expected(ends, 1)]] * 2


def _processes(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


def _wait_for(log: EventLog, readers: Sequence[Future[list[int]]]) -> None:
    """Until every reader has said that it is there, or one has failed."""
    eventually(
        lambda: len(drain(log, "ready")) == len(readers) or any(reader.done() for reader in readers),
        "readers are there",
    )


def _write(factory: Factory, name: str, writer: int) -> int:
    with opened(factory, name) as log:
        return write_numbered(log, writer)


def _expected(ends: Sequence[int], partition: int) -> int:
    return sum(number % _PARTITIONS == partition for end in ends for number in range(end))


def _follow(factory: Factory, name: str, partitions: list[int]) -> list[int]:
    """How many records came in each partition until its end; each writer's in its order, without a gap."""
    with opened(factory, name) as log:
        log.append("ready", [Outgoing(0, b"")])
        return [_follow_one(log, partition) for partition in partitions]


def _follow_one(log: EventLog, partition: int) -> int:
    chance, offset, count, last = random.Random(partition), log.spans(_T)[partition].start, 0, dict[int, int]()
    found: list[LogRecord] = []

    def more() -> bool:
        found[:] = log.read(_T, partition, offset, max_bytes=chance.choice([1, 500, 100_000]))
        return bool(found)

    while True:
        eventually(more, "the writer goes on", patience_s=PATIENCE_S)
        offset = found[-1].offset + 1
        for record in found:
            if record.value == b"end":
                return count
            writer, number = _number_of(record)
            assert number == last.get(writer, partition - _PARTITIONS) + _PARTITIONS, "a gap"
            last[writer], count = number, count + 1


def a_crash_in_an_append_tears_nothing(factory: Factory) -> None:
    crash_in_appends(factory, "append_crashes", crashes=12)


def crash_in_appends(factory: Factory, name: str, *, crashes: int) -> int:
    """Appends call after call, each with a crash at its first point, then at its second, until it gets through.

    What was acknowledged stays. Of a crashed call the first records of each partition are there, whole, or none; they
    never come later, and never go.

    Parameters:
        crashes — about so many; fewer where the log has no points.

    Returns: how many there were.
    """
    with opened(factory, name) as log:
        log.create(_T, _PARTITIONS)
    sent: list[list[bytes]] = [[] for _ in range(_PARTITIONS)]
    count = number = 0
    for _ in range(crashes):
        call = 0
        crashed = True
        while crashed and count < crashes:
            call += 1
            records = [numbered(0, number + i) for i in range(1 + (number + call) % 5)]
            crashed = _crashed(factory, name, records, CrashAtCall(call))
            _check_cut(factory, name, sent, records, whole=not crashed)
            number, count = number + len(records), count + crashed
    return count


def _crashed(factory: Factory, name: str, records: Sequence[Outgoing], fault: Fault) -> bool:
    with opened(factory, name, fault) as log:
        try:
            log.append(_T, records)
        except Crash:
            return True
    return False


def _check_cut(
    factory: Factory, name: str, sent: list[list[bytes]], records: Sequence[Outgoing], *, whole: bool
) -> None:
    """Compares with what was there before, and takes what is there now for the next time."""
    with opened(factory, name) as log:
        log.append(_T, [Outgoing(partition, b"after") for partition in range(_PARTITIONS)])
        for partition, before in enumerate(sent):
            new = [record.value for record in records if record.partition == partition]
            found = [record.value for record in log_tail(log, partition, len(before))]
            assert found[-1:] == [b"after"]
            assert found[:-1] == new[: len(found) - 1], "the first ones, whole, or none"
            assert not whole or len(found) == len(new) + 1, "what was acknowledged is there"
            before += found


def log_tail(log: EventLog, partition: int, skipped: int) -> list[LogRecord]:
    """What lies behind the first so many records."""
    return drain(log, _T, partition)[skipped:]


WRITER_CHECKS: tuple[Callable[[Factory], None], ...] = (
    threads_append_at_once,
    processes_append_at_once_and_readers_follow,
    a_crash_in_an_append_tears_nothing,
)
