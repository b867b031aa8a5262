"""The event log on local files keeps every promise of the port, in files of any size; and what it promises beyond."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from gapless.adapters.segments import FileEventLog
from gapless.errors import InputError, NotFound
from gapless.ports.events import Outgoing
from gapless.testing.events import EVENT_LOG_CHECKS
from gapless.testing.events_factory import drain, joined
from tests.adapters.events import FIRST, TOPIC, OnFiles, append, open_log, segments, values
from tests.adapters.machine import StillClock


@pytest.mark.parametrize("check", EVENT_LOG_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("segment_bytes", [1 << 26, 1_000, 1], ids=["default", "small", "tiny"])
def test_conformance(check, segment_bytes: int, tmp_path: Path) -> None:
    check(OnFiles(tmp_path, segment_bytes, durable=segment_bytes > 1_000))


# ---- time, sharing, sizes ------------------------------------------------------------------------


def test_a_clock_that_goes_back_stands_still(tmp_path: Path) -> None:
    clock, seen = StillClock(), []
    for us in (10, 7, 12, 3):
        clock.us = us
        log = open_log(tmp_path, clock=clock)
        append(log, b"%d" % us)
        seen = [record.appended_us for record in drain(log, TOPIC)]
        log.close()
    assert seen == [10, 10, 12, 12]


def test_calls_that_come_while_the_disk_is_busy_share_a_sync(tmp_path: Path) -> None:
    busy, go, syncs = threading.Event(), threading.Event(), []

    def slow(handle: int) -> None:
        syncs.append(handle)
        busy.set()
        go.wait(60)
        os.fdatasync(handle)

    log, reader = open_log(tmp_path, fdatasync=slow), FileEventLog(tmp_path)
    threads = [threading.Thread(target=append, args=(log, b"%d" % i)) for i in range(20)]
    threads[0].start()
    assert busy.wait(60)
    for thread in threads[1:]:
        thread.start()
    partition = log._partitions.one(TOPIC, 0)
    while len(partition._queue) < 19:
        threading.Event().wait(0.001)
    assert values(reader) == [], "nothing is seen before it is durable, and no reader waits"
    go.set()
    for thread in threads:
        thread.join(60)
    assert sorted(values(reader), key=int) == [b"%d" % i for i in range(20)]
    assert len(syncs) == 2


def test_trimming_removes_whole_files_but_for_the_last(tmp_path: Path) -> None:
    log = open_log(tmp_path, segment_bytes=100)
    for i in range(20):
        append(log, b"%d" % i * 20)
    before = len(segments(tmp_path))
    log.trim(TOPIC, 0, 9)
    assert 1 < len(segments(tmp_path)) < before
    start = log.spans(TOPIC)[0].start
    assert 0 < start <= 9
    with pytest.raises(NotFound, match="does not hold this record any more"):
        log.read(TOPIC, 0, start - 1, max_bytes=1)
    log.trim(TOPIC, 0, 1 << 36)
    assert len(segments(tmp_path)) == 1
    log.trim(TOPIC, 1, 5)
    assert log.spans(TOPIC)[1].end == 0


def test_key_and_headers_leave_room_for_the_value(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for record in (Outgoing(0, b"", bytes(100_001)), Outgoing(0, b"", b"", {"h": bytes(100_000)})):
        with pytest.raises(InputError, match="key and headers"):
            log.append(TOPIC, [record])
    with pytest.raises(InputError, match="key and headers"):
        log.append(TOPIC, [Outgoing(0, b"", b"", {"é" * 501: b""})])


def test_a_group_needs_topics_that_are_there_and_a_name(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    with pytest.raises(NotFound, match="other"):
        log.join("group", ["other"])
    with pytest.raises(InputError, match="a/b"):
        log.join("a/b", [TOPIC])
    with joined(log, "group", [TOPIC]) as member, pytest.raises(InputError, match="out of range"):
        member.commit([], {FIRST: -1})


def test_a_look_at_what_others_trim_is_not_lost(tmp_path: Path) -> None:
    """A reader that is told of a file which is then removed looks at the head again."""
    log, reader = open_log(tmp_path, segment_bytes=1), FileEventLog(tmp_path)
    for i in range(30):
        append(log, b"%d" % i)
    assert len(values(reader)) == 30
    done = threading.Event()

    def trim() -> None:
        for before in range(0, 30, 2):
            log.trim(TOPIC, 0, before)
        done.set()

    thread = threading.Thread(target=trim)
    thread.start()
    while not done.is_set():
        start = reader.spans(TOPIC)[0].start
        try:
            found = reader.read(TOPIC, 0, start, max_bytes=10)
        except NotFound:
            continue
        assert found[0].offset == start
    thread.join()
