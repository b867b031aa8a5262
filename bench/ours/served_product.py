"""The product that the serving benchmarks answer for: three entities, ten windowed features each, two on demand."""

from datetime import datetime

import gapless as gl

KEYS = {"customer_id": str, "item_id": str, "store_id": str}

orders = gl.EventSource(
    "orders",
    schema={"order_id": str, **KEYS, "amount": float, "pieces": int, "ordered_at": datetime},
    event_time="ordered_at",
    event_id="order_id",
)
checkouts = gl.EventSource(
    "checkouts",
    schema={"checkout_id": str, **KEYS, "amount": float, "asked_at": datetime},
    event_time="asked_at",
    event_id="checkout_id",
)
returns = gl.EventSource(
    "returns", schema={"checkout_id": str, "refund": float, "returned_at": datetime}, event_time="returned_at"
)


def windowed(o):
    return {
        "n": gl.count(windows=["1h", "1d", "7d"]),
        "usual": gl.mean(o.amount, windows=["1h", "1d", "7d"]),
        "most": gl.max(o.amount, windows=["1d", "7d"]),
        "pieces": gl.sum(o.pieces, windows=["1d", "7d"]),
    }


# The data is of a fixed month: how old it is when the benchmark runs says nothing.
AGE = "36500d"


@gl.feature_view(entity=gl.Entity("customer", keys=["customer_id"]), source=orders, freshness=AGE)
def customer(o):
    return windowed(o)


@gl.feature_view(entity=gl.Entity("item", keys=["item_id"]), source=orders, freshness=AGE)
def item(o):
    return windowed(o)


@gl.feature_view(entity=gl.Entity("store", keys=["store_id"]), source=orders, freshness=AGE)
def store(o):
    return windowed(o)


@gl.on_demand
def basket(r):
    return {"amount": r.amount, "over": r.amount - r.customer.usual_7d}


def estimator():
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=100, random_state=0)


def model(name, **more):
    return gl.Model(
        name,
        requests=checkouts,
        features=[customer, item, store, basket],
        label=gl.Label("returned", source=returns, value=lambda r: r.refund > 0, give_up_after="2d"),
        estimator=estimator,
        metrics=["roc_auc"],
        **more,
    )


# The second gives the rivals the same estimator as a pickle.
product = gl.Product("shop", models=[model("will_return"), model("will_return_pickled", runtime="python")])
