"""A workspace on disk that the tests of the command line share: a shop with three small files."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gapless.cli import main

PRODUCT = """
from datetime import datetime
import gapless as gl

orders = gl.EventSource(
    "orders", schema={"order_id": str, "customer_id": str, "amount": float, "at": datetime},
    event_time="at", event_id="order_id",
)
checkouts = gl.EventSource(
    "checkouts", schema={"checkout_id": str, "customer_id": str, "amount": float, "asked_at": datetime},
    event_time="asked_at", event_id="checkout_id",
)
returns = gl.EventSource(
    "returns", schema={"checkout_id": str, "refund": float, "returned_at": datetime}, event_time="returned_at",
)
customer = gl.Entity("customer", keys=["customer_id"])

@gl.feature_view(entity=customer, source=orders)
def spend(o):
    return {"n": gl.count(windows=["1d", "7d"]), "usual": gl.mean(o.amount, windows=["7d"])}

@gl.on_demand
def basket(r):
    return {"amount": r.amount, "over": r.amount > r.spend.usual_7d}

def estimator():
    from sklearn.ensemble import HistGradientBoostingClassifier
    return HistGradientBoostingClassifier(max_iter=10, random_state=0)

product = gl.Product("shop", models=[gl.Model(
    "will_return", requests=checkouts, features=[spend, basket],
    label=gl.Label("returned", source=returns, value=lambda r: r.refund > 0, give_up_after="2d"),
    estimator=estimator, metrics=["roc_auc", "brier"], slices=["customer_id"],
)])
"""

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 40


def tables(seed=0, rows=1_500):
    """orders, checkouts and returns of some weeks; who spends more than usual returns more often."""
    draw = np.random.default_rng(seed)

    def moments(n):
        return [START + timedelta(seconds=int(s)) for s in np.sort(draw.integers(0, DAYS * 86_400, n))]

    def people(n):
        return [f"c{i}" for i in draw.integers(0, 20, n)]

    orders = {"order_id": [f"o{i}" for i in range(rows)], "customer_id": people(rows)}
    orders |= {"amount": draw.gamma(2, 30, rows), "at": moments(rows)}
    asked, amount = moments(rows), draw.gamma(2, 30, rows)
    checkouts = {"checkout_id": [f"k{i}" for i in range(rows)], "customer_id": people(rows)}
    checkouts |= {"amount": amount, "asked_at": asked}
    refund = np.where(draw.random(rows) < amount / 150, amount, 0.0)
    returns = {"checkout_id": checkouts["checkout_id"], "refund": refund}
    returns |= {"returned_at": [at + timedelta(hours=5) for at in asked]}
    return {"orders": pa.table(orders), "checkouts": pa.table(checkouts), "returns": pa.table(returns)}


def make_shop(folder: Path) -> Path:
    """gapless.toml, product.py and the three files; nothing is ingested yet."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gapless.toml").write_text("")
    (folder / "product.py").write_text(PRODUCT)
    for name, table in tables().items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def ingest_all(folder: Path) -> None:
    for name in ("orders", "checkouts", "returns"):
        assert main(["ingest", name, str(folder / f"{name}.parquet"), "--workspace", str(folder), "--json"]) == 0


def copy(source: Path, target: Path) -> Path:
    shutil.copytree(source, target, dirs_exist_ok=True)
    return target


def answer(capsys, *words: str, code: int = 0):
    """The one JSON document that a command prints."""
    assert main([*words, "--json"]) == code
    printed = capsys.readouterr()
    assert printed.err == "", printed.err
    return json.loads(printed.out)
