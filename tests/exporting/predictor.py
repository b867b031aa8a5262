"""What Python makes of requests whose features were looked up: the reference for packages."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle import Bundle, feature_set
from gapless.bundle.opening import open_scorer
from gapless.bundle.profile import read_profile
from gapless.clock import DAY, format_instant
from gapless.exporting.columns import looked_up
from gapless.exporting.draws import draw_rows
from gapless.expr.golden import encode
from gapless.product import Trust
from gapless.serving.http.rows import FIRST_US
from gapless.serving.trust import Judge
from gapless.serving.vectors import Vectors

__all__ = ["Asked", "asked", "on_demand_bits", "python_answers", "written"]

Asked = dict[str, Any]


def asked(bundle: Bundle, rows: int, seed: int) -> list[Asked]:
    """Requests with looked-up features, some of them with what went wrong in looking them up."""
    draw, features = random.Random(seed), feature_set(bundle)
    views = [view.name for view in features.views]
    return [
        {"request": request, "features": found, **_seen(draw, views, request[features.requests.event_time])}
        for request, found in draw_rows(features, rows, seed=f"asked {seed}")
    ]


def _seen(draw: random.Random, views: Sequence[str], at_us: int) -> dict[str, Any]:
    kind = draw.randrange(4)
    if kind == 0:
        return {}
    ages = [0, draw.randrange(3 * DAY), 400 * DAY]
    known = {view: draw.choice([None, *(max(at_us - age, FIRST_US) for age in ages)]) for view in views}
    if kind == 1:
        return {"as_of_us": known}
    codes = [(code, view) for view in views for code in ("asked_in_past", "state_damaged") if draw.random() < 0.3]
    return {"as_of_us": known, "went_wrong": codes}


def written(bundle: Bundle, rows: Sequence[Asked]) -> list[dict[str, Any]]:
    """The same as JSON that keeps bits, with look-ups as `POST /v1/features` tells them."""
    features = feature_set(bundle)
    columns, views = features.requests.columns, looked_up(features)
    return [
        {
            "request": [encode(row["request"][name], kind.in_expressions) for name, kind in columns.items()],
            "features": [encode(row["features"][name], kind.in_expressions) for name, kind in views.items()],
            **dict(_told(row)),
        }
        for row in rows
    ]


def _told(row: Asked) -> Iterator[tuple[str, Any]]:
    if "as_of_us" in row:
        known = row["as_of_us"].items()
        yield "views", {v: {"as_of": None if us is None else format_instant(us)} for v, us in known}
    if "went_wrong" in row:
        yield "reasons", [{"code": code, "view": view} for code, view in row["went_wrong"]]


def on_demand_bits(bundle: Bundle, rows: Sequence[Asked]) -> list[list[Any]]:
    """Every on-demand feature of each row."""
    features = feature_set(bundle)
    vectors, kinds = Vectors(features), {name: e.type for name, e in features.on_demand_expressions.items()}
    made = (vectors.row(row["request"], row["features"])[0] for row in rows)
    return [[encode(values[name], kind) for name, kind in kinds.items()] for values in made]


def python_answers(bundle: Bundle, rows: Sequence[Asked], version: str, policy: Trust) -> list[dict[str, Any]]:
    """As a server would answer, had it looked up these features."""
    features = feature_set(bundle)
    vectors, scorer = Vectors(features), open_scorer(bundle, OnnxRuntime())
    judge = Judge(policy, read_profile(bundle), features)
    computed = [vectors.row(row["request"], row["features"]) for row in rows]
    scores = scorer.score(np.concatenate([vector for _, vector in computed]))
    out = []
    for i, (row, (values, vector)) in enumerate(zip(rows, computed, strict=True)):
        at_us = values[features.requests.event_time]
        wrong = row.get("went_wrong", [])
        judged = judge.judge_row(
            values,
            vector[0],
            at_us=at_us,
            # a look-up of which nothing is said is not judged: it counts as of this instant
            as_of_us=row.get("as_of_us", {view.name: at_us for view in features.views}),
            asked_in_past=[view for code, view in wrong if code == "asked_in_past"],
            damaged=[view for code, view in wrong if code == "state_damaged"],
            answered=not np.isnan(scores.main[i]),
        )
        out.append(
            {
                "model": bundle.manifest.model,
                "version": version,
                "request_id": values[features.requests.event_id],
                "as_of": format_instant(at_us),
                "prediction": _plain(scores.prediction[i]),
                "probability": None if scores.probability is None else _plain(scores.probability[i]),
                "trust": judged.trust,
                "reasons": judged.reasons,
            }
        )
    return out


def _plain(value: Any) -> float | None:
    return None if np.isnan(value) else value.item()


def differences(found: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The largest difference of each number that the model gives; all else is compared elsewhere."""
    return {
        name: max(abs(a[name] - b[name]) for a, b in zip(found, expected, strict=True) if b[name] is not None)
        for name in ("prediction", "probability")
        if any(row[name] is not None for row in expected)
    }
