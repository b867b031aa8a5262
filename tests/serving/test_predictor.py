"""What is answered online is what batch prediction answers, to the bit, alone and among others."""

import random
from dataclasses import replace
from time import perf_counter_ns

import msgspec
import numpy as np
import pytest

from gapless.adapters.lmdb import LmdbStore
from gapless.bundle.profile import profile_of
from gapless.clock import DAY, HOUR, SECOND
from gapless.errors import InputError, Transient
from gapless.features import TableSources, compute, float32_matrix, one_batch
from gapless.online import OnlineReader, materialize
from gapless.ports.scorer import Scores
from gapless.product import BoundOnDemand, FeatureSet, Trust
from gapless.serving import Version
from gapless.serving.entries import GroupSeen, decode_entry
from gapless.serving.predictor import FEW, Predictor
from gapless.serving.trust import Judge
from tests.features.world import MODEL, START, event_table, history, request_table
from tests.online.stores import GROUPS, MemoryStore, TableHistory

FEATURES = MODEL.feature_set
VERSION = Version("m", "3", "definition", "bundle")
AS_OF = START + 2 * DAY


class SumScorer:
    """A model that answers with the sum of its features and half of it; no answer where the first one is missing."""

    width = len(FEATURES.vector)

    def __init__(self, width=None):
        self.width = width or SumScorer.width

    def score(self, features):
        total = np.nansum(features, axis=1, dtype=np.float32)
        total[np.isnan(features[:, 0])] = np.nan
        return Scores(total, total / 2)


class Breaking:
    """A store that can be taken away."""

    def __init__(self, store):
        self.store, self.error, self.capabilities = store, None, store.capabilities

    def read(self, keys):
        if self.error is not None:
            raise self.error
        return self.store.read(keys)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """(events, a store that they are materialized in)."""
    rows, _ = history(7, events=300)
    store = LmdbStore(tmp_path_factory.mktemp("online"))
    materialize(GROUPS, TableHistory(rows), store, as_of_us=AS_OF)
    yield rows, Breaking(store)
    store.close()


def predictor(store, policy=None, profile=None, version=VERSION):
    policy = policy or Trust()
    return Predictor(
        version,
        FEATURES,
        SumScorer(),
        OnlineReader.of(FEATURES, store),
        policy,
        Judge(policy, profile, FEATURES),
        probability=True,
        ticks=perf_counter_ns,
    )


def asks(seed, count):
    draw = random.Random(seed)
    _, found = history(seed, events=0, requests=count)
    return [(key, AS_OF + draw.randrange(2 * DAY)) for key, _ in found]


def requests(found):
    return [{"id": f"r{i}", "a": key[0], "b": key[1], "t": at} for i, (key, at) in enumerate(found)]


def batch(rows, found):
    """The vectors that batch prediction sees when it knows what was known at AS_OF."""
    sources = TableSources({"events": event_table(rows)})
    table = one_batch(compute(MODEL, request_table(found), sources, known_by_us=AS_OF))
    return table, float32_matrix(table, FEATURES.vector)


@pytest.mark.parametrize("count", [1, 2, FEW, FEW + 1, 200])
def test_answers_and_vectors_are_those_of_batch(world, count):
    rows, store = world
    found = asks(count, count)
    answered = predictor(store).answer(requests(found), AS_OF + DAY)
    _, matrix = batch(rows, found)
    entries = [decode_entry(entry) for entry in answered.log_entries]
    assert b"".join(entry.vector for entry in entries) == matrix.tobytes()
    scores = SumScorer().score(matrix)
    for i, (answer, entry) in enumerate(zip(answered.rows, entries, strict=True)):
        expected = scores.prediction[i].item()
        assert answer.prediction == (None if np.isnan(expected) else expected)
        assert answer.probability == (None if np.isnan(expected) else expected / 2)
        assert (answer.request_id, answer.as_of_us) == (f"r{i}", found[i][1])
        assert (entry.prediction, entry.probability) == (answer.prediction, answer.probability)


@pytest.mark.parametrize("seed", range(8))
def test_a_row_alone_is_answered_as_it_is_among_others(seed):
    """Whatever the instant, with a damaged record, early ones, keys of nobody, values that training never saw."""
    events, found = history(seed, events=200, requests=FEW + 50)
    store = MemoryStore()
    materialize(GROUPS, TableHistory(events), store, as_of_us=AS_OF)
    damage(store, seed)
    ones = np.ones((3, SumScorer.width), np.float32)
    model = predictor(store, profile=profile_of(ones, FEATURES.vector, trained_until_us=0))
    rows = requests([(key, at + DAY) for key, at in found])
    together = model.answer(rows, AS_OF + DAY)
    alone = [model.answer([row], AS_OF + DAY) for row in rows]
    assert [one.rows[0] for one in alone] == together.rows
    assert [one.log_entries[0] for one in alone] == together.log_entries
    codes = {reason["code"] for answer in together.rows for reason in answer.reasons}
    assert codes >= {"state_damaged", "asked_in_past", "no_answer", "out_of_range", "model_old"}
    features = model.features(rows, AS_OF + DAY)
    assert [model.features([row], AS_OF + DAY).rows[0] for row in rows] == list(features.rows)


def damage(store, seed):
    """One record of a key that requests ask for has another bit."""
    key = random.Random(seed).choice(sorted(key for key in store.values if key[8:9] == b"\x01"))
    value = bytearray(store.values[key].value)
    value[-1] ^= 1
    store.values[key] = msgspec.structs.replace(store.values[key], value=bytes(value))


def test_features_are_those_of_batch(world):
    rows, store = world
    for count in (1, 50):
        found = asks(count, count)
        features = predictor(store).features(requests(found), AS_OF + DAY)
        table, _ = batch(rows, found)
        names = list(FEATURES.outputs)
        expected = table.select(names)
        for name in names:
            column = expected.column(name)
            plain = column.cast("int64") if str(column.type).startswith("timestamp") else column
            assert [row[name] for row in features.rows] == plain.to_pylist()
        assert features.at_us == [at for _, at in found]
        assert features.views["stats"].age_us == DAY


def test_an_entry_says_what_was_seen(world):
    _, store = world
    row = requests([(("x", 1), AS_OF + HOUR)])[0]
    answered = predictor(store).answer_as([row], AS_OF + DAY, "4")
    entry = decode_entry(answered.log_entries[0])
    assert (entry.model, entry.version, entry.live_version) == ("m", "3", "4")
    assert (entry.definition_hash, entry.bundle_hash) == ("definition", "bundle")
    assert (entry.as_of_us, entry.answered_us, entry.inputs) == (AS_OF + HOUR, AS_OF + DAY, row)
    head = OnlineReader.of(FEATURES, store).heads().groups[0]
    assert entry.groups == [GroupSeen(bytes.fromhex(head.namespace), head.position, 300, AS_OF)]
    assert entry.trust == answered.rows[0].trust
    assert entry.reasons == list(answered.rows[0].reasons)


@pytest.mark.parametrize("count", [1, 20])
def test_another_version_than_the_live_one_says_so(world, count):
    _, store = world
    rows = [row | {"unknown_here": 1.0} for row in requests([(("x", 1), AS_OF)] * count)]
    for answer in predictor(store).answer_as(rows, AS_OF, "4").rows:
        assert {"code": "fallback_model", "level": "degraded", "instead_of": "4"} in answer.reasons


@pytest.mark.parametrize("count", [1, 20])
def test_without_the_store_the_defaults_of_the_author_are_used(world, count):
    _, store = world
    policy = Trust(defaults={"stats__n_1h": 0, "stats__total_1d": 2.5, "stats__text": "abc"})
    model = predictor(store, policy)
    assert not model.refuses_without_store
    store.error = Transient("no answer")
    try:
        answered = model.answer(requests([(("x", 1), AS_OF)] * count), AS_OF)
        features = model.features(requests([(("x", 1), AS_OF)] * count), AS_OF)
    finally:
        store.error = None
    assert len(answered.rows) == count
    for answer, row in zip(answered.rows, features.rows, strict=True):
        assert answer.trust == "unreliable"
        assert "store_unreachable" in [reason["code"] for reason in answer.reasons]
        assert (row["stats__total_1d"], row["derived__double"], row["derived__length"]) == (2.5, 5.0, 3.0)
        assert row["stats__largest_1d"] is None
    assert features.reasons == [[{"code": "store_unreachable"}]] * count
    assert answered.ages == {"stats": None}
    assert decode_entry(answered.log_entries[0]).groups == []


@pytest.mark.parametrize("count", [1, FEW + 1])
def test_a_default_for_another_type_of_feature_is_not_used(world, count):
    """The rules are those of the product today; the version may be of a time when the feature was a text."""
    _, store = world
    model = predictor(store, Trust(defaults={"stats__text": 1.5, "stats__seen": "never", "gone__n": 0}))
    store.error = Transient("no answer")
    try:
        features = model.features(requests([(("x", 1), AS_OF)] * count), AS_OF)
    finally:
        store.error = None
    assert {(row["stats__text"], row["stats__seen"]) for row in features.rows} == {(None, None)}


def test_without_the_store_a_model_may_refuse(world):
    _, store = world
    model = predictor(store, Trust(on_store_down="refuse"))
    assert model.refuses_without_store
    store.error = Transient("no answer from Redis")
    try:
        with pytest.raises(Transient, match="not to answer without it") as caught:
            model.answer(requests([(("x", 1), AS_OF)]), AS_OF)
    finally:
        store.error = None
    assert caught.value.seen == "no answer from Redis"


@pytest.mark.parametrize("count", [1, 20])
def test_asked_in_the_past_says_so(world, count):
    _, store = world
    answered = predictor(store).answer(requests([(("x", 1), START)] * count), AS_OF)
    assert {"code": "asked_in_past", "level": "degraded", "view": "stats"} in answered.rows[-1].reasons
    features = predictor(store).features(requests([(("x", 1), START), (("x", 1), AS_OF)] * count), AS_OF)
    assert {"code": "asked_in_past", "view": "stats"} in features.reasons[0]
    assert features.reasons[1] == []
    assert features.reasons[0::2] == [features.reasons[0]] * count


@pytest.mark.parametrize("count", [1, FEW + 1])
def test_asked_now_is_the_instant_of_the_look(world, count):
    """An event that came in between the question and the look is no future of it; one of next week is."""
    event = {"key": ("x", 1), "x": 1.0, "text": "p", "time": AS_OF + 5, "known": AS_OF + 5}
    store = MemoryStore()
    materialize(GROUPS, TableHistory([event]), store, as_of_us=AS_OF + 20)
    model = predictor(store)
    rows = requests([(("x", 1), AS_OF), (("y", 1), AS_OF), (("x", 1), AS_OF - 1), *[(("x", 1), AS_OF + 9)] * count])
    answers = model.answer(rows, AS_OF).rows
    assert [answer.as_of_us for answer in answers[:4]] == [AS_OF + 6, AS_OF, AS_OF - 1, AS_OF + 9]
    codes = [{reason["code"] for reason in answer.reasons} & {"asked_in_past"} for answer in answers[:4]]
    assert codes == [set(), set(), {"asked_in_past"}, set()]
    much_earlier = AS_OF - 60 * SECOND
    (late,) = model.answer(requests([(("x", 1), much_earlier)]), much_earlier).rows
    assert late.as_of_us == much_earlier
    assert "asked_in_past" in {reason["code"] for reason in late.reasons}


@pytest.mark.parametrize("count", [1, 20])
def test_a_store_that_holds_nothing_reads_as_not_materialized(tmp_path, count):
    store = LmdbStore(tmp_path)
    model = predictor(store)
    answered = model.answer(requests([(("x", 1), AS_OF)] * count), AS_OF)
    assert model.not_materialized() == ["stats"]
    assert {"code": "not_materialized", "level": "unreliable", "view": "stats"} in answered.rows[-1].reasons
    store.close()


@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"t": None}, "event time"),
        ({"t": "2024"}, "event time"),
        ({"t": 2**63}, "event time"),
        ({"a": "\ud800"}, None),
        ({"b": 2**70}, None),
    ],
)
def test_a_row_that_cannot_be_taken_is_the_fault_of_who_asks(world, count, wrong, what):
    _, store = world
    rows = requests([(("x", 1), AS_OF)] * count)
    rows[-1] |= wrong
    with pytest.raises(InputError, match=what):
        predictor(store).answer(rows, AS_OF)


@pytest.mark.parametrize("count", [1, FEW + 1])
def test_a_model_without_views_needs_no_store(world, count):
    _, store = world
    row = MODEL.requests.row()
    own = BoundOnDemand("own", {"own__b": row.b * 2, "own__long": row.a != "x"})
    features, policy = FeatureSet(MODEL.requests, (), (own,)), Trust(on_store_down="refuse")
    scorer = type("Sum", (), {"score": lambda self, rows: Scores(rows.sum(axis=1), None)})()
    reader, judge = OnlineReader.of(features, store), Judge(policy, None, features)
    model = Predictor(VERSION, features, scorer, reader, policy, judge, probability=False, ticks=perf_counter_ns)
    assert not model.refuses_without_store
    assert model.not_materialized() == []
    store.error = Transient("no answer")
    try:
        answered = model.answer(requests([(("y", 3), AS_OF)] * count), AS_OF)
    finally:
        store.error = None
    assert [(one.prediction, one.probability, one.trust) for one in answered.rows] == [(7.0, None, "ok")] * count
    assert answered.ages == {}


def test_no_rows_have_no_answers(world):
    _, store = world
    answered = predictor(store).answer([], AS_OF)
    assert (answered.rows, answered.log_entries) == ([], [])


def test_the_stages_and_ages_are_told(world):
    _, store = world
    answered = predictor(store).answer(requests([(("x", 1), AS_OF)]), AS_OF + HOUR)
    assert set(answered.stages) == {"lookup", "features", "score", "trust", "entries"}
    assert answered.ages == {"stats": HOUR}


def test_warming_up_needs_no_store_and_no_request(world):
    _, store = world
    model = predictor(store)
    model.warm(AS_OF)
    store.error = Transient("no answer")
    try:
        model.warm(AS_OF)
    finally:
        store.error = None


def test_what_it_wants_to_be_asked(world):
    signature = predictor(world[1], version=replace(VERSION, version="9")).signature
    assert (signature.model, signature.version, signature.id, signature.time) == ("m", "9", "id", "t")
    assert signature.vector == FEATURES.vector
    assert signature.views == ("stats",)
    assert signature.trust["on_store_down"] == "answer"
