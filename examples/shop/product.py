"""Will something of this order come back? A shop whose data is as dirty as data.py makes it."""

from __future__ import annotations

from datetime import datetime

from sklearn.ensemble import HistGradientBoostingClassifier

import gapless as gl

customer = gl.Entity("customer", keys=["customer"])
shelf = gl.Entity("shelf", keys=["sku", "warehouse"])

orders = gl.EventSource(
    "orders",
    schema={
        "order_id": str,
        "customer": str,
        "sku": str,
        "warehouse": str,
        "amount": float,
        "pieces": int,
        "gift": bool,
        "note": str,
        "ordered_at": datetime,
    },
    event_time="ordered_at",
    event_id="order_id",
)
payments = gl.EventSource(
    "payments",
    schema={
        "payment_id": str,
        "customer": str,
        "amount": float,
        "method": str,
        "accepted": bool,
        "paid_at": datetime,
        "booked_at": datetime,
    },
    event_time="paid_at",
    known_at="booked_at",
    event_id="payment_id",
)
visits = gl.EventSource(
    "visits",
    schema={"visitor": str, "page": str, "seconds": float, "mobile": bool, "seen_at": datetime},
    event_time="seen_at",
    delay="15m",
)
prices = gl.EventSource(
    "prices",
    schema={"sku": str, "warehouse": str, "price": float, "stock": int, "changed_at": datetime},
    event_time="changed_at",
)
returns = gl.EventSource(
    "returns",
    schema={"return_id": str, "order_ref": str, "refund": float, "returned_at": datetime, "received_at": datetime},
    event_time="returned_at",
    known_at="received_at",
    event_id="return_id",
)


@gl.feature_view(entity=customer, source=payments)
def spending(p):
    return {
        "payments": gl.count(windows=["1h", "24h", "30d"]),
        "amounts": gl.count(p.amount, windows=["7d"]),
        "total": gl.sum(p.amount, windows=["1h", "24h", "30d"]),
        "total_now": gl.sum(p.amount, windows=["90m"], hop="exact"),
        "refunded": gl.sum(p.amount, where=p.amount < 0, windows=["30d"]),
        "mean": gl.mean(p.amount, windows=["24h", "7d"]),
        "variance": gl.var(p.amount, windows=["7d"]),
        "spread": gl.std(p.amount.clip(-1000, 1000), windows=["24h", "30d"]),
        "smallest": gl.min(p.amount, windows=["7d"]),
        "smallest_paid": gl.min(p.amount, where=p.amount >= 0, windows=["7d"]),
        "smallest_refund": gl.max(p.amount, where=p.amount <= 0, windows=["7d"]),
        "largest": gl.max(p.amount, windows=["36h"], hop="6h"),
        "with_tax": gl.sum(p.amount * 1.19, windows=["7d"]),
        "refused": gl.any(~p.accepted, windows=["24h", "7d"]),
        "all_accepted": gl.all(p.accepted, windows=["24h", "7d"]),
        "accepted_share": gl.mean(p.accepted, windows=["30d"]),
        "methods": gl.n_unique(p.method, windows=["24h", "30d"]),
        "last_method": gl.last(p.method),
        "first_amount": gl.first(p.amount),
        "first_recent": gl.first(p.amount, windows=["7d"]),
        "last_amount": gl.last(p.amount, max_age="2h"),
        "last_card_amount": gl.last(p.amount, where=p.method == "card"),
        "last_amounts": gl.last_n(p.amount, n=3, windows=["30d"]),
        "last_paid_at": gl.last(p.paid_at),
        "last_accepted": gl.last(p.accepted, max_age="7d"),
    }


@gl.feature_view(entity=customer, source=visits, keys=["visitor"])
def browsing(v):
    return {
        "visits": gl.count(windows=["15m", "1h", "7d"]),
        "seconds": gl.sum(v.seconds, windows=["1h", "24h"]),
        "mean_seconds": gl.mean(v.seconds, windows=["30d"]),
        "mobile": gl.mean(v.mobile, windows=["24h"]),
        "ever_mobile": gl.any(v.mobile, windows=["30d"]),
        "pages": gl.n_unique(v.page, windows=["7d"]),
        "carts": gl.count(v.page, where=v.page.lower() == "cart", windows=["7d"]),
        "page": gl.last_n(v.page, n=2),
        "first_page": gl.first(v.page, max_age="24h"),
    }


@gl.feature_view(entity=shelf, source=prices)
def shelf_price(p):
    return {
        "price": gl.last(p.price),
        "stock": gl.last(p.stock, max_age="7d"),
        "lowest": gl.min(p.price, windows=["30d"]),
        "highest": gl.max(p.price, windows=["30d"]),
        "value": gl.sum(p.price * p.stock, windows=["30d"]),
        "changes": gl.count(windows=["7d"]),
    }


@gl.on_demand
def basket(r):
    return {
        "amount": r.amount,
        "gift": r.gift,
        "per_piece": r.amount / r.pieces,
        "over_usual": r.amount - r.spending.mean_7d,
        "share_refunded": r.spending.refunded_30d / r.spending.total_30d,
        "hour": r.ordered_at.hour(),
        "weekday": r.ordered_at.weekday("Europe/Berlin"),
        "hours_since_paid": r.ordered_at.hours_since(r.spending.last_paid_at),
        "by_card": r.spending.last_method.lower() == "card",
        "note_length": r.note.trim().length(),
        "shouting": (r.note.upper() == r.note) & (r.note.length() > 0),
        "same_page": r.browsing.page_1 == r.browsing.page_2,
        "came_from_cart": r.browsing.first_page.is_in(["cart", "Cart"]),
        "markup": gl.when(r.shelf_price.price > 0, r.amount / r.shelf_price.price).otherwise(-1.0),
        "known_price": gl.coalesce(r.shelf_price.price, r.shelf_price.highest_30d, r.amount),
        "dozens": r.pieces // 12,
        "left_over": r.pieces % 12,
    }


sent_back = gl.Label("sent_back", source=returns, on="order_ref", value=lambda r: r.refund > 0, give_up_after="14d")

will_return = gl.Model(
    "will_return",
    requests=orders,
    features=[spending, browsing, shelf_price, basket],
    label=sent_back,
    estimator=lambda: HistGradientBoostingClassifier(max_iter=20, early_stopping=False, random_state=0),
    metrics=["roc_auc", "log_loss"],
)

product = gl.Product("shop", models=[will_return])
