"""A small real model over the HTTP server: it computes from the rows, remembers what it logged, and can be away."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import numpy as np

from gapless.clock import HOUR, SystemClock
from gapless.errors import NotFound, StorageError, Transient
from gapless.events.pushing import Pusher
from gapless.product import EventSource
from gapless.schema import Schema, Type
from gapless.serving.answers import Answer, Answered, Features, Freshness, Health, Row, Signature
from gapless.serving.http import Application, Door, Drain, Limits, Meters, OpenDoor, Pushing, Service
from tests.events.memory_log import MemoryLog

COLUMNS = Schema(
    (
        ("basket_id", Type.STRING),
        ("amount", Type.FLOAT),
        ("items", Type.INT),
        ("gift", Type.BOOL),
        ("shop", Type.STRING),
        ("asked_at", Type.TIMESTAMP),
        ("due_at", Type.TIMESTAMP),
    )
)
SIGNATURE = Signature(
    model="basket",
    version="7",
    definition_hash="ab" * 32,
    columns=COLUMNS,
    id="basket_id",
    time="asked_at",
    probability=True,
    features={"shape__hours": Type.FLOAT, "shape__late": Type.TIMESTAMP},
    vector=("shape__hours",),
    views=("shape",),
    trust={"feature_stale": "degraded"},
)

CLICKS = EventSource(
    "clicks",
    schema={"id": str, "page": str, "n": int, "x": float, "new": bool, "at": datetime, "seen_at": datetime},
    event_time="at",
    event_id="id",
)


class Basket:
    """Answers: the amount per item, and a share between 0 and 1. No amount, no answer."""

    signature = SIGNATURE

    def answer(self, rows: Sequence[Row], now_us: int) -> Answered:
        answers = [self._one(row) for row in rows]
        entries = [msgspec.msgpack.encode([one.request_id, one.prediction]) for one in answers]
        return Answered("basket", "7", "ab" * 32, answers, entries, {"score": 12}, {"shape": HOUR})

    def _one(self, row: Row) -> Answer:
        for name, kind in COLUMNS.items():
            assert row[name] is None or type(row[name]) is PYTHON[kind], (name, row[name])
        value = predicted(row)
        share = None if value is None else float(np.float32(1 / (1 + math.exp(-max(-50.0, min(50.0, value))))))
        reasons = [] if value is not None else [{"code": "no_answer", "level": "unreliable"}]
        trust = "ok" if value is not None else "unreliable"
        return Answer(row["basket_id"], row["asked_at"], value, share, trust, reasons)

    def features(self, rows: Sequence[Row], now_us: int) -> Features:
        made = [{"shape__hours": float(row["asked_at"]) / HOUR, "shape__late": row["due_at"]} for row in rows]
        at = [row["asked_at"] for row in rows]
        views = {"shape": Freshness(now_us - HOUR, HOUR, 2 * HOUR)}
        return Features(SIGNATURE.features, made, at, views, [[]] * len(rows))


PYTHON = {Type.FLOAT: float, Type.INT: int, Type.BOOL: bool, Type.STRING: str, Type.TIMESTAMP: int}


def predicted(row: Row) -> float | None:
    """The oracle: what the model says of a row."""
    if row["amount"] is None:
        return None
    value = np.float32(max(-1e30, min(1e30, row["amount"]))) / np.float32(max(1, row["items"] or 1))
    return float(value if row["gift"] is not True else -value)


class Baskets:
    """The models of a server with one model; `away` says what is wrong with its store."""

    def __init__(self, *, local: bool = True) -> None:
        self.local, self.away, self.loaded = local, None, True

    def get(self, model):
        if model != "basket":
            raise NotFound("no version of this model is live", seen=model, allowed="basket")
        if not self.loaded:
            raise Transient("basket is live and not loaded yet")
        return Refusing(self.away) if self.away else Basket()

    def models(self):
        return ["basket"]

    def health(self):
        state = {"version": "7", "revision": 3, "state": "loaded" if self.loaded else "missing"}
        return Health(self.loaded and not self.away, {"basket": state}, {"online": self.away})

    def view_keys(self, views):
        if set(views) != {"shape"}:
            raise NotFound("no live model has this view", seen=", ".join(views), allowed="shape")
        return Schema((("shop", Type.STRING),))

    def view_features(self, views, rows, at_us, now_us):
        made = [{"shape__hours": at / HOUR, "shape__late": None} for at in at_us]
        reasons = [[{"code": "asked_in_past", "view": "shape"}] if at < 0 else [] for at in at_us]
        return Features(SIGNATURE.features, made, at_us, {"shape": Freshness(None, None, None)}, reasons)

    def start(self):
        pass

    def close(self):
        pass


@dataclass
class Refusing:
    """The model while its store is away."""

    why: str
    signature: Signature = SIGNATURE

    def answer(self, rows, now_us):
        raise Transient(self.why)

    features = answer


@dataclass
class ListLog:
    """A prediction log in memory whose `done` comes from a thread of its own, as that of a disk does."""

    entries: list[bytes] = field(default_factory=list)
    full: bool = False

    def append(self, entries, done):
        threading.Thread(target=self._write, args=(entries, done)).start()

    def _write(self, entries, done):
        if self.full:
            done(StorageError("cannot write the log", seen="no space left on device"))
        else:
            self.entries.extend(entries)
            done(None)

    def close(self):
        pass


class PromptLog(ListLog):
    """The same, done before `append` returns."""

    append = ListLog._write


class HungLog(ListLog):
    """A log whose disk does not answer until the test says so."""

    def __init__(self):
        super().__init__()
        self.waiting = []

    def append(self, entries, done):
        self.waiting.append(done)


def pushing(log=None, *, clock=None, sources=None, **more) -> Pushing:
    """Events of clicks, to a log in memory."""
    pusher = Pusher(log or MemoryLog(), clock or SystemClock(), partitions=2)
    return Pushing(pusher, sources or (lambda: {"clicks": CLICKS}), time.monotonic, **more)


def service(models: Baskets | None = None, *, log=None, door: Door | None = None, limits: Limits | None = None, **more):
    return Service(
        models=models or Baskets(),
        log=log or PromptLog(),
        door=door or OpenDoor(),
        clock=SystemClock(),
        ticks=time.monotonic,
        meters=Meters(pid=1),
        drain=Drain(5.0),
        limits=limits,
        **more,
    )


def application(models: Baskets | None = None, **more) -> Application:
    return Application(service(models, **more))
