"""A shop's events, as dirty as they come: written by a seeded generator, so that every defect is there on purpose.

What is wrong with them:

    payments   booked days after they were made; exported twice, the second time with other amounts; refunds (negative),
               amounts of 1e16 and of 5e-324, NaN, infinite, missing, minus zero; booked before they were made
    visits     no id, so a repeated row is a second visit; seen by the shop 15 minutes later; several at one instant
    prices     two columns make the key; the same moment has two prices
    returns    the truth about an order: known late, corrected later, or never; one names an order that does not exist
    orders     the same order twice; keys with quotes, emoji, blanks, line breaks, or nothing in them
    everywhere a few rows without a time, times in 1969 and 2090, one file delivered twice
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["CUSTOMERS", "SCHEMAS", "Row", "generate", "write"]

Row = dict[str, Any]
Files = list[list[Row]]

START = datetime(2024, 2, 26, tzinfo=UTC)  # the days after it hold a 29th of February
DAYS = 45
TEXT, NUMBER, FLAG, WHOLE = pa.string(), pa.float64(), pa.bool_(), pa.int64()
TIME = pa.timestamp("us", "UTC")

CUSTOMERS: tuple[str | None, ...] = (
    "O'Brien",
    'the "best" one',
    "'; DROP TABLE orders; --",
    "👩‍👩‍👧 & sons",
    "👩",
    "naïve",
    "nai\u0308ve",  # looks the same, is another key
    "naive",
    "NULL",
    "null",
    "NaN",
    "",
    " ",
    "tab\tand\nline",
    "back\\slash",
    "comma,semicolon;",
    "ZOË",
    "zoë",
    "x" * 300,
    None,
)
PAGES = ("home", "cart", "Cart", "sale %", "über uns", "👟", "", None)
METHODS = ("card", "invoice", "gift card", "CARD", None)
SKUS = ("shoe", "shoe ", "s\u200bhoe", "hat", "gold bar")
WAREHOUSES = ("A", "B", "")
SPECIAL_AMOUNTS = (
    *(1e16, -1e16, 1e16 + 2, 1e-9, 5e-324, -5e-324, 0.0, -0.0, 0.1, 0.2, 0.3, 1e308, -1e308),
    *(float("nan"), float("inf"), float("-inf"), None, None),
)

SCHEMAS: Mapping[str, pa.Schema] = {
    "orders": pa.schema(
        {
            "order_id": TEXT,
            "customer": TEXT,
            "sku": TEXT,
            "warehouse": TEXT,
            "amount": NUMBER,
            "pieces": WHOLE,
            "gift": FLAG,
            "note": TEXT,
            "ordered_at": TIME,
        }
    ),
    "payments": pa.schema(
        {
            "payment_id": TEXT,
            "customer": TEXT,
            "amount": NUMBER,
            "method": TEXT,
            "accepted": FLAG,
            "paid_at": TIME,
            "booked_at": TIME,
        }
    ),
    "visits": pa.schema({"visitor": TEXT, "page": TEXT, "seconds": NUMBER, "mobile": FLAG, "seen_at": TIME}),
    "prices": pa.schema({"sku": TEXT, "warehouse": TEXT, "price": NUMBER, "stock": WHOLE, "changed_at": TIME}),
    "returns": pa.schema(
        {"return_id": TEXT, "order_ref": TEXT, "refund": NUMBER, "returned_at": TIME, "received_at": TIME}
    ),
}


def write(folder: Path | str, files: Mapping[str, Files]) -> dict[str, list[Path]]:
    """`folder/SOURCE/NN.parquet` for each file, in the order in which they are delivered."""
    return {source: list(_write_files(Path(folder) / source, source, parts)) for source, parts in files.items()}


def _write_files(folder: Path, source: str, parts: Files) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for number, rows in enumerate(parts):
        path = folder / f"{number:02}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMAS[source]), path)
        yield path


def generate(seed: int, *, orders: int = 1_000, payments: int = 4_000, visits: int = 6_000) -> dict[str, Files]:
    """The files of each source, each a list of rows, as delivered; the same for the same arguments."""
    draw = random.Random(seed)
    requests = [_order(draw, number) for number in range(orders)]
    return {
        "orders": _delivered(draw, requests, "ordered_at", key="order_id"),
        "payments": _delivered(draw, _around(draw, requests, payments), "paid_at", key="payment_id"),
        "visits": _delivered(draw, [_visit(draw, requests) for _ in range(visits)], "seen_at"),
        "prices": _delivered(draw, [_price(draw) for _ in range(orders // 2)], "changed_at"),
        "returns": _delivered(draw, list(_returns(draw, requests)), "returned_at", key="return_id"),
    }


# --- rows ---------------------------------------------------------------------------------------------------------


def _moment(draw: random.Random) -> datetime:
    """Half of them on a grid of 5 minutes, so that instants meet each other and the edges of windows."""
    if draw.random() < 0.01:
        return draw.choice([datetime(1969, 12, 31, 23, 59, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)])
    if draw.random() < 0.5:
        return START + timedelta(minutes=5 * draw.randrange(DAYS * 288))
    return START + timedelta(microseconds=draw.randrange(DAYS * 86_400_000_000))


def _near(draw: random.Random, moment: datetime) -> datetime:
    """Before it by one of the widths that windows have, give or take nothing or a microsecond; or any time."""
    if draw.random() < 0.6:
        return _moment(draw)
    width = draw.choice([timedelta(0), timedelta(minutes=15), timedelta(minutes=90), timedelta(hours=1)])
    width += draw.choice([timedelta(0), timedelta(hours=24), timedelta(days=7), timedelta(days=30)])
    return moment - width + timedelta(microseconds=draw.choice([-1, 0, 0, 1]))


def _amount(draw: random.Random) -> float | None:
    if draw.random() < 0.15:
        return draw.choice(SPECIAL_AMOUNTS)
    sign = -1 if draw.random() < 0.2 else 1
    return sign * round(draw.lognormvariate(3, 1.5), 2)


def _flag(draw: random.Random, share: float) -> bool | None:
    return None if draw.random() < 0.1 else draw.random() < share


def _order(draw: random.Random, number: int) -> Row:
    return {
        "order_id": f"№{number}",
        "customer": draw.choice(CUSTOMERS),
        "sku": draw.choice(SKUS),
        "warehouse": draw.choice((*WAREHOUSES, None)),
        "amount": _amount(draw),
        "pieces": draw.choice([0, 1, 1, 2, 3, 10, 2**53, None]),
        "gift": _flag(draw, 0.3),
        "note": draw.choice(["", "Bitte KLINGELN", "bitte klingeln", "ASAP!!", "ÄÖÜ", "👟👟", "  two  ", None]),
        "ordered_at": _moment(draw),
    }


def _around(draw: random.Random, orders: Sequence[Row], count: int) -> list[Row]:
    return [_payment(draw, number, draw.choice(orders)) for number in range(count)]


def _payment(draw: random.Random, number: int, order: Row) -> Row:
    paid = _near(draw, order["ordered_at"])
    late = draw.choice([timedelta(0), timedelta(microseconds=1), timedelta(minutes=10), timedelta(days=3)])
    booked = draw.choice([paid + late, paid + late, order["ordered_at"], paid - timedelta(days=1)])
    return {
        "payment_id": f"p-{number}",
        "customer": order["customer"] if draw.random() < 0.8 else draw.choice(CUSTOMERS),
        "amount": _amount(draw),
        "method": draw.choice(METHODS),
        "accepted": _flag(draw, 0.9),
        "paid_at": paid,
        "booked_at": booked,
    }


def _visit(draw: random.Random, orders: Sequence[Row]) -> Row:
    order = draw.choice(orders)
    return {
        "visitor": order["customer"],
        "page": draw.choice(PAGES),
        "seconds": draw.choice([None, float("nan"), 0.5, 1.0, 2.0, float(draw.randrange(600)), draw.random()]),
        "mobile": _flag(draw, 0.5),
        "seen_at": _near(draw, order["ordered_at"]),
    }


def _price(draw: random.Random) -> Row:
    return {
        "sku": draw.choice(SKUS),
        "warehouse": draw.choice((*WAREHOUSES, None)),
        "price": draw.choice([1e16, 19.99, 20.0, 0.0, None, float("nan"), round(draw.uniform(1, 100), 2)]),
        "stock": draw.choice([0, 1, 5, 2**53, -3, None]),
        "changed_at": _moment(draw),
    }


def _returns(draw: random.Random, orders: Sequence[Row]) -> Iterator[Row]:
    number = 0
    for order in orders:
        for _ in range(draw.choice([0, 1, 1, 2])):
            yield _return(draw, number, order)
            number += 1
    yield _return(draw, number, {**orders[0], "order_id": "nobody's"})


def _return(draw: random.Random, number: int, order: Row) -> Row:
    returned = order["ordered_at"] + timedelta(days=draw.choice([-1, 0, 0, 1, 5, 13, 15]))
    return {
        "return_id": f"r-{number}",
        "order_ref": order["order_id"],
        "refund": draw.choice([0.0, 10.0, 10.0, None, float("nan"), 1e16]),
        "returned_at": returned,
        "received_at": returned + timedelta(days=draw.choice([0, 0, 1, 3])),
    }


# --- how they are delivered ---------------------------------------------------------------------------------------


def _delivered(draw: random.Random, rows: list[Row], time: str, key: str | None = None) -> Files:
    """In three files, not quite in order of time; the second is delivered twice, and the third repeats old rows."""
    rows = sorted(rows, key=lambda row: row[time] + timedelta(hours=draw.randrange(48)))
    rows = [_damaged(draw, row, time) for row in rows]
    third = len(rows) // 3
    first, second, last = rows[:third], rows[third : 2 * third], rows[2 * third :]
    if key is not None:
        last = last + [_changed(draw, row) for row in draw.sample(first, third // 10)]
        second = second + draw.sample(second, third // 10)
        draw.shuffle(last)
    return [first, second, second, last]


def _damaged(draw: random.Random, row: Row, time: str) -> Row:
    return {**row, time: None} if draw.random() < 0.005 else row


def _changed(draw: random.Random, row: Row) -> Row:
    """An export with the same id and another amount: the first one counts."""
    amounts = [name for name in ("amount", "refund") if name in row]
    return {**row, **{name: _amount(draw) for name in amounts}}


def main(folder: str = "events", seed: str = "7") -> None:
    for source, paths in write(folder, generate(int(seed))).items():
        rows = sum(pq.read_metadata(path).num_rows for path in paths)
        print(f"{source:<10}{rows:>7} rows in {len(paths)} files")


if __name__ == "__main__":
    main(*sys.argv[1:])
