"""Bytes of the embedded event log that changed are said, with their place; ends that a crash tore are cut off."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.adapters.segments import FileEventLog
from gapless.adapters.segments.batches import batch_bytes, records_of
from gapless.adapters.segments.frames import frame_bytes, is_damage, whole_frames
from gapless.errors import CorruptData
from gapless.ports.events import Outgoing
from gapless.testing.events_factory import joined
from tests.adapters.events import FIRST, TOPIC, append, open_log, segments, values

# ---- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["head", "00000000000000000004.log"])
def test_every_changed_byte_is_said_or_harmless(name: str, tmp_path: Path) -> None:
    """In a file that is finished each one is damage, with its place; the head is made anew from the files."""
    log = open_log(tmp_path / "log", segment_bytes=100)
    for i in range(6):
        append(log, b"%d" % i * 40, b"x")
    log.close()
    told = [value for i in range(6) for value in (b"%d" % i * 40, b"x")]
    file = tmp_path / "log" / "topics" / TOPIC / "0" / name
    data = file.read_bytes()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        file.write_bytes(changed)
        with FileLog(tmp_path / "log") as log:
            if name == "head":
                assert values(log) == told
            else:
                with pytest.raises(CorruptData, match=rf"{name}, byte \d+[\s\S]*backup"):
                    values(log)
                assert [r.value for r in log.read(TOPIC, 0, 2, max_bytes=1000)] == told[2:4], "before it all is well"
        file.write_bytes(data)


class FileLog(FileEventLog):
    """Closed at the end of a block."""

    def __enter__(self) -> FileLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@pytest.mark.parametrize("place", [0, 20, 60, 110, 150])
def test_damage_in_the_file_that_is_written_to_stops_readers_there(place: int, tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for i in range(3):
        append(log, b"%d" % i * 30)
    (file,) = segments(tmp_path)
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    with pytest.raises(CorruptData, match="byte"):
        values(log)
    (tmp_path / "topics" / TOPIC / "0" / "head").unlink()
    with pytest.raises(CorruptData, match="byte"):
        values(FileEventLog(tmp_path))


def test_a_file_that_is_shorter_than_what_was_acknowledged_is_damage(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    append(log, b"a" * 20)
    append(log, b"b" * 20)
    (file,) = segments(tmp_path)
    os.truncate(file, file.stat().st_size - 1)
    with pytest.raises(CorruptData, match=r"byte \d+[\s\S]*backup"):
        values(log)
    with pytest.raises(CorruptData, match="were acknowledged"):
        append(log, b"c")
    with pytest.raises(CorruptData, match="were acknowledged"):
        values(FileEventLog(tmp_path))


def test_a_file_that_is_gone_is_damage(tmp_path: Path) -> None:
    log = open_log(tmp_path, segment_bytes=1)
    for i in range(5):
        append(log, b"%d" % i)
    segments(tmp_path)[2].unlink()
    for reader in (log, FileEventLog(tmp_path)):
        assert [r.value for r in reader.read(TOPIC, 0, 0, max_bytes=100)] == [b"0"]
        with pytest.raises(CorruptData):
            values(reader)


def test_records_of_another_partition_are_damage(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append(TOPIC, [Outgoing(0, b"a"), Outgoing(1, b"b")])
    log.close()
    topic = tmp_path / "topics" / TOPIC
    shutil.copytree(topic / "1", topic / "0", dirs_exist_ok=True)
    with pytest.raises(CorruptData):
        values(FileEventLog(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2, "partitions": 2}', '{"format": 1, "partitions": 0}'])
def test_a_topic_of_another_layout_is_said(text: str, tmp_path: Path) -> None:
    open_log(tmp_path).close()
    (tmp_path / "topics" / TOPIC / "topic.json").write_text(text)
    with pytest.raises(CorruptData, match=r"topic\.json"):
        FileEventLog(tmp_path).spans(TOPIC)


def test_damage_in_the_file_of_a_group_is_said_and_a_torn_end_is_none(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    with joined(log, "group", [TOPIC]) as member:
        for i in range(4):
            member.commit([], {FIRST: i})
    file = tmp_path / "groups" / "group" / "commits"
    data = file.read_bytes()
    file.write_bytes(data + data[:30])
    with joined(log, "group", [TOPIC]) as member:
        assert member.committed(FIRST) == 3
    file.write_bytes(data[:90] + b"?" + data[91:])
    with pytest.raises(CorruptData, match="commits, byte"):
        log.join("group", [TOPIC]).assigned()


# ---- torn ends -----------------------------------------------------------------------------------


def test_an_end_torn_at_any_byte_is_cut_off(tmp_path: Path) -> None:
    log = open_log(tmp_path / "log")
    append(log, b"a" * 20)
    head = (tmp_path / "log" / "topics" / TOPIC / "0" / "head").read_bytes()
    (file,) = segments(tmp_path / "log")
    begin = file.stat().st_size
    append(log, b"b" * 20)
    log.close()
    data = file.read_bytes()
    for cut in range(begin, len(data) + 1):
        for rest in (b"", bytes(50)):
            file.write_bytes(data[:cut] + rest)
            (file.parent / "head").write_bytes(head)
            whole = [b"a" * 20, b"b" * 20][: 1 + (cut == len(data))]
            with FileLog(tmp_path / "log") as log:
                assert values(log) == whole
                append(log, b"c")
                assert values(log) == [*whole, b"c"]


@given(st.data())
def test_a_write_of_which_some_sectors_are_lost_is_a_torn_end(data: st.DataObject) -> None:
    """A disk writes the sectors of one sync in any order: a whole frame may lie behind one that is not."""
    before = frame_bytes(b"a" * 700, 0, 0, 1)
    last = before
    for letter in (b"b", b"c", b"d"):
        last += frame_bytes(letter * 900, len(last), len(before), 1)
    sectors = [i for i in range(len(last)) if i % 512 == 0 and i >= len(before)]
    torn = bytearray(last)
    for sector in data.draw(st.sets(st.sampled_from(sectors), min_size=1)):
        torn[sector : sector + 512] = bytes(512)
    frames = list(whole_frames(bytes(torn), 0, 1))
    end = frames[-1].end
    assert end >= len(before)
    assert not is_damage(bytes(torn), end, 0, 1)
    later = bytes(torn) + frame_bytes(b"e", len(torn), len(torn), 1)
    assert is_damage(later, end, 0, 1) == (end < len(torn))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert list(whole_frames(data, 0, 3)) == []


_OUTGOING = st.builds(
    Outgoing,
    st.just(0),
    st.binary(max_size=30),
    st.binary(max_size=5),
    st.dictionaries(st.text(max_size=5), st.binary(max_size=9), max_size=3),
)


@given(st.lists(_OUTGOING, min_size=1, max_size=8), st.integers(0, 12), st.integers(0, 100), st.integers(0, 1))
def test_batches_hold_what_was_put_in(records: list[Outgoing], skip: int, room: int, at_least: int) -> None:
    data = b"before" + batch_bytes(records, 7, 5) + b"after"
    expected = [(7 + i, 5, r.value, r.key, r.headers) for i, r in enumerate(records)][skip:]
    found = records_of(data, 6, 0, first=7 + skip, max_bytes=room, at_least=at_least) if expected else []
    assert [(r.offset, r.appended_us, r.value, r.key, r.headers) for r in found] == expected[: len(found)]
    sizes = [len(value) for _, _, value, _, _ in expected]
    fits = max([n for n in range(len(sizes) + 1) if sum(sizes[:n]) <= room], default=0)
    assert len(found) == min(max(fits, at_least), len(expected))
