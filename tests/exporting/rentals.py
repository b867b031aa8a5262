"""A product with every type of column, and bundles of its model by several estimators."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

import gapless as gl
from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle import Bundle, CodeVersion
from gapless.bundle.profile import profile_of
from gapless.clock import parse_instant
from gapless.training.fit import fit
from gapless.training.making import make_bundle

RENTALS = gl.EventSource(
    "rentals",
    schema={"bike": str, "km": float, "stops": int, "sunny": bool, "station": str, "began": datetime},
    event_time="began",
)
ASKS = gl.EventSource(
    "asks",
    schema={"number": int, "bike": str, "km": float, "seats": int, "member": bool, "note": str, "asked": datetime,
            "due": datetime},
    event_time="asked",
    event_id="number",
)  # fmt: skip
RETURNS = gl.EventSource("returns", schema={"number": int, "late": float, "at": datetime}, event_time="at")
bike = gl.Entity("bike", keys=["bike"])


@gl.feature_view(entity=bike, source=RENTALS)
def used(r):
    return {
        "n": gl.count(windows=["1h", "7d"]),
        "km": gl.sum(r.km, windows=["7d"]),
        "far": gl.any(r.km > 10, windows=["1d"]),
        "last_station": gl.last(r.station),
        "last_began": gl.last(r.began),
        "stops": gl.last_n(r.stops, n=2),
    }


@gl.feature_view(entity=gl.Entity("place", keys=["note"]), source=RENTALS, keys=["station"])
def place(r):
    return {"kinds": gl.n_unique(r.bike, windows=["7d"]), "sunny": gl.mean(r.sunny, windows=["1d"])}


@gl.on_demand
def shape(r):
    return {
        "hour": r.asked.hour("America/New_York"),
        "day": r.asked.truncate("day", "Europe/Berlin"),
        "idle": r.asked.hours_since(r.used.last_began),
        "per_seat": (r.km / r.seats).log1p(),
        "code": gl.concat(r.note.trim().lower(), "-", r.used.last_station[0:2]),
        "free": r.member & (r.km < 15) | r.note.is_in(["VIP", "ﬃ"]),
        "odd": r.seats % 2 == 1,
    }


@gl.on_demand
def further(r):
    return {
        "since_day": r.asked.hours_since(r.shape.day),
        "bucket": r.shape.code.hash_bucket(16),
        "squeezed": gl.maximum(r.shape.per_seat, r.used.km_7d**0.5),
        "overflows": r.km * 1e38,
        "given": gl.when(r.due.is_null(), 0).otherwise(r.due.hours_since(r.asked)),
    }


MODEL = gl.Model(
    "returns_late",
    requests=ASKS,
    features=[used, place, shape, further],
    label=gl.Label("late", source=RETURNS, value=lambda r: r.late > 0, give_up_after="2d"),
    estimator=object,
    metrics=["roc_auc"],
)


@gl.on_demand
def own(r):
    return {"km": r.km, "round": r.seats.to_string().length(), "weekday": r.asked.weekday()}


PARTS = {"views": replace(MODEL, features=[place]), "request": replace(MODEL, features=[own])}
"""The same model with nothing but views, or nothing but the request."""

ESTIMATORS: dict[str, Any] = {
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=25, random_state=0),
    "linear": lambda: LogisticRegression(),
    "regression": lambda: HistGradientBoostingRegressor(max_iter=25, random_state=0),
}


KINDS = [*ESTIMATORS, *PARTS]


def make(folder: Path, kind: str = "boosting", *, runtime: str = "onnx") -> Bundle:
    """A bundle of the model by an estimator, or of a part of it; the linear one answers where no feature is missing."""
    draw = np.random.default_rng(5)
    whole, estimator = PARTS.get(kind, MODEL), kind if kind in ESTIMATORS else "boosting"
    width = len(whole.vector)
    rows = (draw.normal(size=(500, width)) * 10).astype(np.float32)
    amount = rows[:, 0] + rows[:, 1] ** 2 / 10 + draw.normal(size=500)
    if estimator != "linear":
        rows[draw.random(rows.shape) < 0.1] = np.nan
    model = replace(whole, estimator=ESTIMATORS[estimator], runtime=runtime)
    learned = "regression" if estimator == "regression" else "classification"
    fitted = fit(model.estimator, rows[:400], (amount if learned == "regression" else amount > 10)[:400], kind=learned)
    made = make_bundle(
        folder,
        model,
        fitted,
        rows[400:],
        profile=profile_of(rows[:400], model.vector, trained_until_us=parse_instant("2013-06-01")),
        runtime=OnnxRuntime(),
        data_hash="a" * 64,
        code=CodeVersion("abc", dirty=False),
        environment={"numpy": np.__version__},
        created_us=1,
    )
    return made.bundle
