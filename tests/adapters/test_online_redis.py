"""The online store on Redis keeps the port's promises, on one server and on a cluster."""

from __future__ import annotations

import pytest

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
