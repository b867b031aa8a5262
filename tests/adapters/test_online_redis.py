"""The online store on Redis keeps the port's promises, on one server and on a cluster."""

from __future__ import annotations

from itertools import count

import pytest

from gapless.adapters.redis import RedisStore
from gapless.ports.online import Update
from gapless.testing.online import ONLINE_STORE_CHECKS, a_million_keys_are_nothing_special
from tests.adapters.online import OnRedis
from tests.servers import Redis, RedisCluster


@pytest.mark.parametrize("check", ONLINE_STORE_CHECKS, ids=lambda check: check.__name__)
def test_conformance_on_one_server(check, redis: Redis):
    check(OnRedis(redis.url, "one"))


# A million keys take three servers no other path than one.
_ON_A_CLUSTER = [check for check in ONLINE_STORE_CHECKS if check is not a_million_keys_are_nothing_special]


@pytest.mark.parametrize("check", _ON_A_CLUSTER, ids=lambda check: check.__name__)
def test_conformance_on_a_cluster(check, redis_cluster: RedisCluster):
    check(OnRedis(redis_cluster.url, "cluster"))


class Interrupted(RedisStore):
    """Something happens after each piece of a read."""

    def between(self) -> None:
        raise AssertionError("the test says what")

    def _fetch(self, names):
        found = super()._fetch(names)
        self.between()
        return found


_KEYS = [b"key%d" % number for number in range(1500)]


def _commit_round(store: RedisStore, number: int) -> None:
    update = Update(number, b"%d" % number)
    store.commit(dict.fromkeys(_KEYS, update), {b"offset": update})


def test_a_read_in_pieces_never_sees_an_offset_before_its_updates(redis: Redis):
    """More keys than one command reads: what comes between the commands makes the updates newer, not the offset."""
    url, rounds = f"{redis.url}?prefix=pieces", count(2)
    writer, store = RedisStore(url, timeout_s=10), Interrupted(url, timeout_s=10)
    store.between = lambda: _commit_round(writer, next(rounds))
    _commit_round(writer, 1)
    for _ in range(3):
        *states, offset = [int(value) for value in store.read([*_KEYS, b"offset"])]
        assert offset <= min(states)
