"""State is a function of the events that are in: however it was cut, resumed, repeated, or interrupted."""

import contextlib
import random

import pytest

from gapless.clock import DAY
from gapless.errors import Conflict, CorruptData, InputError
from gapless.online import OnlineReader, materialize
from gapless.online.offsets import from_bytes
from gapless.ports.online import Update
from gapless.testing import Crash, CrashAtCall
from tests.features.world import MODEL, START
from tests.online.stores import GROUPS, LAYOUT, MemoryStore, TableHistory, content, history

END = START + 6 * DAY


def fill(store, rows, as_of, **more):
    (report,) = materialize(GROUPS, TableHistory(rows), store, as_of_us=as_of, **more)
    return report


def filled(rows, as_of, **more):
    store = MemoryStore()
    fill(store, rows, as_of, **more)
    return store


def offset_of(store):
    return from_bytes(store.read([LAYOUT.offset_key])[0])


@pytest.mark.parametrize("seed", range(25))
def test_any_cutting_gives_the_same_bytes(seed):
    rows, _ = history(seed)
    as_of = START + random.Random(seed).randrange(4 * DAY)
    whole = content(filled(rows, as_of))
    assert content(filled(rows, as_of, chunk_events=1)) == whole  # event by event
    assert content(filled(rows, as_of, chunk_events=1 + seed)) == whole


@pytest.mark.parametrize("seed", range(25))
def test_going_on_from_time_to_time_gives_the_same_bytes(seed):
    """More rows, and rows that became known meanwhile."""
    draw = random.Random(seed)
    rows, _ = history(seed)
    store, as_of, events = MemoryStore(), START, 0
    for count in sorted(draw.sample(range(len(rows) + 1), 4)):
        as_of += draw.randrange(2 * DAY)
        events += fill(store, rows[:count], as_of, chunk_events=draw.choice([3, 1000])).events
    events += fill(store, rows, END).events
    assert content(store, END) == content(filled(rows, END), END)
    assert events == sum(row["known"] <= END for row in rows)
    assert (offset_of(store).offset, offset_of(store).as_of_us) == (len(rows), END)


def test_nothing_new_writes_nothing():
    rows, _ = history(1)
    store = filled(rows, END)
    before = dict(store.values)
    assert fill(store, rows, END).events == 0
    assert store.values == before


def test_an_earlier_instant_leaves_the_later_one():
    rows, _ = history(1)
    store = filled(rows, END)
    assert fill(store, rows, START).as_of_us == END


@pytest.mark.parametrize("seed", range(6))
def test_a_crash_anywhere_and_a_new_start_is_an_undisturbed_run(seed):
    """At every key of every commit, of a store that takes each key by itself."""
    rows, _ = history(seed, events=30)
    expected = content(filled(rows, END), END)
    crashes = 0
    while True:
        store = MemoryStore(fault=CrashAtCall(crashes + 1))
        try:
            fill(store, rows[:20], START + DAY, chunk_events=7)
            fill(store, rows, END, chunk_events=5)
        except Crash:
            crashes += 1
            store.fault = lambda point, key: None
            fill(store, rows, END, chunk_events=11)  # what was begun goes on as it was planned
            assert content(store, END) == expected
            continue
        break
    assert crashes > 15


def test_many_crashes_in_one_run():
    rows, _ = history(3)
    store, crashes = MemoryStore(), 0
    while True:
        store.fault = CrashAtCall(random.Random(crashes).randrange(2, 12))
        try:
            report = fill(store, rows, END, chunk_events=4)
            break
        except Crash:
            crashes += 1
    assert crashes > 5
    assert report.resumed
    assert content(store) == content(filled(rows, END))


def test_a_first_filling_shows_when_it_is_through():
    rows, _ = history(2)
    store = MemoryStore(fault=CrashAtCall(25))
    with pytest.raises(Crash):
        fill(store, rows, END, chunk_events=5)
    reader = OnlineReader.of(MODEL.feature_set, store)
    assert reader.heads().as_of_us == {"stats": None}
    store.fault = lambda point, key: None
    fill(store, rows, END)
    assert reader.heads().as_of_us == {"stats": END}


def test_rebuilding_replaces_every_record():
    rows, _ = history(4)
    store = filled(rows, END)
    for key in list(store.keys(LAYOUT.namespace + b"\x01")):
        store.values[key] = Update(store.values[key].position, store.values[key].value[:-3] + b"???")
    with pytest.raises(CorruptData, match="--rebuild"):
        fill(store, [*rows, rows[0] | {"known": END}], END)
    fill(store, rows, END, rebuild=True)
    assert content(store) == content(filled(rows, END))


@pytest.mark.parametrize("lost", [None, b"noise"])
def test_a_lost_offset_record_is_told_and_rebuilt(lost):
    rows, _ = history(4)
    store = filled(rows, END, chunk_events=9)
    if lost is None:
        del store.values[LAYOUT.offset_key]
        fill(store, rows, END)  # as a first filling, above all that is there
    else:
        store.values[LAYOUT.offset_key] = Update(1, lost)
        with pytest.raises(CorruptData, match="not an offset record"):
            fill(store, rows, END)
        fill(store, rows, END, rebuild=True)
    assert content(store) == content(filled(rows, END))


@pytest.mark.parametrize("crash", range(1, 40, 3))
def test_rebuilding_after_a_crash_counts_nothing_twice(crash):
    rows, _ = history(5, events=30)
    store = MemoryStore(fault=CrashAtCall(crash))
    with contextlib.suppress(Crash):
        fill(store, rows, END, chunk_events=5)
    with contextlib.suppress(Crash):
        fill(store, rows, END, chunk_events=5, rebuild=True)
    store.fault = lambda point, key: None
    fill(store, rows, END, chunk_events=6, rebuild=True)
    assert content(store) == content(filled(rows, END))


def test_somebody_else_at_the_same_time_is_told_and_harms_nothing():
    rows, _ = history(6)
    store, other = MemoryStore(), []

    def meanwhile(point, key):
        if LAYOUT.offset_key in store.values:  # once, between the plan and the first chunk
            store.fault = lambda point, key: None
            other.append(fill(store, rows, END + DAY, chunk_events=50))

    store.fault = meanwhile
    with pytest.raises(Conflict, match="somebody else materializes stats"):
        fill(store, rows, END, chunk_events=8)
    assert content(store, END + DAY) == content(filled(rows, END + DAY), END + DAY)
    fill(store, rows, END + 2 * DAY)
    assert content(store, END + 2 * DAY) == content(filled(rows, END + 2 * DAY), END + 2 * DAY)


def test_a_history_that_shrank_is_refused():
    rows, _ = history(7)
    store = filled(rows, END)
    with pytest.raises(InputError, match="shorter than"):
        fill(store, rows[:-1], END)


def test_progress_counts_events():
    rows, _ = history(1)
    done = []
    filled(rows, END, chunk_events=25, progress=done.append)
    assert done == [25, 50, 60]


def test_a_state_that_two_groups_share_is_filled_once():
    rows, _ = history(1)
    store = MemoryStore()
    assert len(materialize([*GROUPS, *GROUPS], TableHistory(rows), store, as_of_us=END)) == 1


@pytest.mark.parametrize("lost", [False, True])
def test_a_rebuild_wins_over_positions_that_damage_has_hidden(lost):
    """An offset record that was written often and records that cannot be read do not say how high they are."""
    rows, _ = history(4)
    store = filled(rows, START)
    for day in range(1, 30):
        fill(store, rows, END + day * DAY)  # the offset record goes on, most records do not
    for key, update in store.values.items():
        if key != LAYOUT.offset_key:
            store.values[key] = Update(update.position + 70, b"noise")
    store.values[LAYOUT.offset_key] = Update(store.values[LAYOUT.offset_key].position, b"noise")
    if lost:
        del store.values[LAYOUT.offset_key]
    fill(store, rows, END + 30 * DAY, rebuild=True)
    assert content(store) == content(filled(rows, END + 30 * DAY))
    assert OnlineReader.of(MODEL.feature_set, store).heads().as_of_us == {"stats": END + 30 * DAY}


class Recorded(MemoryStore):
    """Remembers what it was sent, as a machine that stalls before it sends it."""

    def __init__(self, values):
        super().__init__()
        self.values, self.sent = dict(values), []

    def commit(self, updates, offsets):
        self.sent.append((updates, offsets))
        return super().commit(updates, offsets)


@pytest.mark.parametrize("seed", range(20))
def test_a_rebuild_beside_one_that_is_under_way_counts_nothing_twice(seed):
    """Another machine's commits arrive late, one by one between the reads and writes of a rebuild."""
    draw = random.Random(seed)
    rows, _ = history(seed, events=40)
    store = filled(rows[:15], START + DAY, chunk_events=4)
    other = Recorded(store.values)
    fill(other, rows, END, chunk_events=3)
    arriving = list(other.sent)

    def meanwhile(*called):
        while arriving and draw.random() < 0.3:
            updates, offsets = arriving.pop(0)
            MemoryStore.commit(plain, updates, offsets)
            if plain.values[LAYOUT.offset_key] != offsets[LAYOUT.offset_key]:
                arriving.clear()  # it has been told, and stops

    class Between(MemoryStore):
        def read(self, keys):
            found = super().read(keys)
            meanwhile()
            return found

    plain, store_between = MemoryStore(), Between(fault=meanwhile)
    plain.values = store_between.values = dict(store.values)
    with contextlib.suppress(Conflict):
        fill(store_between, rows, END + DAY, chunk_events=5, rebuild=True)
    fill(plain, rows, END + 2 * DAY)
    assert content(plain, END + 2 * DAY) == content(filled(rows, END + 2 * DAY), END + 2 * DAY)


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_store_that_is_emptied_or_put_back_meanwhile_is_noticed(seed, back):
    """As a server is that was flushed, or came up again without what it took last."""
    rows, _ = history(seed, events=30)
    expected, noticed = content(filled(rows, END), END), 0
    for call in range(1, 80):
        store = filled(rows[:10], START + DAY, chunk_events=3)
        before, calls = dict(store.values) if back else {}, iter(range(1, 1000))

        def lose(point, key, call=call, before=before, calls=calls, store=store):
            if next(calls) == call:
                store.values.clear()
                store.values.update(before)

        store.fault = lose
        if not done(store, rows):
            noticed += 1
            fill(store, rows, END, rebuild=True)
        assert content(store, END) == expected, call
    assert noticed > 10


def done(store, rows):
    """Whether it was not told that the store has lost something."""
    try:
        fill(store, rows, END, chunk_events=4)
    except CorruptData as error:
        if "has lost state" not in error.what:
            raise
        return False
    return True


def test_an_offset_record_that_was_put_back_alone_is_noticed_and_rebuilt():
    """As the nodes of a cluster may be, each to an instant of its own."""
    rows, _ = history(8)
    store = filled(rows[:20], START + DAY)
    offset = store.values[LAYOUT.offset_key]
    fill(store, rows, END, chunk_events=5)
    store.values[LAYOUT.offset_key] = offset
    with pytest.raises(CorruptData, match="--rebuild"):
        fill(store, rows, END)
    fill(store, rows, END, rebuild=True)
    assert content(store) == content(filled(rows, END))


def test_a_key_with_more_state_than_a_store_takes_is_named():
    row = {"key": ("every\u00e9body", 1), "x": 1.0, "time": START, "known": START}
    rows = [row | {"text": "x" * 6_000_000}, row | {"text": "y" * 6_000_000}]
    with pytest.raises(InputError, match="one key of stats has more state") as told:
        filled(rows, END)
    assert "every" in told.value.seen
    assert "hop" in told.value.next_step
    assert content(filled(rows[:1], END))
