"""Reading states in compiled code gives what `Tiles.read` gives, and survives bytes of any kind."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.clock import DAY, HOUR
from gapless.errors import BugError, CorruptData
from gapless.windows import Spec, Window
from gapless.windows.codec import Value, Writer, seal
from gapless.windows.states import StatePlan, StateRead, StateReader, merge
from gapless.windows.tiles import Arrival, Tiles
from tests.windows.worlds import KINDS, PLAN, PLANS, ROWS, WINDOWS, Row, flat, tiles_of

READER = StateReader(PLANS)
ALONE = StateReader([PLAN])


def values_of(reader: StateReader, read: StateRead, row: int) -> list[Value | None]:
    """A row as Python values."""
    return [_value(read, row, column, kind) for column, kind in enumerate(reader.results)]


def _value(read: StateRead, row: int, column: int, kind: str) -> Value | None:
    if kind == "text":
        assert read.valid[row, column] == (read.texts[column][row] is not None)
        return read.texts[column][row]
    if not read.valid[row, column]:
        assert read.ints[row, column] == 0
        return None
    number = read.numbers[row, column]
    return int(read.ints[row, column]) if kind == "int" else bool(number) if kind == "bool" else float(number)


@given(rows=ROWS, at=st.lists(st.integers(-100, 700), min_size=1, max_size=4))
def test_every_function_reads_as_tiles_do(rows: list[Row], at: list[int]) -> None:
    tiles = [[tiles_of(plan, rows, key) for plan in PLANS] for key in range(len(at))]
    states = [each.to_bytes() for row in tiles for each in row]
    read = READER.read(states, np.array(at))
    wanted = [[value for each in row for value in flat(each, t)] for row, t in zip(tiles, at, strict=True)]
    assert repr([values_of(READER, read, row) for row in range(len(at))]) == repr(wanted)


def test_no_state_reads_as_no_events() -> None:
    read = READER.read([None, b"", PLANS[2].tiles.empty().to_bytes()], np.array([5]))
    assert repr(values_of(READER, read, 0)) == repr([v for plan in PLANS for v in flat(plan.tiles.empty(), 5)])


def test_no_rows_give_no_rows() -> None:
    read = READER.read([], np.empty(0, np.int64))
    assert read.numbers.shape == read.valid.shape == (0, len(READER.results))


@pytest.mark.parametrize("at", [-(2**63), 2**63 - 1, -(2**62), 0])
def test_any_instant_can_be_asked(at: int) -> None:
    windows = (Window(None, 0), Window(2**62 - 1, 2**62 - 1), Window(DAY, HOUR), Window(1, 0))
    plan = StatePlan(tuple(Spec("count", None, window) for window in windows), ())
    tiles = plan.tiles.empty().add(Arrival((t, t, 0)) for t in (-(2**62) + 1, -1, 0, 2**62 - 1))
    reader = StateReader([plan])
    assert values_of(reader, reader.read([tiles.to_bytes()], np.array([at])), 0) == flat(tiles, at)


NUMBERS = (0.1, -0.1, 1e16, -1e16, 1e300, -1e300, 1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 1e-170, 3.0)


@given(values=st.lists(st.sampled_from(NUMBERS), max_size=60), at=st.integers(100, 500))
def test_sums_and_variances_are_exact_over_all_magnitudes(values: list[float], at: int) -> None:
    plan = StatePlan(tuple(Spec(f, 0, w) for f in ("sum", "mean", "var", "std") for w in WINDOWS), ("float",))
    tiles = plan.tiles.empty().add(Arrival((7 * i, 7 * i, i), (value,)) for i, value in enumerate(values))
    reader = StateReader([plan])
    assert repr(values_of(reader, reader.read([tiles.to_bytes()], np.array([at])), 0)) == repr(flat(tiles, at))


def test_many_rows_are_read_in_blocks() -> None:
    plan = StatePlan((Spec("last", 0, Window(None, 0)),), ("text",))
    reader, large = StateReader([plan]), 1 << 20
    states = [
        plan.tiles.empty().add([Arrival((0, 0, 0), (str(row % 10) * large,))]).to_bytes() if row % 2 else None
        for row in range(200)
    ]
    read = reader.read(states, np.arange(1, 201))
    assert [text and (text[0], len(text)) for text in read.texts[0]] == [
        (str(row % 10), large) if row % 2 else None for row in range(200)
    ]


def test_there_is_a_state_for_each_row_and_plan() -> None:
    with pytest.raises(BugError, match="per row and plan"):
        READER.read([None, None], np.array([5]))


# ---- damage --------------------------------------------------------------------------------------

GOOD = tiles_of(PLAN, [Row(0, 5, 1, (1.5, True, 7, "aé")), Row(0, 6, 0, (-2.5, False, -7, "b"))], 0)


@given(place=st.integers(0), bit=st.integers(0, 7), length=st.integers(0))
def test_a_changed_or_cut_state_is_named_and_the_others_are_read(place: int, bit: int, length: int) -> None:
    state = bytearray(GOOD.to_bytes())
    state[place % len(state)] ^= 1 << bit
    cut = GOOD.to_bytes()[: 1 + length % (len(state) - 1)]
    damaged: list[int] = []
    read = ALONE.read([GOOD.to_bytes(), bytes(state), cut, GOOD.to_bytes()], np.full(4, 20), damaged=damaged)
    assert damaged == [1, 2]
    assert not read.valid[1:3].any()
    assert repr(values_of(ALONE, read, 0)) == repr(values_of(ALONE, read, 3)) == repr(flat(GOOD, 20))


def test_damage_is_raised_where_nobody_asks_for_its_place() -> None:
    with pytest.raises(CorruptData) as caught:
        ALONE.read([GOOD.to_bytes(), b"what is this", None], np.full(3, 20))
    assert caught.value.seen == 1


def test_the_state_of_another_plan_is_damage() -> None:
    damaged: list[int] = []
    StateReader([PLANS[1]]).read([GOOD.to_bytes()], np.array([20]), damaged=damaged)
    assert damaged == [0]


def same_or_damaged(plan: StatePlan, state: bytes, at: int) -> None:
    """What holds for any bytes with a right checksum: damage, or what `Tiles.from_bytes` makes of them."""
    reader, damaged = StateReader([plan]), list[int]()
    read = reader.read([state], np.array([at]), damaged=damaged)
    if not damaged:
        assert repr(values_of(reader, read, 0)) == repr(flat(Tiles.from_bytes(plan.tiles, state), at))


def body_of(plan: StatePlan, tiles: int) -> Writer:
    out = Writer()
    out.blob(plan.tiles.fingerprint)
    out.count(tiles)
    return out


@given(rest=st.binary(max_size=60), tiles=st.integers(0, 3), plan=st.sampled_from(PLANS))
def test_any_bytes_after_a_right_header(rest: bytes, tiles: int, plan: StatePlan) -> None:
    same_or_damaged(plan, seal(bytes(body_of(plan, tiles)) + rest), 30)


@given(rows=ROWS, changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=4))
def test_states_with_other_bytes_and_a_right_checksum(rows: list[Row], changes: list[tuple[int, int]]) -> None:
    for plan in PLANS:
        body = bytearray(tiles_of(plan, rows, 0).to_bytes()[1:-4])
        for place, byte in changes:
            body[9 + place % (len(body) - 9)] = byte
        same_or_damaged(plan, seal(bytes(body)), 150)


SPLICES = st.one_of(
    st.builds(
        lambda n: _count(n), st.sampled_from([0, 1, 127, 128, 2**31, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**70])
    ),
    st.binary(max_size=12),
    st.sampled_from([b"\x80\x00", b"\xff" * 10, b"\x02" + b"\xff" * 8, b"\x04\x03\xed\xa0\x80", b"\x04\x02\xc0\x80"]),
)


def _count(number: int) -> bytes:
    out = Writer()
    out.count(number)
    return bytes(out)


@given(rows=ROWS, place=st.integers(0), gone=st.integers(0, 12), splice=SPLICES)
def test_states_with_something_put_in_and_a_right_checksum(
    rows: list[Row], place: int, gone: int, splice: bytes
) -> None:
    for plan in PLANS:
        body = tiles_of(plan, rows, 0).to_bytes()[1:-4]
        at = 9 + place % (len(body) - 9)
        same_or_damaged(plan, seal(body[:at] + splice + body[at + gone :]), 150)


@given(text=st.binary(max_size=12))
def test_text_is_utf8_or_damage(text: bytes) -> None:
    plan = PLANS[2]
    out = body_of(plan, 1)
    out.count(0)
    out.signed(-(2**63))
    out.count(1)
    for number in (5, 5, 0):
        out.signed(number)
    state, damaged = seal(bytes(out) + b"\x04" + bytes([len(text)]) + text), list[int]()
    read = StateReader([plan]).read([state], np.array([9]), damaged=damaged)
    assert damaged == ([] if _is_utf8(text) else [0])
    assert read.texts[0] == [text.decode() if _is_utf8(text) else None]


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("function", ["first", "last", "n_unique"])
@pytest.mark.parametrize("count", [2, 2**40, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**70])
def test_a_part_that_says_it_holds_more_than_it_does(function: str, count: int) -> None:
    plan = StatePlan((Spec(function, 0, Window(None, 0)),), ("float",))
    good = bytearray(plan.tiles.empty().add([Arrival((5, 5, 0), (1.5,))]).to_bytes()[1:-4])
    place = len(bytes(body_of(plan, 1))) + 1 + len(_signed(-(2**63)))
    assert good[place] == 1
    damaged: list[int] = []
    state = seal(bytes(good[:place]) + _count(count) + bytes(good[place + 1 :]))
    StateReader([plan]).read([state], np.array([9]), damaged=damaged)
    assert damaged == [0]
    with pytest.raises(CorruptData):
        merge(plan, [(state, b"")])


def _signed(number: int) -> bytes:
    out = Writer()
    out.signed(number)
    return bytes(out)


def test_threads_read_at_once() -> None:
    wanted = flat(GOOD, 20)
    wrong: list[object] = []

    def run() -> None:
        for _ in range(50):
            read = ALONE.read([GOOD.to_bytes()] * 3, np.full(3, 20))
            wrong.extend(row for row in range(3) if repr(values_of(ALONE, read, row)) != repr(wanted))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# ---- plans ---------------------------------------------------------------------------------------


def test_results_have_the_kinds_of_their_inputs() -> None:
    forever = Window(None, 0)
    functions: Sequence[Spec] = [
        Spec("n_unique", 3, forever),
        Spec("min", 1, forever),
        Spec("last", 2, forever),
        Spec("last_n", 3, forever, 2),
        Spec("any", 1, forever),
    ]
    plan = StatePlan(tuple(functions), KINDS)
    assert plan.results == ("float", "bool", "int", "text", "text", "bool")
    assert plan.width == 6


@pytest.mark.parametrize("spec", [Spec("sum", 3, WINDOWS[0]), Spec("any", 0, WINDOWS[0]), Spec("last", 9, WINDOWS[0])])
def test_a_plan_wants_functions_that_take_their_inputs(spec: Spec) -> None:
    with pytest.raises(BugError, match="does not take"):
        StatePlan((spec,), KINDS)
