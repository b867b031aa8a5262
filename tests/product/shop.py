"""A small product that the tests of the language share."""

from datetime import datetime

import gapless as gl

customer = gl.Entity("customer", keys=["customer_id"])

ORDERS = gl.EventSource(
    "orders",
    schema={"order_id": str, "customer_id": str, "item": str, "amount": float, "pieces": int, "ordered_at": datetime},
    event_time="ordered_at",
    event_id="order_id",
)
CHECKOUTS = gl.EventSource(
    "checkouts",
    schema={"checkout_id": str, "customer_id": str, "amount": float, "payment": str, "at": datetime},
    event_time="at",
    event_id="checkout_id",
)
RETURNS = gl.EventSource(
    "returns",
    schema={"checkout_id": str, "refund": float, "returned_at": datetime},
    event_time="returned_at",
)


@gl.feature_view(entity=customer, source=ORDERS)
def spend(o):
    return {
        "n": gl.count(windows=["7d"]),
        "total": gl.sum(o.amount, windows=["7d"]),
        "favourite": gl.last(o.item),
    }


@gl.on_demand
def basket(r):
    return {
        "hour": r.at.hour("Europe/Berlin"),
        "is_card": r.payment == "card",
        "over_usual": (r.amount > r.spend.total_7d) & (r.spend.favourite != "gift"),
    }


returned = gl.Label("returned", source=RETURNS, value=lambda r: r.refund > 0, give_up_after="30d")


class Estimator:
    """The least that has scikit-learn's interface."""

    def __init__(self, depth=3):
        self.depth = depth

    def get_params(self, deep=True):
        return {"depth": self.depth}

    def fit(self, features, labels):
        return self


def make_model(*, name="will_return", features=(), extra=(), estimator=Estimator, **more):
    values = {"requests": CHECKOUTS, "label": returned, "metrics": ["roc_auc"], "slices": ["payment"]} | more
    return gl.Model(name, features=[*(features or (spend, basket)), *extra], estimator=estimator, **values)
