"""An explanation holds what it takes to make the value again: its own events, recombined by the definition."""

import json

import pytest

from gapless.clock import DAY, format_instant
from gapless.errors import UnknownName
from gapless.product import Trust
from gapless.verifying.checking import float32_of
from gapless.verifying.explain import explain
from gapless.verifying.history import History
from gapless.verifying.served import Named, Served, batches_of, same_bits
from gapless.windows.naive import naive
from tests.features.world import START
from tests.verifying.answers import FEATURES, lived, world

WINDOWED = {f.column: f for view in FEATURES.views for f in view.features}


def served_of(made):
    (batch,) = batches_of(made.entries, FEATURES)
    return Served.of(Named("m", "3", "bundle"), FEATURES, batch)


def was_honest(entry):
    """Made from nothing but what was visible, by the state that it names."""
    return entry.groups and not entry.reasons


@pytest.mark.parametrize("seed", range(4))
def test_its_own_events_give_the_served_value(tmp_path, seed):
    made = lived(tmp_path, seed)
    served, history = served_of(made), History(made.tables())
    checked = [i for i, entry in enumerate(made.entries) if was_honest(entry)][:4]
    assert checked
    for i in checked:
        for place, column in enumerate(FEATURES.vector):
            found = explain(FEATURES, served.row(i), column, history, seen=served.seen(i))
            value = found.value
            if column in WINDOWED:
                feature = WINDOWED[column]
                inside = [line for line in found.events if line.inside]
                value = naive(feature.function, [line.value for line in inside], n=feature.n)[max(feature.rank - 1, 0)]
                assert sum(found.others.values()) + len(inside) >= len(found.events)
                assert sum(tile.events for tile in found.tiles) in (0, len(inside))
            assert same_bits(float32_of([value]), served.vector[i, place : place + 1]).all(), (i, column)
            json.dumps(found.to_dict())


def test_every_reason_why_an_event_is_not_in(tmp_path):
    made, _ = world(tmp_path, 3, streamed=False)
    key, at = ("x", 1), START + 2 * DAY
    event = {"key": key, "x": 5.0, "text": "p", "time": at - 1, "known": at - 1}
    made.files = [
        event,
        event | {"time": at - 2 * DAY, "known": at - 2 * DAY},
        event | {"x": 0.5},
        event | {"x": None},
        event | {"known": at + 1},
        event | {"time": at},
        event | {"known": at},
        event,
        event | {"key": ("other", 1)},
    ]
    made.materialize(at - 1, count=7)
    made.ask([(key, at)], at)
    served = served_of(made)
    history = History(made.tables())

    def reasons(seen, column="stats__high_total_1d"):
        found = explain(FEATURES, served.row(0), column, history, seen=seen)
        return [(line.place, line.why) for line in sorted(found.events, key=lambda line: line.place)]

    expected = ["", "before the window", "filtered by where=", "filtered by where=", "not known yet"]
    expected += ["not before the request", "not in yet", "not in yet"]
    assert reasons(served.seen(0)) == list(enumerate(expected))
    assert [why for _, why in reasons(None)][6:] == ["", ""], "as known at its instant, they are in"
    assert dict(reasons(None, "stats__total_1d"))[3] == "null"


def test_the_parts_of_a_window_and_of_an_expression(tmp_path):
    made, _ = world(tmp_path, 3, streamed=False)
    key, at = ("x", 1), START + 2 * DAY
    made.files = [{"key": key, "x": float(i), "text": "p", "time": at - i * DAY // 8, "known": at} for i in range(1, 5)]
    made.materialize(at)
    made.ask([(key, at)], at)
    served, history = served_of(made), History(made.tables())
    found = explain(
        FEATURES, served.row(0), "stats__total_1d", history, seen=served.seen(0), served=10.0, was_served=True
    )
    assert (found.value, found.float32, found.served) == (10.0, 10.0, 10.0)
    assert found.text == "sum(r.x)"
    assert found.key == {"a": "x", "b": 1}
    assert found.window == {
        "from": format_instant((at - DAY) // (DAY // 24) * (DAY // 24)),
        "until": format_instant(at),
        "width": "24h",
        "hop": "1h",
    }
    assert [(tile.events, tile.result) for tile in found.tiles] == [(1, 4.0), (1, 3.0), (1, 2.0), (1, 1.0)]
    double = explain(FEATURES, served.row(0), "derived__double", history, seen=served.seen(0))
    assert (double.reads, double.value) == ({"stats__total_1d": 10.0}, 20.0)
    assert double.text == "r.stats.total_1d * 2.0"
    text = explain(FEATURES, served.row(0), "stats__text", history, seen=served.seen(0))
    assert (text.value, text.float32) == ("p", None)


def test_an_answer_without_the_store_is_explained_by_the_defaults(tmp_path):
    made, asks = world(tmp_path, 3)
    history = History(made.tables())
    row = {"id": "r", "a": asks[0][0][0], "b": asks[0][0][1], "t": asks[0][1]}
    policy = Trust(defaults={"stats__n_1h": 5.0})
    found = explain(FEATURES, row, "stats__n_1h", history, seen=(), policy=policy)
    assert (found.value, found.defaults, found.events) == (5.0, True, ())


def test_a_feature_that_there_is_none_of(tmp_path):
    made, _ = world(tmp_path, 3)
    with pytest.raises(UnknownName, match="stats__n_1h"):
        explain(FEATURES, {"id": "r", "a": "x", "b": 1, "t": START}, "stats__n_2h", History(made.tables()))
