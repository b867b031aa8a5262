"""Crashed or killed at any point of a commit, an online store loses nothing and counts nothing twice."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from gapless.testing.faults import KillAtCall
from gapless.testing.online_crashes import Ledger, crash_everywhere
from gapless.testing.online_factory import Factory, opened
from tests.adapters.forked import run_forked
from tests.adapters.online import Lmdb, OnRedis
from tests.servers import Redis, RedisCluster


def test_ten_thousand_crash_points_of_the_embedded_store(tmp_path: Path):
    assert crash_everywhere(Lmdb(tmp_path), "ledger", crashes=10_000, seed=1) >= 10_000


@pytest.mark.parametrize("batch_updates", [1, 2, 1000])
def test_crash_points_on_redis(batch_updates: int, redis: Redis):
    store = OnRedis(redis.url, f"crash{batch_updates}", batch_updates)
    assert crash_everywhere(store, "ledger", crashes=300, seed=batch_updates) >= 300


def test_crash_points_on_a_redis_cluster(redis_cluster: RedisCluster):
    store = OnRedis(redis_cluster.url, "crash", batch_updates=1)
    assert crash_everywhere(store, "ledger", crashes=100) >= 100


@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again(seed: int, tmp_path: Path):
    assert _kill_again_and_again(Lmdb(tmp_path), seed) >= 5


@pytest.mark.parametrize("seed", range(2))
def test_killed_again_and_again_on_redis(seed: int, redis: Redis):
    assert _kill_again_and_again(OnRedis(redis.url, f"kill{seed}", batch_updates=2), seed) >= 5


def _kill_again_and_again(factory: Factory, seed: int) -> int:
    """How many of the processes that took in a chunk were killed; the store is compared with the ledger after each."""
    chance, ledger, before, kills = random.Random(seed), Ledger(seed), Counter[bytes](), 0
    for chunk in range(4):
        for _ in range(3):
            kills += not run_forked(_take_in, factory, ledger, chunk, chance.randint(1, 8))
            with opened(factory, "ledger") as store:
                ledger.check(store, before, chunk)
        with opened(factory, "ledger") as store:
            ledger.take_in(store, chunk)
            before += ledger.amounts(chunk)
            ledger.check(store, before - ledger.amounts(chunk), chunk)
    return kills


def _take_in(factory: Factory, ledger: Ledger, chunk: int, call: int) -> None:
    """In a process of its own."""
    with opened(factory, "ledger", fault=KillAtCall(call)) as store:
        if ledger.done(store) <= chunk:
            ledger.take_in(store, chunk)
