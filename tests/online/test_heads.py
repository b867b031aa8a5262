"""Heads read and written in compiled code are those of `online.record`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.errors import CorruptData
from gapless.online.heads import NEVER, Heads, heads_of, oldest_kept, put_heads
from gapless.online.record import HEAD_BYTES, Record, oldest_kept_us, pack, unpack, visible_from, waiting_bytes
from gapless.windows.tiles import Arrival
from gapless.windows.window import BEGINNING

TIMES = st.integers(-(2**61), 2**61)
POSITIONS = st.integers(0, 2**53 - 1)
WAITING = st.lists(st.builds(lambda t, k, x: ((t, k), x), TIMES, TIMES, st.none() | st.text()), max_size=3).map(
    lambda drawn: waiting_bytes(Arrival((t, k, i), (x,)) for i, ((t, k), x) in enumerate(drawn))
)
RECORDS = st.builds(Record, POSITIONS, TIMES | st.just(BEGINNING), WAITING, st.binary(max_size=40))


@given(st.lists(st.none() | RECORDS, max_size=6))
def test_heads_are_those_of_records(records):
    heads = heads_of([None if each is None else pack(each) for each in records])
    assert isinstance(heads, Heads)
    told = [each or Record(0, BEGINNING, b"", b"") for each in records]
    assert heads.position.tolist() == [each.position for each in told]
    assert heads.newest_us.tolist() == [each.newest_us for each in told]
    assert heads.waiting.tolist() == [len(each.waiting) for each in told]
    assert heads.changes_us.tolist() == [
        min(map(visible_from, each.pending)) if each.waiting else NEVER for each in told
    ]
    tiles = [heads.data[a:b].tobytes() for a, b in zip(heads.start, heads.stop, strict=True)]
    assert tiles == [each.tiles for each in told]


@given(st.lists(st.none() | RECORDS, min_size=1, max_size=6), POSITIONS, st.data())
def test_what_is_written_is_what_pack_gives(records, position, data):
    """As if the tiles had stayed as they are, with other bytes around the records."""
    newest = data.draw(st.lists(TIMES, min_size=len(records), max_size=len(records)))
    heads = heads_of([None if each is None else pack(each) for each in records])
    told = [each or Record(0, BEGINNING, b"", b"") for each in records]
    out, places = bytearray(), []
    for each in told:
        out += b"?" * (3 + HEAD_BYTES + len(each.waiting))
        places.append(len(out))
        out += each.tiles
    written = np.frombuffer(out + bytes(8), np.uint8).copy()
    put_heads(written, np.array(places, np.int64), heads, np.array(newest, np.int64), position)
    wanted = b"".join(
        b"???" + pack(Record(position, us, each.waiting, each.tiles)) for each, us in zip(told, newest, strict=True)
    )
    assert written.tobytes() == wanted + bytes(8)


@given(st.lists(st.none() | RECORDS, max_size=3), RECORDS, st.lists(RECORDS, max_size=2), st.data())
def test_the_first_damaged_record_is_named(before, hurt, after, data):
    packed = bytearray(pack(hurt))
    place = data.draw(st.integers(0, HEAD_BYTES + len(hurt.waiting) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    changed = bytes(packed[: data.draw(st.integers(0, len(packed)))]) if data.draw(st.booleans()) else bytes(packed)
    with pytest.raises(CorruptData):
        unpack(changed)
    records = [*(None if each is None else pack(each) for each in before), changed, *map(pack, after)]
    assert heads_of(records) == len(before)


@given(st.binary(max_size=80))
def test_noise_is_refused_by_both(noise):
    with pytest.raises(CorruptData):
        unpack(noise)
    assert heads_of([None, noise, noise]) == 1


@given(st.lists(TIMES | st.just(BEGINNING)))
def test_instants_are_cut_as_one_by_one(instants):
    assert oldest_kept(np.array(instants, np.int64)).tolist() == [oldest_kept_us(each) for each in instants]
