"""The features of examples/shop once more, as plain Python functions of one row or one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.examples.oracle import UNITS, Events, Row, Value, lift, once, us, view

DAY, HOUR = UNITS["d"], UNITS["h"]


def one(_: Row) -> float:
    return 1.0


def field(name: str) -> Value:
    return lambda row: row[name]


def amount(row: Row) -> Any:
    return row["amount"]


def kept(name: str, test: Callable[[Any], bool]) -> Value:
    return lambda row: row[name] if row[name] is not None and test(row[name]) else None


def card_amount(row: Row) -> Any:
    return row["amount"] if row["method"] == "card" else None


def with_tax(row: Row) -> Any:
    return lift(lambda x: x * 1.19)(row["amount"])


def clipped(row: Row) -> Any:
    return lift(lambda x: min(max(x, -1000.0), 1000.0))(row["amount"])


def refused(row: Row) -> Any:
    return lift(lambda ok: not ok)(row["accepted"])


def as_number(name: str) -> Value:
    return lambda row: lift(float)(row[name])


def paid_at(row: Row) -> int:
    return us(row["paid_at"])


def lower_ascii(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def upper_ascii(text: str) -> str:
    return "".join(chr(ord(c) - 32) if "a" <= c <= "z" else c for c in text)


def cart(row: Row) -> Any:
    return row["page"] if row["page"] is not None and lower_ascii(row["page"]) == "cart" else None


def stock_value(row: Row) -> Any:
    return lift(lambda price, stock: price * float(stock))(row["price"], row["stock"])


SPENDING: Mapping[str, tuple[str, Value]] = {
    "payments_1h": ("count 1h", one),
    "payments_24h": ("count 24h", one),
    "payments_30d": ("count 30d", one),
    "amounts_7d": ("count 7d", amount),
    "total_1h": ("sum 1h", amount),
    "total_24h": ("sum 24h", amount),
    "total_30d": ("sum 30d", amount),
    "total_now_90m": ("sum 90m exact", amount),
    "refunded_30d": ("sum 30d", kept("amount", lambda x: x < 0)),
    "mean_24h": ("mean 24h", amount),
    "mean_7d": ("mean 7d", amount),
    "variance_7d": ("var 7d", amount),
    "spread_24h": ("std 24h", clipped),
    "spread_30d": ("std 30d", clipped),
    "smallest_7d": ("min 7d", amount),
    "smallest_paid_7d": ("min 7d", kept("amount", lambda x: x >= 0)),
    "smallest_refund_7d": ("max 7d", kept("amount", lambda x: x <= 0)),
    "largest_36h": ("max 36h 6h", amount),
    "with_tax_7d": ("sum 7d", with_tax),
    "refused_24h": ("any 24h", refused),
    "refused_7d": ("any 7d", refused),
    "all_accepted_24h": ("all 24h", field("accepted")),
    "all_accepted_7d": ("all 7d", field("accepted")),
    "accepted_share_30d": ("mean 30d", as_number("accepted")),
    "methods_24h": ("n_unique 24h", field("method")),
    "methods_30d": ("n_unique 30d", field("method")),
    "last_method": ("last ever", field("method")),
    "first_amount": ("first ever", amount),
    "first_recent_7d": ("first 7d", amount),
    "last_amount": ("last 2h exact", amount),
    "last_card_amount": ("last ever", card_amount),
    "last_amounts_{}_30d": ("last_n:3 30d", amount),
    "last_paid_at": ("last ever", paid_at),
    "last_accepted": ("last 7d exact", field("accepted")),
}
BROWSING: Mapping[str, tuple[str, Value]] = {
    "visits_15m": ("count 15m", one),
    "visits_1h": ("count 1h", one),
    "visits_7d": ("count 7d", one),
    "seconds_1h": ("sum 1h", field("seconds")),
    "seconds_24h": ("sum 24h", field("seconds")),
    "mean_seconds_30d": ("mean 30d", field("seconds")),
    "mobile_24h": ("mean 24h", as_number("mobile")),
    "ever_mobile_30d": ("any 30d", field("mobile")),
    "pages_7d": ("n_unique 7d", field("page")),
    "carts_7d": ("count 7d", cart),
    "page": ("last_n:2 ever", field("page")),
    "first_page": ("first 24h exact", field("page")),
}
SHELF_PRICE: Mapping[str, tuple[str, Value]] = {
    "price": ("last ever", field("price")),
    "stock": ("last 7d exact", as_number("stock")),
    "lowest_30d": ("min 30d", field("price")),
    "highest_30d": ("max 30d", field("price")),
    "value_30d": ("sum 30d", stock_value),
    "changes_7d": ("count 7d", one),
}


class Shop:
    """The expected features and labels of every order, from the rows that were delivered."""

    def __init__(self, files: Mapping[str, Sequence[Sequence[Row]]]) -> None:
        rows = {source: accepted(parts) for source, parts in files.items()}
        self.orders = once(rows["orders"], event_id="order_id", needed=["order_id", "ordered_at"])
        payments = once(rows["payments"], event_id="payment_id", needed=["payment_id", "paid_at", "booked_at"])
        visits = once(rows["visits"], event_id=None, needed=["seen_at"])
        prices = once(rows["prices"], event_id=None, needed=["changed_at"])
        self.returns = once(rows["returns"], event_id="return_id", needed=["return_id", "returned_at", "received_at"])
        self._payments = Events(payments, keys=["customer"], time="paid_at", known="booked_at")
        self._visits = Events(visits, keys=["visitor"], time="seen_at", delay="15m")
        self._prices = Events(prices, keys=["sku", "warehouse"], time="changed_at")

    def features(self, order: Row) -> dict[str, Any]:
        at = us(order["ordered_at"])
        shelf = (order["sku"], order["warehouse"])
        groups = {
            "spending": view(self._payments, (order["customer"],), at, SPENDING),
            "browsing": view(self._visits, (order["customer"],), at, BROWSING),
            "shelf_price": view(self._prices, shelf, at, SHELF_PRICE),
        }
        groups["basket"] = basket(order, **groups)
        return {f"{group}__{name}": value for group, made in groups.items() for name, value in made.items()}

    def label(self, order: Row, *, known_by: datetime) -> tuple[str, bool | None]:
        """Maturity and value: the word that was known last, among those known in time."""
        at, until = us(order["ordered_at"]), us(order["ordered_at"]) + 14 * DAY
        told = [
            (us(row["received_at"]), place, row["refund"] > 0)
            for place, row in enumerate(self.returns)
            if row["order_ref"] == order["order_id"] and row["refund"] is not None
            if at <= us(row["returned_at"]) and us(row["received_at"]) <= min(until, us(known_by))
        ]
        if told:
            return "labelled", max(told)[2]
        return ("given_up" if us(known_by) >= until else "pending"), None


def accepted(parts: Sequence[Sequence[Row]]) -> list[Row]:
    """The rows of every file that is not the same as one before it."""
    different = [part for i, part in enumerate(parts) if not any(part is other for other in parts[:i])]
    return [row for part in different for row in part]


def basket(order: Row, spending: Row, browsing: Row, shelf_price: Row) -> dict[str, Any]:
    note, pieces, paid = order["note"], lift(float)(order["pieces"]), order["amount"]
    moment, price = order["ordered_at"], shelf_price["price"]
    prices = (price, shelf_price["highest_30d"], paid)
    priced = price is not None and price > 0
    return {
        "amount": paid,
        "gift": order["gift"],
        "per_piece": lift(lambda a, n: a / n)(paid, pieces),
        "over_usual": lift(lambda a, m: a - m)(paid, spending["mean_7d"]),
        "share_refunded": lift(lambda a, b: a / b)(spending["refunded_30d"], spending["total_30d"]),
        "hour": float(moment.astimezone(UTC).hour),
        "weekday": float(moment.astimezone(ZoneInfo("Europe/Berlin")).weekday()),
        "hours_since_paid": lift(lambda t: (us(moment) - t) / HOUR)(spending["last_paid_at"]),
        "by_card": lift(lambda m: lower_ascii(m) == "card")(spending["last_method"]),
        "note_length": lift(lambda n: float(len(n.strip(" \t\n\r\v\f"))))(note),
        "shouting": lift(lambda n: upper_ascii(n) == n and len(n) > 0)(note),
        "same_page": lift(lambda a, b: a == b)(browsing["page_1"], browsing["page_2"]),
        "came_from_cart": lift(lambda p: p in ("cart", "Cart"))(browsing["first_page"]),
        "markup": lift(lambda a, b: a / b)(paid, price) if priced else -1.0,
        "known_price": next((value for value in prices if value is not None), None),
        "dozens": lift(lambda n: float(n // 12))(pieces),
        "left_over": lift(lambda n: float(n % 12))(pieces),
    }
