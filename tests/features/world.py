"""Random small histories: ties, nulls, late rows, keys with quotes and emoji, values that cancel."""

import random
from datetime import datetime

import pyarrow as pa

import gapless as gl
from gapless.arrow import TIMESTAMP, schema_to_arrow
from gapless.clock import DAY, MINUTE

EVENTS = gl.EventSource(
    "events",
    schema={"a": str, "b": int, "x": float, "text": str, "at": datetime, "known": datetime},
    event_time="at",
    known_at="known",
)
REQUESTS = gl.EventSource("asks", schema={"id": str, "a": str, "b": int, "t": datetime}, event_time="t", event_id="id")
TRUTH = gl.EventSource("truth", schema={"id": str, "y": float, "t": datetime}, event_time="t", delay="1h")
pair = gl.Entity("pair", keys=["a", "b"])


@gl.feature_view(entity=pair, source=EVENTS)
def stats(e):
    return {
        "n": gl.count(windows=["1h"]),
        "total": gl.sum(e.x, windows=["1h", "1d"]),
        "largest": gl.max(e.x, windows=["1d"]),
        "high": gl.mean(e.x > 1, windows=["1d"]),
        "high_total": gl.sum(e.x, windows=["1d"], where=e.x > 1),
        "kinds": gl.n_unique(e.text, windows=["1d"]),
        "text": gl.last(e.text),
        "recent": gl.last_n(e.x, n=2, max_age="6h"),
        "seen": gl.last(e.at),
    }


@gl.on_demand
def derived(r):
    return {"length": r.stats.text.length(), "age": r.t.hours_since(r.stats.seen), "double": r.stats.total_1d * 2}


MODEL = gl.Model(
    "m",
    requests=REQUESTS,
    features=[stats, derived],
    label=gl.Label("y", source=TRUTH, value=lambda t: t.y > 0, give_up_after="2d"),
    estimator=object,
    metrics=["roc_auc"],
)

A = ["x", 'quo"te', "o'clock", "🛫", "", None]
START = 1_700_000_000_000_000


def history(seed, events=60, requests=40):
    """(events as dicts, requests as (key, at)), both in a random order."""
    draw = random.Random(seed)

    def key():
        return draw.choice(A), draw.choice([1, 2, None])

    def moment():
        return START + draw.choice([draw.randrange(3 * DAY), draw.randrange(0, 3 * DAY, 30 * MINUTE)])

    rows = []
    for _ in range(events):
        time = moment()
        known = time + draw.choice([0, 0, 1, draw.randrange(2 * DAY)])
        x = draw.choice([None, 1e16, -1e16, 1.0, draw.gauss(0, 3), 5e-324])
        rows.append({"key": key(), "x": x, "text": draw.choice(["p", "é", "🛬", None]), "time": time, "known": known})
    return rows, [(key(), moment()) for _ in range(requests)]


def event_table(rows):
    columns = {
        "a": [e["key"][0] for e in rows],
        "b": [e["key"][1] for e in rows],
        "x": [e["x"] for e in rows],
        "text": [e["text"] for e in rows],
        "at": pa.array([e["time"] for e in rows], pa.int64()).cast(TIMESTAMP),
        "known": pa.array([e["known"] for e in rows], pa.int64()).cast(TIMESTAMP),
    }
    return pa.table(columns, schema=schema_to_arrow(EVENTS.columns))


def request_table(asks):
    columns = {
        "id": [f"r{i}" for i in range(len(asks))],
        "a": [key[0] for key, _ in asks],
        "b": [key[1] for key, _ in asks],
        "t": pa.array([at for _, at in asks], pa.int64()).cast(TIMESTAMP),
    }
    return pa.table(columns, schema=schema_to_arrow(REQUESTS.columns))
