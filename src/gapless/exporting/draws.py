"""Rows to prove a package with: edges of every type, the constants that expressions compare with, and chance."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

from gapless.clock import DAY, HOUR, MICROSECOND, MINUTE
from gapless.exporting.columns import looked_up
from gapless.expr.nodes import postorder
from gapless.product import FeatureSet
from gapless.schema import Type
from gapless.serving.http.rows import FIRST_US, LAST_US

__all__ = ["draw_rows"]

_NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.5, 0.1, 2.5, 15.0, 60.0, 1e-310, 1e-9, 3.5e38, 1e300, -1e300, 2.0**53]
_WHOLE = [0, 1, -1, 2, 60, 2**31, -(2**53), 2**53]
_TEXTS = ["", "a", "Z", " a b ", "ß", "İ", "ﬃ", "e\u0301", "🙂x", "12", "-1.5e3", "NaN", "true"]
_INSTANTS = [0, -1, 1_385_892_900_000_000, 1_362_898_800_000_000, 1_383_458_400_000_000, FIRST_US]
"""1970; a moment before; 2013; both changes of the clock in New York that year; the first instant of the year 1."""
_FROM, _UNTIL = 631_152_000_000_000, 2_208_988_800_000_000  # 1990 to 2040
_MISSING = 0.1

Row = dict[str, Any]


def draw_rows(features: FeatureSet, rows: int, *, seed: str) -> Iterator[tuple[Row, Row]]:
    """(a request, what was looked up for it), the same for the same features and seed.

    The first has no value but its id and event time, the others are drawn.
    """
    draw, pools = random.Random(seed), _pools(features)
    requests, views = features.requests, looked_up(features)
    for i in range(rows):
        request = {name: _drawn(draw, pools, kind, i == 0) for name, kind in requests.columns.items()}
        for name in (str(requests.event_id), requests.event_time):
            request[name] = _value(draw, pools, requests.columns[name])
        yield request, {name: _drawn(draw, pools, kind, i == 0) for name, kind in views.items()}


def _pools(features: FeatureSet) -> dict[Type, list[Any]]:
    """Values that are likely to tell one program from another."""
    pools: dict[Type, list[Any]] = {
        Type.FLOAT: list(_NUMBERS),
        Type.INT: list(_WHOLE),
        Type.STRING: list(_TEXTS),
        Type.TIMESTAMP: list(_INSTANTS),
    }
    for node in postorder(*features.on_demand_expressions.values()):
        if node.op == "literal" and node.type in pools:
            pools[node.type] += _around(node.param("value"), node.type)
        for _, value in node.params:
            if isinstance(value, tuple):  # texts or numbers that a value is looked for among
                kind = Type.STRING if isinstance(value[0], str) else Type.FLOAT
                pools[kind] += value
    return pools


def _around(value: Any, kind: Type) -> list[Any]:
    if kind is Type.FLOAT:
        return [value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf)]
    if kind is Type.TIMESTAMP:
        near = (value - MICROSECOND, value, value + MICROSECOND, value + HOUR, value + DAY)
        return [us for us in near if FIRST_US <= us <= LAST_US]
    return [value, value.upper(), value.lower(), f" {value}"]


def _drawn(draw: random.Random, pools: dict[Type, list[Any]], kind: Type, nothing: bool) -> Any:
    return None if nothing or draw.random() < _MISSING else _value(draw, pools, kind)


def _value(draw: random.Random, pools: dict[Type, list[Any]], kind: Type) -> Any:
    if kind is Type.BOOL:
        return draw.random() < 0.5
    if draw.random() < 0.5:
        return draw.choice(pools[kind])
    if kind is Type.FLOAT:
        return draw.choice([draw.uniform(-1, 1), draw.uniform(0, 100), draw.gauss(0, 1_000)])
    if kind is Type.INT:
        return draw.randrange(-1_000, 10_000)
    if kind is Type.TIMESTAMP:
        step = draw.choice([MICROSECOND, MINUTE])
        return draw.randrange(_FROM, _UNTIL) // step * step
    return "".join(draw.choice("abcXYZ019 -é") for _ in range(draw.randrange(1, 8)))
