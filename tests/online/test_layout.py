"""Keys that differ have other bytes, in a namespace that differs where the state means something else."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

import gapless as gl
from gapless.features import plan_groups
from gapless.online import Layout
from gapless.product import FeatureSet
from tests.features.world import EVENTS, MODEL, pair, stats

SOURCE = gl.EventSource(
    "everything",
    schema={"s": str, "t": str, "i": int, "f": float, "b": bool, "d": datetime, "at": datetime},
    event_time="at",
)


def layout(keys, features=lambda e: {"n": gl.count(windows=["1h"])}, *, source=SOURCE, name="view"):
    view = gl.feature_view(entity=gl.Entity("thing", keys=keys), source=source, name=name)(features)
    return Layout.of(plan_groups([view])[0])


ALL = ["s", "t", "i", "f", "b", "d"]
WIDE, ONE = layout(ALL), layout(["s"])
VALUES = st.fixed_dictionaries(
    {
        "s": st.sampled_from(["", "a", "a\0", "\0a", "é", "x" * 391, "x" * 392, "x" * 1000, "\ud800"]) | st.text(),
        "t": st.text(max_size=3),
        "i": st.integers(-(2**63), 2**63 - 1),
        "f": st.floats(allow_nan=False),
        "b": st.booleans(),
        "d": st.integers(-(2**62), 2**62),
    }
)


def identity(row):
    return tuple((type(value), value.hex() if isinstance(value, float) else value) for value in row.values())


@given(st.lists(VALUES, min_size=2, max_size=6))
def test_keys_are_equal_where_every_part_is(rows):
    for layout in (WIDE, ONE):
        names = ALL if layout is WIDE else ["s"]
        by_key = {layout.key_of(row): identity({name: row[name] for name in names}) for row in rows}
        assert len(by_key) == len(set(by_key.values())) == len({identity({n: row[n] for n in names}) for row in rows})
        assert all(8 < len(key) <= 400 for key in by_key)
        assert all(key not in (layout.offset_key, layout.nobody) for key in by_key)


@given(VALUES, st.sampled_from(ALL))
def test_a_null_part_is_nobodys_key(row, name):
    assert WIDE.key_of(row | {name: None}) == WIDE.nobody
    assert ONE.key_of({"s": None}) == ONE.nobody


def test_a_number_that_no_column_holds_is_nobodys_key():
    row = {"s": "", "t": "", "i": 2**63, "f": 0.0, "b": True, "d": 0}
    assert WIDE.key_of(row) == WIDE.nobody


def test_columns_have_the_keys_of_their_rows():
    import pyarrow as pa

    from gapless.arrow import TIMESTAMP

    rows = [{"s": "a", "t": "b", "i": -1, "f": -0.0, "b": True, "d": 5}, {"s": "é", "t": "", "i": 7, "f": 1.5}]
    rows[1] |= {"b": False, "d": -(2**60)}
    columns = [pa.array([row[name] for row in rows]) for name in ALL[:-1]]
    columns.append(pa.array([row["d"] for row in rows], pa.int64()).cast(TIMESTAMP))
    assert WIDE.keys_of(columns) == [WIDE.key_of(row) for row in rows]


def features(e):
    return {
        "n": gl.count(windows=["1h", "2h"]),
        "high": gl.sum(e.f, windows=["1d"], where=e.f > 1),
        "low": gl.max(e.f, windows=["1d"]),
    }


def test_the_order_of_declaring_changes_nothing():
    def turned(e):
        return dict(reversed(features(e).items()))

    a, b = layout(["s"], features), layout(["s"], turned)
    assert a.group.output_columns != b.group.output_columns
    assert (a.namespace, a.plan, a.places) == (b.namespace, b.plan, b.places)


def test_other_names_for_the_same_state_share_it():
    assert layout(["s"], features).namespace == layout(["s"], features, name="other").namespace


def test_another_meaning_is_another_namespace():
    delayed = gl.EventSource("everything", schema=SOURCE.schema, event_time="at", delay="1m")
    renamed = gl.EventSource("others", schema=SOURCE.schema, event_time="at")
    different = [
        layout(["s"], features),
        layout(["t"], features),
        layout(["s", "t"], features),
        layout(["s"], features, source=delayed),
        layout(["s"], features, source=renamed),
        layout(["s"], lambda e: features(e) | {"n": gl.count(windows=["1h", "3h"])}),
        layout(["s"], lambda e: features(e) | {"high": gl.sum(e.f, windows=["1d"], where=e.f >= 1)}),
        layout(["s"], lambda e: features(e) | {"low": gl.min(e.f, windows=["1d"])}),
        layout(["s"], lambda e: features(e) | {"low": gl.max(e.f, windows=["1d"], hop="2h")}),
    ]
    assert len({each.namespace for each in different}) == len(different)


def test_a_definition_read_from_a_bundle_has_the_same_namespace():
    again = FeatureSet.from_document(MODEL.feature_set.to_document())
    (a,), (b,) = plan_groups(MODEL.views), plan_groups(again.views)
    assert Layout.of(a).namespace == Layout.of(b).namespace


def test_two_names_of_one_value_are_kept_once():
    @gl.feature_view(entity=pair, source=EVENTS)
    def again(e):
        return {"same": gl.count(windows=["1h"])}

    both = Layout.of(plan_groups([stats, again])[0])
    assert both.places["again__same_1h"] == both.places["stats__n_1h"]
    assert both.namespace == Layout.of(plan_groups([stats])[0]).namespace
    assert both.views == ("stats", "again")
