"""A store that is away is asked once per pause, and used again by itself."""

import threading

import pytest

from gapless.clock import SECOND
from gapless.errors import CorruptData, Refused, StorageError, Transient
from gapless.serving.breaker import Breaker
from tests.serving.toys import MemoryStore, TestClock


@pytest.fixture
def parts():
    store, clock = MemoryStore({b"a": b"1"}), TestClock()
    return store, clock, Breaker(store, clock)


def refused(breaker):
    with pytest.raises(Transient):
        breaker.read([b"a"])


@pytest.mark.parametrize("error", [Transient("no answer"), Refused("not allowed"), StorageError("disk gone")])
def test_one_failed_read_in_each_pause(parts, error):
    store, clock, breaker = parts
    store.broken = error
    with pytest.raises(type(error)):
        breaker.read([b"a"])
    for _ in range(5):
        refused(breaker)
    assert store.reads == 1
    clock.us += SECOND
    with pytest.raises(type(error)):
        breaker.read([b"a"])
    refused(breaker)
    assert store.reads == 2


def test_it_recovers_by_itself_and_says_since_when_it_was_away(parts):
    store, clock, breaker = parts
    store.broken = Transient("no answer")
    refused(breaker)
    clock.us += SECOND // 2
    refused(breaker)
    assert breaker.fault == "no answer (since 2023-11-14T22:13:20Z)"
    store.broken, clock.us = None, clock.us + SECOND
    assert breaker.read([b"a", b"b"]) == [b"1", None]
    assert breaker.fault is None


def test_damage_of_a_value_is_no_reason_to_stop_asking(parts):
    store, _, breaker = parts
    store.broken = CorruptData("not ours")
    for _ in range(3):
        with pytest.raises(CorruptData):
            breaker.read([b"a"])
    assert store.reads == 3
    assert breaker.fault is None


def test_after_the_pause_one_caller_asks_and_the_others_do_not_wait_for_it(parts):
    store, clock, breaker = parts
    store.broken = Transient("no answer")
    refused(breaker)
    clock.us += SECOND
    asked, answer = threading.Event(), threading.Event()

    def slow(keys):
        asked.set()
        answer.wait(10)
        return [b"1"]

    store.read = slow
    prober = threading.Thread(target=breaker.read, args=([b"a"],))
    prober.start()
    assert asked.wait(10)
    refused(breaker)  # at once, while the other one still waits
    answer.set()
    prober.join()
    assert breaker.read([b"a"]) == [b"1"]


def test_going_away_and_coming_back_is_logged_once_each(parts, caplog):
    store, clock, breaker = parts
    for _ in range(2):
        caplog.clear()
        store.broken = Transient("no answer\nat all")
        for _ in range(5):
            refused(breaker)
            clock.us += SECOND // 2
        assert [one.getMessage() for one in caplog.records] == ["the online store went away: no answer at all"]
        store.broken, clock.us = None, clock.us + SECOND
        for _ in range(3):
            breaker.read([b"a"])
        (back,) = caplog.records[1:]
        assert back.getMessage().startswith("the online store is back; it was away since 2023-11-14T22:13:2")
