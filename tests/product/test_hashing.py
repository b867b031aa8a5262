"""A definition hash changes with meaning and not with formatting or order."""

import numpy as np

import gapless as gl
from tests.product.shop import ORDERS, Estimator, basket, customer, make_model, spend


def spend_like(**changes):
    def declare(o):
        made = {
            "favourite": gl.last(o.item),
            "total": changes.get("total", gl.sum(o.amount, windows=["7d"])),
            "n": gl.count(windows=["7d"]),
        }
        return made

    return gl.feature_view(entity=customer, source=changes.get("source", ORDERS), name="spend")(declare)


def test_the_order_of_features_does_not_matter():
    assert spend_like().definition_hash == spend.definition_hash


def test_a_column_that_no_feature_reads_does_not_matter():
    columns = {name: kind for name, kind in ORDERS.columns.items() if name != "pieces"}
    slim = gl.EventSource("orders", schema=columns, event_time="ordered_at", event_id="order_id")
    assert spend_like(source=slim).definition_hash == spend.definition_hash


def test_window_hop_input_filter_and_function_matter():
    amount = ORDERS.row().amount
    other = [
        gl.sum(amount, windows=["7d"], hop="1d"),
        gl.sum(amount, windows=["7d"], where=amount > 0),
        gl.sum(amount * 2, windows=["7d"]),
        gl.mean(amount, windows=["7d"]),
        gl.sum(amount, windows=["168h"]),
    ]
    hashes = {spend_like(total=total).definition_hash for total in other}
    assert len(hashes | {spend.definition_hash}) == len(other) + 1


def test_when_rows_become_known_matters():
    late = gl.EventSource("orders", schema=ORDERS.columns, event_time="ordered_at", event_id="order_id", delay="1h")
    assert spend_like(source=late).definition_hash != spend.definition_hash


def test_a_models_hash_ignores_the_order_of_its_features_and_equal_factories():
    @gl.on_demand
    def other(r):
        return {"large": r.amount > 100}

    first = make_model(features=[spend, basket, other], estimator=lambda: Estimator(depth=3))
    second = make_model(features=[other, spend, basket], estimator=Estimator)
    assert first.definition_hash == second.definition_hash


def test_a_models_hash_changes_with_estimator_label_and_features():
    base = make_model()
    hashes = {
        base.definition_hash,
        make_model(estimator=lambda: Estimator(depth=4)).definition_hash,
        make_model(runtime="python").definition_hash,
        make_model(metrics=["brier"]).definition_hash,
        make_model(features=[spend_like(total=gl.max(ORDERS.row().amount, windows=["7d"])), basket]).definition_hash,
    }
    assert len(hashes) == 5


def test_the_hash_of_a_known_definition_stays():
    """Guards against a change of the canonical form, which would orphan every stored state."""
    assert spend.definition_hash == "a1e15feeac9efdc9109374062792c80f40e1a2f757d326f62f6ab4308967bf04"


def test_parameters_count_by_value_whatever_holds_them():
    same = [3, np.int64(3), np.array(3)]
    others = [np.int64(4), np.float32(0.5), np.array([1, 2]), np.array([1, 3]), {5, 6}, {5, 7}]

    def hashed(depth):
        return make_model(estimator=lambda: Estimator(depth)).definition_hash

    assert len({hashed(depth) for depth in same}) == 1
    assert len({hashed(depth) for depth in [3, *others]}) == 1 + len(others)
    assert hashed({"a", "b", "c"}) == hashed({"c", "b", "a"})
