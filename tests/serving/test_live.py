"""A server's models: kept at what is live by a thread, and true about their own state."""

import threading
from pathlib import Path

import pytest

from gapless.adapters.sql import SqlMetadata
from gapless.clock import SECOND
from gapless.errors import CorruptData, NotFound, Transient
from gapless.serving.breaker import Breaker
from gapless.serving.following import INCIDENTS, Follower
from gapless.serving.live import Live
from tests.serving.toys import NOW, Deployed, MemoryStore, TestClock, Toy, ask


class Server(Deployed):
    """A Live over a real metadata database, and what it stands on."""

    def __init__(self, folder):
        self.metadata = SqlMetadata(f"sqlite:///{folder}/metadata.db")
        self.clock, self.store, self.versions, self.closed = TestClock(), MemoryStore(), {}, []
        follower = Follower(self.metadata, self.load, self.clock)
        self.live = Live(
            follower, Breaker(self.store, self.clock), None, closing=lambda: self.closed.append(1), interval_s=0.01
        )


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    yield made
    made.live.close()
    made.metadata.close()


def test_nothing_is_live(server):
    server.live.start()
    assert server.live.models() == []
    assert not server.live.health().ready
    with pytest.raises(NotFound, match="no version of this model is live") as caught:
        server.live.get("m")
    assert caught.value.next_step == "gapless promote m VERSION"


def test_what_is_live_answers_as_soon_as_it_is_started(server):
    server.promote("1")
    server.promote("4", "3", model="other")
    server.live.start()
    assert server.live.models() == ["m", "other"]
    assert ask(server.live) == ("1", 1.0, "ok")
    health = server.live.health()
    assert health.ready
    assert health.parts == {"metadata": None, "online": None, "follower": None}
    assert health.models["other"] == {
        "version": "4",
        "fallbacks": ["3"],
        "bundle": "b",
        "state": "live",
        "live": "4",
        "revision": 2,
        "fault": None,
    }


def test_a_promotion_reaches_a_server_under_load_and_no_request_fails(server):
    server.promote("1")
    server.live.start()
    stop, seen, failed = threading.Event(), set(), []

    def ask_on():
        while not stop.is_set():
            try:
                version, prediction, trust = ask(server.live)
                assert (prediction, trust) == (float(version), "ok")
                seen.add(version)
            except Exception as error:
                failed.append(error)

    askers = [threading.Thread(target=ask_on) for _ in range(2)]
    for asker in askers:
        asker.start()
    versions = [str(number) for number in range(2, 8)]
    for version in versions:
        server.promote(version)
        while version not in seen and not failed:
            stop.wait(0.005)
    stop.set()
    for asker in askers:
        asker.join()
    assert failed == []
    assert seen == {"1", *versions}


def test_a_model_that_cannot_be_loaded_is_live_and_not_ready(server):
    server.versions["1"] = CorruptData("bad bundle")
    server.promote("1")
    server.live.start()
    assert server.live.models() == ["m"]
    with pytest.raises(Transient, match="could not be loaded yet") as caught:
        server.live.get("m")
    assert caught.value.seen == "version 1: bad bundle"
    health = server.live.health()
    assert not health.ready
    assert health.models["m"] == {
        "version": None,
        "state": "not loaded",
        "live": "1",
        "revision": 1,
        "fault": "version 1: bad bundle",
    }


@pytest.mark.parametrize(
    ("first", "second", "broken", "state", "version"),
    [
        (["1"], ["2"], "2", "behind", "1"),
        (["1"], ["2", "1"], "2", "behind", "1"),
        (["2", "1"], ["2", "1"], "2", "fallback", "1"),
        (["2", "1"], ["2", "1"], "1", "without fallback", "2"),
    ],
)
def test_one_word_for_how_it_stands(server, first, second, broken, state, version):
    server.versions[broken] = CorruptData("bad bundle")
    server.promote(*first)
    server.live.start()
    decided = server.promote(*second)
    while server.live.health().models["m"]["revision"] != decided.id or len(tried(server)) == 0:
        threading.Event().wait(0.005)
    health = server.live.health()
    assert health.ready
    assert (health.models["m"]["state"], health.models["m"]["version"]) == (state, version)


def tried(server):
    return server.live.health().models["m"]["fault"] or ""


@pytest.mark.parametrize(("refuses", "ready"), [(False, True), (True, False)])
def test_ready_without_the_store_where_the_model_answers_without_it(server, refuses, ready):
    server.versions["1"] = Toy("m", "1", refuses=refuses)
    server.promote("1")
    server.store.broken = Transient("no answer from Redis")
    server.live.start()
    health = server.live.health()
    assert health.ready is ready
    assert health.parts["online"] == "no answer from Redis (since 2023-11-14T22:13:20Z)"
    server.store.broken, server.clock.us = None, NOW + SECOND
    while server.live.health().parts["online"] is not None:
        threading.Event().wait(0.005)
    assert server.live.health().ready


def test_a_bug_while_following_is_said_and_following_goes_on(server):
    server.promote("1")
    server.live.start()

    def wrong():
        raise ZeroDivisionError("a bug")

    real, server.metadata.deployments.revision = server.metadata.deployments.revision, wrong
    server.promote("2")
    while server.live.health().parts["follower"] is None:
        threading.Event().wait(0.005)
    assert server.live.health().parts["follower"] == "ZeroDivisionError: a bug"
    server.metadata.deployments.revision = real
    while server.live.health().parts["follower"] is not None:
        threading.Event().wait(0.005)
    while ask(server.live)[0] != "2":
        threading.Event().wait(0.005)


def test_closing_stops_the_thread_and_lets_go_once(server):
    server.promote("1")
    server.live.start()
    server.live.close()
    assert server.closed == [1]
    assert not server.live.health().ready
    assert not [one for one in threading.enumerate() if one.name == "gapless-live"]
    server.closed.clear()


def test_the_page_on_servers_knows_every_incident_and_state():
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    assert [kind for kind in INCIDENTS if f"| `{kind}` |" not in page] == []
    states = ("live", "without fallback", "behind", "fallback", "not loaded")
    assert [state for state in states if f"| `{state}` |" not in page] == []
