"""The same worlds on real stores: killed while they are filled, gone on, read by others."""

from __future__ import annotations

import os
import random
import signal
from itertools import count

import pyarrow as pa
import pytest

from gapless.adapters.lmdb import LmdbStore
from gapless.adapters.redis import RedisStore
from gapless.clock import DAY
from gapless.online import OnlineReader, materialize
from gapless.testing import Crash, CrashAtCall, KillAtCall
from tests.features.world import MODEL, START
from tests.online.stores import GROUPS, MemoryStore, TableHistory, content, history, request

END = START + 6 * DAY
_names = count()


@pytest.fixture(params=["lmdb", "redis", "cluster"])
def opened(request, tmp_path):
    """Opens the same store again and again."""
    if request.param == "lmdb":
        return lambda fault=None: LmdbStore(tmp_path, fault=fault)
    server = request.getfixturevalue("redis" if request.param == "redis" else "redis_cluster")
    url = f"{server.url}?prefix=online{next(_names)}"
    return lambda fault=None: RedisStore(url, fault=fault)


def fill(store, rows, as_of=END, **more):
    try:
        return materialize(GROUPS, TableHistory(rows), store, as_of_us=as_of, **more)[0]
    finally:
        store.close()


def expected(rows):
    store = MemoryStore()
    fill(store, rows)
    return content(store)


def test_crashes_lose_nothing_and_double_nothing(opened):
    rows, _ = history(11, events=120)
    draw, crashes = random.Random(0), 0
    while True:
        try:
            fill(opened(CrashAtCall(draw.randrange(3, 15))), rows, chunk_events=9)
            break
        except Crash:
            crashes += 1
    assert crashes >= 3
    store = opened()
    assert content(store) == expected(rows)
    store.close()


def test_kills_lose_nothing_and_double_nothing(opened):
    rows, _ = history(12, events=60)
    kills = 0
    for call in (1, 2, 7, 15, 16, 17, 30):
        kills += killed(lambda call=call: fill(opened(KillAtCall(call)), rows, chunk_events=10))
    assert kills >= 4
    fill(opened(), rows)
    store = opened()
    assert content(store) == expected(rows)
    store.close()


def killed(work) -> bool:
    """Whether a process of its own that does the work was killed on the way."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), status
    return status == signal.SIGKILL


def test_what_is_read_is_the_same_in_every_store(opened):
    rows, asks = history(13, events=200, requests=100)
    memory = MemoryStore()
    fill(memory, rows)
    fill(opened(), rows, chunk_events=50)
    store = opened()
    requests, at = [request(*ask) for ask in asks], [END] * len(asks)
    here, there = (OnlineReader.of(MODEL.feature_set, each).read(requests, at) for each in (store, memory))
    assert pa.table(here.columns()) == pa.table(there.columns())
    assert [here.row(i) for i in range(100)] == [there.row(i) for i in range(100)]
    store.close()
