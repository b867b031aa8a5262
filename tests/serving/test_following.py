"""What is live is served; where it cannot be, what was served before, and an incident says why."""

import itertools
from dataclasses import dataclass, field

import pytest

from gapless.adapters.sql import SqlMetadata
from gapless.clock import SECOND
from gapless.errors import CorruptData, StorageError, Transient
from gapless.ports.metadata import Deployment, Incident, Route
from gapless.serving.following import Follower
from gapless.serving.remembered import Remembered
from gapless.serving.reports import Reports
from tests.serving.toys import NOW, Deployed, TestClock, Toy, ask


@dataclass
class World(Deployed):
    """A real metadata database, and versions that load or do not."""

    metadata: SqlMetadata
    clock: TestClock = field(default_factory=TestClock)
    versions: dict = field(default_factory=dict)
    loads: list = field(default_factory=list)

    def load(self, model, version):
        self.loads.append(version)
        return super().load(model, version)

    def follower(self, memory=None):
        follower = Follower(self.metadata, self.load, self.clock, memory=memory)
        return Served(follower)

    def incidents(self):
        return [(one.kind, one.subject, one.facts["version"], one.times) for one in self.metadata.incidents.list()]


class Served:
    """A follower, asked like `Live`."""

    def __init__(self, follower):
        self.follower, self.look = follower, follower.look

    def get(self, model):
        return self.follower.serving[model]


@pytest.fixture
def world(tmp_path):
    metadata = SqlMetadata(f"sqlite:///{tmp_path}/metadata.db")
    yield World(metadata)
    metadata.close()


def test_a_promotion_is_served_at_the_next_look_and_old_chains_answer_on(world):
    served = world.follower()
    served.look()
    assert served.follower.serving == {}
    world.promote("1")
    served.look()
    old = served.get("m")
    world.promote("2")
    served.look()
    assert ask(served) == ("2", 2.0, "ok")
    assert old.answer([{"id": "r", "t": NOW}], NOW).version == "1"
    served.look()
    assert world.loads == ["1", "2"]


def test_models_do_not_disturb_each_other(world):
    world.versions["7"] = CorruptData("bad bundle")
    world.promote("1", model="a")
    world.promote("7", model="b")
    served = world.follower()
    served.look()
    assert ask(served, "a")[0] == "1"
    assert "b" not in served.follower.serving
    assert world.incidents() == [("version_not_loaded", "b", "7", 1)]


@pytest.mark.parametrize("error", [CorruptData("bad bundle"), Transient("no tracker"), RuntimeError("graph")])
def test_a_version_that_cannot_be_served_leaves_the_old_one_and_is_tried_again(world, error):
    world.promote("1")
    served = world.follower()
    served.look()
    world.versions["2"] = error
    world.promote("2")
    served.look()
    assert ask(served) == ("1", 1.0, "ok")
    assert world.incidents() == [("swap_refused", "m", "2", 1)]
    served.look()  # not due yet
    assert world.loads == ["1", "2"]
    del world.versions["2"]
    world.clock.us += SECOND
    served.look()
    assert ask(served)[0] == "2"
    assert served.follower.attempts["m"].faults == {}


def test_the_pause_between_attempts_grows_to_a_minute(world):
    world.versions["1"] = CorruptData("bad bundle")
    world.promote("1")
    served, seconds = world.follower(), []
    for second in range(300):
        before = len(world.loads)
        world.clock.us = NOW + second * SECOND
        served.look()
        seconds += [second] * (len(world.loads) - before)
    assert [after - before for before, after in itertools.pairwise(seconds)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert world.incidents() == [("version_not_loaded", "m", "1", len(seconds))]


def test_a_new_decision_is_tried_at_once_whatever_the_pause(world):
    world.promote("1")
    served = world.follower()
    served.look()
    world.versions["2"] = CorruptData("bad bundle")
    world.promote("2")
    served.look()
    world.promote("3")
    served.look()
    assert ask(served)[0] == "3"


def test_going_back_to_a_fallback_loads_nothing(world):
    world.promote("1")
    served = world.follower()
    served.look()
    world.promote("2", "1")
    served.look()
    world.promote("1")
    served.look()
    assert ask(served) == ("1", 1.0, "ok")
    assert world.loads == ["1", "2"]


def test_a_fallback_answers_where_the_live_version_was_never_loaded(world):
    world.versions["2"] = CorruptData("bad bundle")
    world.promote("2", "1")
    served = world.follower()
    served.look()
    assert ask(served) == ("1", 1.0, "degraded")
    del world.versions["2"]
    world.clock.us += SECOND
    served.look()
    assert ask(served) == ("2", 2.0, "ok")


def test_a_fallback_that_cannot_be_loaded_does_not_hold_up_the_live_version(world):
    world.versions["1"] = CorruptData("bad bundle")
    world.promote("2", "1")
    served = world.follower()
    served.look()
    assert ask(served) == ("2", 2.0, "ok")
    assert world.incidents() == [("version_not_loaded", "m", "1", 1)]


def test_a_version_whose_views_are_not_filled_waits_for_them(world):
    world.promote("1")
    served = world.follower()
    served.look()
    world.versions["2"] = Toy("m", "2", missing=("spend",))
    world.promote("2")
    served.look()
    assert ask(served)[0] == "1"
    assert world.metadata.incidents.list()[0].facts["error"]["seen"] == "spend"
    world.versions["2"].missing = ()
    world.clock.us += SECOND
    served.look()
    assert ask(served)[0] == "2"
    assert world.loads == ["1", "2"]


def test_with_nothing_served_before_a_version_without_state_is_better_than_none(world):
    world.versions["1"] = Toy("m", "1", missing=("spend",))
    world.promote("1")
    served = world.follower()
    served.look()
    assert ask(served)[0] == "1"


def test_an_answer_that_fails_goes_to_the_fallback_and_somebody_is_told(world):
    world.versions["2"] = Toy("m", "2", raises=RuntimeError("graph"))
    world.promote("2", "1")
    served = world.follower()
    served.look()
    for _ in range(3):
        assert ask(served) == ("1", 1.0, "degraded")
    served.look()
    assert world.incidents() == [("answer_failed", "m", "2", 1)]


def test_the_error_of_the_live_version_is_raised_where_no_fallback_answers(world):
    world.versions |= {"2": Toy("m", "2", raises=RuntimeError("graph")), "1": Toy("m", "1", raises=KeyError("x"))}
    world.promote("2", "1")
    served = world.follower()
    served.look()
    with pytest.raises(RuntimeError, match="graph"):
        ask(served)


def test_a_store_that_is_away_is_no_reason_to_ask_the_fallback(world):
    world.versions["2"] = Toy("m", "2", raises=Transient("no answer"))
    world.promote("2", "1")
    served = world.follower()
    served.look()
    with pytest.raises(Transient):
        ask(served)
    served.look()
    assert world.incidents() == []


# ---- a database that is away ----


class Away:
    """Metadata that can be taken away, or be another one."""

    def __init__(self, metadata):
        self.metadata, self.away = metadata, False

    def __getattr__(self, name):
        if self.away:
            raise Transient("the database is locked")
        return getattr(self.metadata, name)


def test_without_its_database_a_server_goes_on_and_files_incidents_later(world):
    world.promote("2", "1")
    world.versions["2"] = toy = Toy("m", "2")
    real, world.metadata = world.metadata, Away(world.metadata)
    served = world.follower()
    served.look()
    world.metadata.away, toy.raises = True, RuntimeError("graph")
    assert ask(served)[0] == "1"
    served.look()
    assert served.follower.faults == {"metadata": "the database is locked"}
    world.metadata.away = False
    served.look()
    assert served.follower.faults == {}
    assert [one.kind for one in real.incidents.list()] == ["answer_failed"]


def test_started_without_its_database_it_serves_what_was_live_last(world, tmp_path):
    world.promote("2", "1")
    memory = Remembered(tmp_path / "live.json", DATABASE)
    world.follower(memory).look()
    world.metadata = Away(world.metadata)
    world.metadata.away = True
    served = world.follower(memory)
    served.look()
    assert ask(served) == ("2", 2.0, "ok")
    world.metadata.away = False
    world.promote("3")
    served.look()
    assert ask(served)[0] == "3"


def test_what_is_wrong_with_one_model_does_not_stop_the_others(world):
    class Odd:
        def load(self):
            odd = Deployment("a", 1, 0, (Route("1", "shadow"),))  # nothing decides so: no version would answer
            return {"a": odd, "m": Deployment("m", 1, 0, (Route("1"),))}

    world.metadata = Away(world.metadata)
    world.metadata.away = True
    served = world.follower(Odd())
    served.look()
    assert ask(served)[0] == "1"
    assert set(served.follower.faults) == {"metadata", "model a"}


def test_a_database_that_went_back_takes_nothing_down(world, tmp_path):
    world.promote("1")
    world.promote("2")
    world.metadata = Away(world.metadata)
    served = world.follower()
    served.look()
    world.metadata.metadata = SqlMetadata(f"sqlite:///{tmp_path}/other.db")
    served.look()
    assert ask(served)[0] == "2"
    assert served.follower.faults == {"metadata": "the metadata database went back from decision 2 to 0"}


def test_a_note_that_cannot_be_written_is_said_and_stops_nothing(world):
    class FullDisk:
        def load(self):
            return {}

        def save(self, deployments):
            raise StorageError("no space left")

    world.promote("1")
    served = world.follower(FullDisk())
    served.look()
    assert ask(served)[0] == "1"
    assert "no space left" in served.follower.faults["memory"]


DATABASE = "postgresql://ada:secret@db.example.org/gapless"


@pytest.mark.parametrize("live", ["", "[]", '{"m": {}}', '{"m": {"revision": 1, "since_us": 0, "routes": []}}'])
def test_a_note_that_cannot_be_read(tmp_path, live):
    memory = Remembered(tmp_path / "live.json", DATABASE)
    memory.save({})
    memory.file.write_text(memory.file.read_text().replace("{}", live))
    with pytest.raises(CorruptData, match="what was live"):
        memory.load()


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_note_that_is_none(tmp_path, text):
    (tmp_path / "live.json").write_text(text)
    with pytest.raises(CorruptData, match="what was live"):
        Remembered(tmp_path / "live.json", DATABASE).load()


@pytest.mark.parametrize("other", ["sqlite:////srv/metadata.db", "postgresql://ada:secret@db.example.org/trial"])
def test_a_note_of_another_database_is_not_used(world, tmp_path, other):
    world.promote("2")
    memory = Remembered(tmp_path / "live.json", DATABASE)
    world.follower(memory).look()
    assert memory.load()["m"].live == "2"
    assert "secret" not in memory.file.read_text()
    moved = Remembered(memory.file, other)
    assert moved.load() == {}
    world.metadata = Away(world.metadata)
    world.metadata.away = True
    served = world.follower(moved)
    served.look()
    assert served.follower.wanted == {}
    assert "memory" not in served.follower.faults
    assert Remembered(memory.file, DATABASE.replace("secret", "changed")).load()["m"].live == "2"


def test_a_note_that_does_not_say_whose_it_is_is_not_used(tmp_path):
    (tmp_path / "live.json").write_text('{"m": {"revision": 1, "since_us": 0, "routes": [{"version": "1"}]}}')
    assert Remembered(tmp_path / "live.json", DATABASE).load() == {}


@pytest.mark.parametrize(
    "error", [ValueError("no number: 'a\0'"), CorruptData("a share", seen=float("nan")), ValueError("\ud800")]
)
def test_an_incident_that_no_database_holds_is_written_out_and_stops_no_other(world, error):
    world.versions = {"1": error, "3": RuntimeError("plain")}
    world.promote("1", model="a")
    world.promote("3", model="b")
    world.follower().look()
    assert sorted(one.subject for one in world.metadata.incidents.list()) == ["a", "b"]


def test_incidents_do_not_heap_up_while_nobody_takes_them(world):
    reports = Reports(world.metadata, world.clock, most=3)
    for i in range(50):
        reports.put(Incident("answer_failed", "m", f"no number: {i}", {}))
    reports.file()
    reports.put(Incident("answer_failed", "m", "later", {}))
    reports.file()
    found = {one.what for one in world.metadata.incidents.list()}
    assert found == {"no number: 0", "no number: 1", "no number: 2", "later"}
