"""A log entry is read back as it was written, and nothing else is taken for one."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.errors import CorruptData
from gapless.serving.entries import Entry, GroupSeen, decode_entry, encode_entry

instants = st.integers(-(2**63), 2**63 - 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text()
values = st.none() | st.booleans() | numbers | texts | instants

entries = st.builds(
    Entry,
    format=st.just(1),
    request_id=texts | instants,
    model=texts,
    version=texts,
    live_version=texts,
    definition_hash=texts,
    bundle_hash=texts,
    as_of_us=instants,
    answered_us=instants,
    inputs=st.dictionaries(texts, values, max_size=4),
    vector=st.lists(st.floats(width=32), max_size=5).map(lambda found: np.array(found, "<f4").tobytes()),
    prediction=st.none() | numbers,
    probability=st.none() | numbers,
    trust=st.sampled_from(["ok", "degraded", "unreliable"]),
    reasons=st.lists(st.dictionaries(texts, values, max_size=3), max_size=2),
    groups=st.lists(st.builds(GroupSeen, st.binary(), instants, instants, st.none() | instants), max_size=3),
)


@given(entries)
def test_it_comes_back_with_every_bit(entry):
    found = decode_entry(encode_entry(entry))
    assert found == entry
    assert [type(value) for value in found.inputs.values()] == [type(value) for value in entry.inputs.values()]


@given(entries, st.lists(values, max_size=2))
def test_what_a_later_version_adds_is_passed_over(entry, added):
    longer = [*msgspec.msgpack.decode(encode_entry(entry)), *added]
    assert decode_entry(msgspec.msgpack.encode(longer)) == entry


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data):
    with pytest.raises(CorruptData, match="cannot be read"):
        decode_entry(data)


@given(entries, st.data())
def test_a_part_of_an_entry_is_refused(entry, data):
    whole = encode_entry(entry)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(CorruptData):
        decode_entry(whole[:cut])


@given(entries)
def test_another_format_is_refused(entry):
    with pytest.raises(CorruptData, match="format 2"):
        decode_entry(encode_entry(msgspec.structs.replace(entry, format=2)))
