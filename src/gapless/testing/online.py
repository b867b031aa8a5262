"""What every online store must do, as checks that any adapter can run.

@dataclass(frozen=True)
class Mine:
    folder: Path

    def __call__(self, name, *, fault=None):
        return MyStore(self.folder / name, fault=fault)

@pytest.mark.parametrize("check", ONLINE_STORE_CHECKS, ids=lambda check: check.__name__)
def test_conformance(check, tmp_path):
    check(Mine(tmp_path))
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from gapless.errors import InputError
from gapless.ports.online import MAX_POSITION, OnlineStore, Update
from gapless.ports.updates import MAX_KEY_BYTES, MAX_VALUE_BYTES
from gapless.testing.online_crashes import crash_everywhere
from gapless.testing.online_factory import Factory, opened
from gapless.testing.online_readers import readers_in_processes, readers_in_threads

__all__ = ["ONLINE_STORE_CHECKS", "check_online_store"]

_MILLION = 1_000_000
_BULK = 50_000
_AWKWARD_KEYS = (
    *(b"\x00", b"\x00\x00", b"\xff\xff\xff", b"*", b"a*", b"a?c", b"[a]", b"a\\b", b"{tag}x", b"{}", b"a b\r\n$3\r\n"),
    *("é".encode(), b"-1", b"k" * MAX_KEY_BYTES, bytes(range(256))),
)


def check_online_store(factory: Factory) -> None:
    """Runs every check of ONLINE_STORE_CHECKS, each on a store of its own.

    Raises: AssertionError where the store does not keep a promise of the port.
    """
    for check in ONLINE_STORE_CHECKS:
        check(factory)


def _put(store: OnlineStore, values: Mapping[bytes, bytes], position: int = 1) -> None:
    store.commit({key: Update(position, value) for key, value in values.items()}, {})


def _refuses(action: Callable[[], object]) -> None:
    try:
        action()
    except InputError:
        return
    raise AssertionError("no InputError")


def values_come_in_the_order_of_the_keys(factory: Factory) -> None:
    with opened(factory, "order") as store:
        assert store.read([]) == []
        assert store.read([b"b", b"a"]) == [None, None]
        _put(store, {b"a": b"1", b"b": b"", b"c": b"3"})
        assert store.read([b"c", b"x", b"b", b"a", b"c"]) == [b"3", None, b"", b"1", b"3"]


def every_byte_of_keys_and_values_is_kept(factory: Factory) -> None:
    values = {key: key[::-1] * 3 for key in _AWKWARD_KEYS}
    with opened(factory, "bytes") as store:
        _put(store, values)
        assert store.read(list(values)) == list(values.values())
        assert sorted(store.keys(b"")) == sorted(values)


def an_older_write_never_wins(factory: Factory) -> None:
    with opened(factory, "older") as store:
        done = store.commit({b"a": Update(5, b"five"), b"b": Update(1, b"one")}, {b"o": Update(5, b"5")})
        assert (done.written, done.older) == (3, 0)
        late = store.commit({b"a": Update(4, b"four"), b"b": Update(2, b"two")}, {b"o": Update(4, b"4")})
        assert (late.written, late.older) == (1, 2)
        assert store.read([b"a", b"b", b"o"]) == [b"five", b"two", b"5"]


def a_repeat_changes_nothing(factory: Factory) -> None:
    updates, offsets = {b"a": Update(3, b"first")}, {b"o": Update(3, b"3")}
    with opened(factory, "repeat") as store:
        store.commit(updates, offsets)
        again = store.commit({b"a": Update(3, b"second")}, offsets)
        assert (again.written, again.older) == (0, 2)
        assert store.read([b"a", b"o"]) == [b"first", b"3"]
        nothing = store.commit({}, {})
        assert (nothing.written, nothing.older) == (0, 0)


def an_update_may_say_what_it_comes_after(factory: Factory) -> None:
    with opened(factory, "after") as store:
        for position, after, taken in ((4, 3, 0), (4, 0, 1), (9, 0, 0), (9, 5, 0), (9, 4, 1), (9, 4, 0), (12, None, 1)):
            for updates, offsets in ((b"a", b"b"), (b"o", b"p")):
                change = {updates: Update(position, b"%d" % position, after)}
                done = store.commit(change, {offsets: Update(position, b"%d" % position, after)})
                assert (done.written, done.older) == (2 * taken, 2 - 2 * taken), (position, after)
        assert store.read([b"a", b"b", b"o", b"p"]) == [b"12"] * 4
        store.remove(b"a")
        assert store.commit({b"a": Update(14, b"14", 12), b"b": Update(14, b"14", 12)}, {}).written == 1
        last = MAX_POSITION
        assert store.commit({b"a": Update(last - 1, b"", 0)}, {b"b": Update(last, b"", last - 1)}).written == 1
        assert store.commit({b"a": Update(last, b"end", last - 1)}, {}).written == 1
        for after in (-1, 20, 21):
            _refuses(lambda after=after: store.commit({b"o": Update(20, b"", after)}, {}))  # type: ignore[misc]


def positions_are_exact_to_the_last(factory: Factory) -> None:
    with opened(factory, "positions") as store:
        for position in (1, 2**32 - 1, 2**32, 2**32 + 1, MAX_POSITION - 1, MAX_POSITION):
            _put(store, {b"a": b"%d" % position}, position)
            _put(store, {b"a": b"older"}, position)
            _put(store, {b"a": b"older"}, max(position - 1, 1))
            assert store.read([b"a"]) == [b"%d" % position]


def what_was_committed_is_there_for_the_next(factory: Factory) -> None:
    with opened(factory, "reopened") as store:
        _put(store, {b"a": b"1"}, 7)
    with opened(factory, "reopened") as store:
        _put(store, {b"a": b"older"}, 6)
        assert store.read([b"a"]) == [b"1"]


def two_stores_of_one_name_are_one(factory: Factory) -> None:
    with opened(factory, "shared") as first, opened(factory, "shared") as second:
        _put(first, {b"a": b"1"})
        assert second.read([b"a"]) == [b"1"]
        second.close()
        assert first.read([b"a"]) == [b"1"]


def large_values_come_back(factory: Factory) -> None:
    pieces = [bytes([i]) * (MAX_VALUE_BYTES - i) for i in range(3)]
    with opened(factory, "large") as store:
        _put(store, {b"k%d" % i: piece for i, piece in enumerate(pieces)})
        assert store.read([b"k0", b"k1", b"k2"]) == pieces


def what_is_out_of_range_is_refused_whole(factory: Factory) -> None:
    good, value = Update(1, b""), b"\0" * (MAX_VALUE_BYTES + 1)
    wrong: Sequence[Mapping[bytes, Update]] = (
        {b"": good},
        {b"k" * (MAX_KEY_BYTES + 1): good},
        {b"a": Update(0, b"")},
        {b"a": Update(MAX_POSITION + 1, b"")},
        {b"a": Update(1, value)},
    )
    with opened(factory, "range") as store:
        for one in wrong:
            _refuses(lambda one=one: store.commit({b"good": good, **one}, {}))  # type: ignore[misc]
            _refuses(lambda one=one: store.commit({b"good": good}, one))  # type: ignore[misc]
        _refuses(lambda: store.commit({b"a": good}, {b"a": good}))
        assert list(store.keys(b"")) == []


def keys_begin_as_asked(factory: Factory) -> None:
    names = [b"a", b"a\x00", b"a\xff", b"a\xff\xff", b"b", b"a*", b"[a]", b"\xff", b"\xff\xff"]
    with opened(factory, "prefix") as store:
        _put(store, dict.fromkeys(names, b""))
        for prefix in (b"", b"a", b"a\xff", b"a*", b"[a]", b"?", b"\xff", b"\xff\xff\xff", b"a\x00\x00"):
            found = sorted(store.keys(prefix))
            assert found == sorted(name for name in names if name.startswith(prefix)), prefix


def removing_takes_what_begins_so_and_nothing_else(factory: Factory) -> None:
    with opened(factory, "remove") as store:
        _put(store, dict.fromkeys([b"a", b"a1", b"a\xff", b"b", b"*"], b"x"), 9)
        _refuses(lambda: store.remove(b""))
        assert store.remove(b"*") == 1
        assert store.remove(b"a") == 3
        assert store.remove(b"a") == 0
        assert sorted(store.keys(b"")) == [b"b"]
        _put(store, {b"a": b"anew", b"b": b"older"}, 1)
        assert store.read([b"a", b"b"]) == [b"anew", b"x"]


def many_commits_in_any_order_end_in_one_state(factory: Factory) -> None:
    chance = random.Random(20)
    commits = [{b"k%d" % chance.randrange(12): p for _ in range(4)} for p in range(1, 61)]
    expected = {key: b"%d" % max(p for c in commits for k, p in c.items() if k == key) for c in commits for key in c}
    chance.shuffle(commits)
    with opened(factory, "any_order") as store:
        for commit in commits:
            store.commit({key: Update(p, b"%d" % p) for key, p in commit.items()}, {})
        assert dict(zip(expected, store.read(list(expected)), strict=True)) == expected


def writers_at_once_lose_nothing(factory: Factory) -> None:
    """Threads, half of them on a store of their own: the largest position stays, whoever came last."""

    def write(store: OnlineStore, first: int) -> None:
        for position in range(first, 200, 4):
            store.commit({b"both": Update(position, b"%d" % position), b"own%d" % position: Update(1, b"x")}, {})

    with opened(factory, "writers") as one, opened(factory, "writers") as two:
        with ThreadPoolExecutor(4) as threads:
            done = [threads.submit(write, (one, two)[i % 2], i + 1) for i in range(4)]
        assert [one_done.result() for one_done in done] == [None] * 4
        assert one.read([b"both"]) == [b"199"]
        assert len(list(one.keys(b"own"))) == 199


def a_million_keys_are_nothing_special(factory: Factory) -> None:
    keys = [b"m%07d" % (number * 7919 % _MILLION) for number in range(_MILLION)]
    with opened(factory, "million") as store:
        for start in range(0, _MILLION, _BULK):
            part = keys[start : start + _BULK]
            done = store.commit({key: Update(1, key * 2) for key in part}, {b"o": Update(start + 1, b"%d" % start)})
            assert (done.written, done.older) == (_BULK + 1, 0)
        some = keys[:: _MILLION // 10_000]
        assert store.read(some) == [key * 2 for key in some]
        assert store.commit({key: Update(1, b"older") for key in some}, {}).older == len(some)
        assert sum(1 for _ in store.keys(b"m00")) == 100_000
        assert store.read([keys[0], b"o", keys[-1]]) == [keys[0] * 2, b"%d" % (_MILLION - _BULK), keys[-1] * 2]


def a_crash_at_any_point_loses_and_doubles_nothing(factory: Factory) -> None:
    assert crash_everywhere(factory, "crashes", crashes=100) >= 100


ONLINE_STORE_CHECKS: tuple[Callable[[Factory], None], ...] = (
    values_come_in_the_order_of_the_keys,
    every_byte_of_keys_and_values_is_kept,
    an_older_write_never_wins,
    a_repeat_changes_nothing,
    an_update_may_say_what_it_comes_after,
    positions_are_exact_to_the_last,
    what_was_committed_is_there_for_the_next,
    two_stores_of_one_name_are_one,
    large_values_come_back,
    what_is_out_of_range_is_refused_whole,
    keys_begin_as_asked,
    removing_takes_what_begins_so_and_nothing_else,
    many_commits_in_any_order_end_in_one_state,
    writers_at_once_lose_nothing,
    readers_in_threads,
    readers_in_processes,
    a_crash_at_any_point_loses_and_doubles_nothing,
    a_million_keys_are_nothing_special,
)
