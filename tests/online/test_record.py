"""Records and offset records: what is written is read, and a byte that differs is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.clock import HOUR
from gapless.errors import CorruptData
from gapless.online.offsets import Job, Offset, from_bytes, to_bytes
from gapless.online.record import HEAD_BYTES, Record, oldest_kept_us, pack, unpack, visible_from, waiting_bytes
from gapless.windows import Spec, Window
from gapless.windows.tiles import Arrival, TilePlan
from gapless.windows.window import BEGINNING

PLAN = TilePlan((Spec("sum", 0, Window(10, 5)), Spec("last", 1, Window(None, 0)), Spec("count", None, Window(7, 0))))
TIMES = st.integers(-100, 100)
ARRIVALS = st.builds(
    lambda time, known, x, text: (time, known, x, text),
    TIMES,
    TIMES,
    st.none() | st.floats(-9, 9),
    st.none() | st.text(),
)


def arrivals(drawn):
    return [Arrival((time, known, i), (x, text)) for i, (time, known, x, text) in enumerate(drawn)]


def record_of(events, as_of):
    """The record that holds these events, written at an instant."""
    inside = [each for each in events if visible_from(each) <= as_of]
    outside = [each for each in events if visible_from(each) > as_of]
    newest = max(map(visible_from, inside), default=BEGINNING)
    tiles = PLAN.empty().add(inside).prune(oldest_kept_us(newest))
    return Record(3, newest, waiting_bytes(outside), tiles.to_bytes())


@given(st.lists(ARRIVALS, max_size=8), TIMES)
def test_what_is_packed_is_unpacked(drawn, as_of):
    record = record_of(arrivals(drawn), as_of)
    again = unpack(pack(record))
    assert again == record
    assert again.pending == tuple(sorted(record.pending, key=lambda each: each.order))


@given(st.lists(ARRIVALS, max_size=8), TIMES, TIMES)
def test_pending_events_come_in_when_their_time_comes(drawn, first, later):
    events = arrivals(drawn)
    assert record_of(events, first).at(PLAN, max(first, later)) == record_of(events, max(first, later))


@given(st.lists(ARRIVALS, min_size=1, max_size=4), st.data())
def test_a_changed_byte_is_noticed(drawn, data):
    record = record_of(arrivals(drawn), -1000)  # all of them wait
    packed = bytearray(pack(record))
    place = data.draw(st.integers(0, HEAD_BYTES + len(record.waiting) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptData, match="not the record of a key"):
        unpack(bytes(packed))


@given(st.binary(max_size=80))
def test_noise_is_no_record_and_no_offset(noise):
    with pytest.raises(CorruptData):
        unpack(noise)
    with pytest.raises(CorruptData):
        from_bytes(noise)


@given(st.integers(0, 2**53), st.none() | st.integers(-(2**62), 2**62))
def test_offsets_are_read_as_written(position, as_of):
    for job in (None, Job(5, 7, 100, "old", 3)):
        offset = Offset(position, 0, 4, as_of, job)
        assert from_bytes(to_bytes(offset)) == offset


def test_keys_are_cut_by_their_own_newest_event_in_whole_hours():
    assert oldest_kept_us(5 * HOUR + 1) == 5 * HOUR
    assert oldest_kept_us(BEGINNING) == BEGINNING
