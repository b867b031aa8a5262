"""35 row expressions as an on-demand view of flights would have them, and rows to compute them for."""

from __future__ import annotations

import random
from typing import Any

from gapless.expr import Expr, Row, coalesce, concat, maximum, minimum, when
from gapless.schema import Type

__all__ = ["COUNT", "expressions", "rows"]

COUNT = 35
_NUMBERS = (
    *("distance", "air_time", "dep_delay", "mean_delay", "late_share"),
    *("temp", "wind", "gust", "visibility", "seats"),
)
SCHEMA = {
    **dict.fromkeys(
        (
            "distance",
            "air_time",
            "dep_delay",
            "mean_delay",
            "late_share",
            "temp",
            "wind",
            "gust",
            "visibility",
            "seats",
        ),
        Type.FLOAT,
    ),
    **dict.fromkeys(("carrier", "origin", "dest", "tailnum"), Type.STRING),
    **dict.fromkeys(("scheduled_at", "asked_at"), Type.TIMESTAMP),
    "holiday": Type.BOOL,
}
_ZONE = "America/New_York"
_START = 1_357_016_400_000_000  # 2013-01-01 in New York
_HOUR = 3_600_000_000


def expressions() -> dict[str, Expr]:
    """Name → expression."""
    r: Any = Row(SCHEMA, what="flight")
    hour, weekday = r.scheduled_at.hour(_ZONE), r.scheduled_at.weekday(_ZONE)
    speed = r.distance / (r.air_time / 60)
    late = r.dep_delay > 15
    found = {
        "speed": speed,
        "speed_off": speed - 420,
        "log_distance": r.distance.log1p(),
        "distance_squared": r.distance**2,
        "delay_per_hour": r.dep_delay / maximum(r.air_time / 60, 0.25),
        "delay_clipped": r.dep_delay.clip(-30, 240),
        "delay_over_mean": r.dep_delay - coalesce(r.mean_delay, 0),
        "delay_decayed": coalesce(r.mean_delay, 0) * (-r.scheduled_at.hours_since(r.asked_at) / 24).exp(),
        "late_odds": (r.late_share / (1 - r.late_share)).log(),
        "late": late,
        "very_late": r.dep_delay > 60,
        "late_again": late & (r.late_share > 0.3),
        "severity": when(r.dep_delay > 60, 2).when(late, 1).otherwise(0),
        "no_delay_known": r.dep_delay.is_null(),
        "hour": hour,
        "weekday": weekday,
        "month": r.scheduled_at.month(_ZONE),
        "week": r.scheduled_at.week(_ZONE),
        "day_of_year": r.scheduled_at.day_of_year(_ZONE),
        "weekend": weekday >= 5,
        "rush": ((hour >= 6) & (hour < 9)) | ((hour >= 16) & (hour < 20)),
        "half_hour": (r.scheduled_at.minute(_ZONE) // 30) + hour * 2,
        "free_day": r.holiday | (weekday >= 5),
        "lead_hours": r.scheduled_at.hours_since(r.asked_at),
        "since_midnight": r.scheduled_at.minutes_since(r.scheduled_at.truncate("day", _ZONE)),
        "carrier_code": r.carrier.position_in(["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX"]),
        "origin_code": r.origin.position_in(["EWR", "JFK", "LGA"]),
        "route_bucket": concat(r.origin, "-", r.dest).hash_bucket(1024),
        "big_carrier": r.carrier.upper().is_in(["UA", "DL", "AA"]),
        "tail_suffix_bucket": r.tailnum[-2:].hash_bucket(64),
        "regional": r.tailnum.starts_with("N") & (r.seats < 80),
        "wind_chill": 35.74 + 0.6215 * r.temp - (35.75 - 0.4275 * r.temp) * maximum(r.wind, 3) ** 0.16,
        "gust_factor": maximum(coalesce(r.gust, r.wind), r.wind) / maximum(r.wind, 1),
        "bad_sight": minimum(r.visibility, 10) < 3,
        "load_bucket": (r.seats / 25).round(),
    }
    assert len(found) == COUNT
    return found


def rows(count: int, *, seed: int = 7) -> list[dict[str, Any]]:
    """Flights with a twentieth of the values missing."""
    choose = random.Random(seed)
    return [{name: None if choose.random() < 0.05 else v for name, v in _row(choose).items()} for _ in range(count)]


def _row(choose: random.Random) -> dict[str, Any]:
    at = _START + choose.randrange(365 * 24 * 12) * _HOUR // 12
    return {
        "distance": float(choose.randrange(80, 4983)),
        "air_time": float(choose.randrange(20, 695)),
        "dep_delay": float(choose.randrange(-30, 300)),
        "mean_delay": choose.uniform(-5, 40),
        "late_share": choose.uniform(0.01, 0.9),
        "temp": choose.uniform(10, 95),
        "wind": choose.uniform(0, 40),
        "gust": choose.uniform(0, 60),
        "visibility": choose.uniform(0, 10),
        "seats": float(choose.randrange(20, 400)),
        "carrier": choose.choice(["UA", "B6", "EV", "DL", "AA", "HA"]),
        "origin": choose.choice(["EWR", "JFK", "LGA"]),
        "dest": choose.choice(["ORD", "LAX", "BOS", "SFO", "MIA"]),
        "tailnum": f"N{choose.randrange(100, 999)}{choose.choice(['UA', 'JB', 'DL'])}",
        "scheduled_at": at,
        "asked_at": at - choose.randrange(_HOUR, 30 * _HOUR),
        "holiday": choose.random() < 0.05,
    }
