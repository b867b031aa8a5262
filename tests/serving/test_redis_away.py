"""A real Redis that is killed, hangs and comes back: answers go on or refuse by policy, and recover by themselves."""

import os
import signal
from types import SimpleNamespace

import pytest

from gapless.adapters.redis import RedisStore
from gapless.clock import HOUR, SECOND
from gapless.errors import Transient
from gapless.online import materialize
from gapless.product import Trust
from gapless.serving.breaker import Breaker
from tests.features.world import history
from tests.online.stores import GROUPS, TableHistory
from tests.servers import redis_server
from tests.serving.test_predictor import AS_OF, predictor, requests
from tests.serving.toys import TestClock


@pytest.fixture
def away(tmp_path):
    """A Redis of its own with the state of a world, read through a breaker."""
    rows, _ = history(7, events=300)
    with redis_server(tmp_path) as server:
        store, clock = RedisStore(server.url, timeout_s=0.2), TestClock(AS_OF)
        materialize(GROUPS, TableHistory(rows), store, as_of_us=AS_OF)
        yield SimpleNamespace(server=server.process, store=store, clock=clock, breaker=Breaker(store, clock))
        store.close()


def answer(away, policy=None):
    (found,) = predictor(away.breaker, policy).answer(requests([(("x", 1), AS_OF + HOUR)]), away.clock.us).rows
    return found


def codes(found):
    return {reason["code"] for reason in found.reasons}


def test_killed_and_started_again(away):
    before = answer(away)
    assert "store_unreachable" not in codes(before)
    away.server.kill()
    lost = answer(away)
    assert lost.trust == "unreliable"
    assert codes(lost) >= {"store_unreachable"}
    assert away.breaker.fault is not None
    with pytest.raises(Transient, match="not to answer without it"):
        answer(away, Trust(on_store_down="refuse"))
    away.server.start()
    assert "store_unreachable" in codes(answer(away))  # within the pause nobody asks
    away.clock.us += SECOND
    assert answer(away) == before
    assert away.breaker.fault is None


def test_a_server_that_hangs_costs_one_time_limit_in_each_pause(away):
    before, asked = answer(away), []
    read = away.store.read
    away.store.read = lambda keys: asked.append(1) or read(keys)
    os.kill(away.server.pid, signal.SIGSTOP)
    try:
        for _ in range(20):
            assert "store_unreachable" in codes(answer(away))
        assert len(asked) == 1
        away.clock.us += SECOND
        for _ in range(20):
            answer(away)
        assert len(asked) == 2
    finally:
        os.kill(away.server.pid, signal.SIGCONT)
    away.clock.us += SECOND
    assert answer(away) == before
