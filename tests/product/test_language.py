"""What an author writes reads back as the columns they expect."""

from datetime import datetime, timedelta

import pytest

import gapless as gl
from gapless.clock import DAY, HOUR, MINUTE
from gapless.product.aggregates import Aggregate
from gapless.schema import Type
from tests.product.shop import ORDERS, customer, make_model


def view_of(features: dict[str, Aggregate]) -> gl.FeatureView:
    return gl.feature_view(entity=customer, source=ORDERS, name="view")(lambda o: features)


def amount():
    return ORDERS.row().amount


def test_a_window_gives_a_column_named_by_view_feature_and_the_authors_own_spelling():
    view = view_of({"spent": gl.sum(amount(), windows=["24h", "1d", timedelta(minutes=90)])})
    assert [f.column for f in view.features] == ["view__spent_24h", "view__spent_1d", "view__spent_90m"]


def test_max_age_adds_no_ending_and_is_exact_and_no_bound_means_since_forever():
    view = view_of({"latest": gl.last(amount(), max_age="3h"), "ever": gl.last(amount())})
    assert [(f.name, f.window.width_us, f.window.hop_us) for f in view.features] == [
        ("latest", 3 * HOUR, 0),
        ("ever", None, 0),
    ]


def test_last_n_gives_one_column_a_rank():
    view = view_of({"recent": gl.last_n(amount(), n=3, windows=["7d"])})
    assert [(f.name, f.rank) for f in view.features] == [("recent_1_7d", 1), ("recent_2_7d", 2), ("recent_3_7d", 3)]


@pytest.mark.parametrize(("width", "hop_us"), [("1h", 5 * MINUTE), ("12h", HOUR), ("11d", HOUR), ("12d", DAY)])
def test_the_default_hop_grows_with_the_window(width, hop_us):
    assert view_of({"n": gl.count(windows=[width])}).features[0].window.hop_us == hop_us


def test_hop_overrides_the_default():
    features = view_of({"n": gl.count(windows=["1h"], hop="exact"), "m": gl.count(windows=["1h"], hop="30m")}).features
    assert [f.window.hop_us for f in features] == [0, 30 * MINUTE]


def test_types_follow_the_aggregation():
    o = ORDERS.row()
    view = view_of(
        {
            "n": gl.count(windows=["1h"]),
            "large": gl.any(o.amount > 100, windows=["1h"]),
            "item": gl.last(o.item),
            "when": gl.last(o.ordered_at),
            "kinds": gl.n_unique(o.item, windows=["1h"]),
        }
    )
    assert [f.type for f in view.features] == [Type.FLOAT, Type.BOOL, Type.STRING, Type.TIMESTAMP, Type.FLOAT]


def test_the_vector_is_every_float_and_bool_feature_by_name():
    model = make_model()
    assert model.vector == ("basket__hour", "basket__is_card", "basket__over_usual", "spend__n_7d", "spend__total_7d")
    assert model.request_only == ("basket__hour", "basket__is_card")
    assert model.outputs["spend__favourite"] is Type.STRING


def test_an_on_demand_reads_one_before_it():
    @gl.on_demand
    def later(r):
        return {"twice": r.basket.hour * 2}

    assert "later__twice" in make_model(extra=[later]).vector


def test_an_entity_may_have_other_column_names_in_the_source():
    buyer = gl.Entity("buyer", keys=["buyer_id"])
    view = gl.feature_view(entity=buyer, source=ORDERS, keys=["customer_id"], name="v")(
        lambda o: {"n": gl.count(windows=["1h"])}
    )
    assert view.keys == ("customer_id",)


def test_a_product_finds_its_parts_by_name():
    product = gl.Product("shop", models=[make_model()])
    assert sorted(product.all_sources) == ["checkouts", "orders", "returns"]
    assert product.model("will_return").name == "will_return"
    with pytest.raises(gl.GaplessError, match="did you mean 'will_return'"):
        product.model("will_retrun")


def test_delay_and_schema_are_plain_values():
    source = gl.EventSource("w", schema={"k": str, "at": datetime}, event_time="at", delay=timedelta(minutes=20))
    assert source.delay_us == 20 * MINUTE
    assert source.columns["k"] is Type.STRING
