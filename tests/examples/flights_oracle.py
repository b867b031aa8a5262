"""The features of examples/flights once more, as plain Python functions of one row or one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from tests.examples.oracle import UNITS, Events, Row, Value, lift, us, view

MINUTE = UNITS["m"]
CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]


def one(_: Row) -> float:
    return 1.0


def field(name: str) -> Value:
    return lambda row: row[name]


def moment(name: str) -> Value:
    return lambda row: us(row[name])


def above(name: str, limit: float) -> Value:
    return lambda row: lift(lambda x: float(x > limit))(row[name])


def capped(name: str) -> Value:
    return lambda row: lift(lambda x: min(max(x, -60.0), 240.0))(row[name])


def made_up(row: Row) -> Any:
    return lift(lambda left, came: left - came)(row["dep_delay"], row["arr_delay"])


def plausible_wind(row: Row) -> Any:
    return row["wind_speed"] if row["wind_speed"] is not None and row["wind_speed"] < 200 else None


def over(name: str, function: str, value: Value, *windows: str) -> dict[str, tuple[str, Value]]:
    return {f"{name}_{window}": (f"{function} {window}", value) for window in windows}


def latest(name: str, value: Value, age: str) -> dict[str, tuple[str, Value]]:
    return {name: (f"last {age}" if age == "ever" else f"last {age} exact", value)}


DEPARTED, LANDED = capped("dep_delay"), capped("arr_delay")
LATE_OUT, LATE_IN = above("dep_delay", 15), above("arr_delay", 15)

# view → (source, the request's key columns, features)
VIEWS: Mapping[str, tuple[str, Sequence[str], Mapping[str, tuple[str, Value]]]] = {
    "congestion": (
        "departures",
        ["origin"],
        over("departures", "count", one, "1h", "3h", "24h")
        | over("late_share", "mean", LATE_OUT, "1h", "3h")
        | over("mean_delay", "mean", DEPARTED, "1h", "3h", "24h")
        | over("worst_delay", "max", DEPARTED, "1h"),
    ),
    "demand": ("schedule", ["origin"], over("flights", "count", one, "1h", "2h", "4h", "24h")),
    "outcome": (
        "arrivals",
        ["origin"],
        over("mean_delay", "mean", LANDED, "3h", "24h")
        | over("taxi_time", "mean", field("taxi_time"), "3h", "24h", "7d"),
    ),
    "sky": (
        "weather",
        ["origin"],
        latest("temp", field("temp"), "3h")
        | latest("dewp", field("dewp"), "3h")
        | latest("humid", field("humid"), "3h")
        | latest("wind", plausible_wind, "3h")
        | latest("gust", field("wind_gust"), "3h")
        | latest("rain", field("precip"), "3h")
        | latest("visibility", field("visib"), "3h")
        | latest("pressure", field("pressure"), "3h")
        | over("mean_pressure", "mean", field("pressure"), "6h")
        | over("rainfall", "sum", field("precip"), "6h", "24h")
        | over("worst_visibility", "min", field("visib"), "6h")
        | over("strongest_gust", "max", field("wind_gust"), "6h"),
    ),
    "ramp": (
        "departures",
        ["carrier", "origin"],
        over("departures", "count", one, "3h")
        | over("late_share", "mean", LATE_OUT, "3h", "7d", "30d")
        | over("mean_delay", "mean", DEPARTED, "1h", "3h", "24h"),
    ),
    "ramp_demand": ("schedule", ["carrier", "origin"], over("flights", "count", one, "1h", "4h")),
    "airline": (
        "arrivals",
        ["carrier"],
        over("late_share", "mean", LATE_IN, "3h", "30d")
        | over("mean_delay", "mean", LANDED, "3h", "24h", "7d")
        | over("made_up", "mean", made_up, "24h", "7d"),
    ),
    "outbound": (
        "departures",
        ["dest"],
        over("late_share", "mean", LATE_OUT, "1h", "3h") | over("mean_delay", "mean", DEPARTED, "1h", "3h", "24h"),
    ),
    "landings": (
        "arrivals",
        ["dest"],
        over("late_share", "mean", LATE_IN, "3h", "30d")
        | over("mean_delay", "mean", LANDED, "3h", "24h", "7d")
        | over("made_up", "mean", made_up, "3h", "24h", "7d"),
    ),
    "leg": (
        "arrivals",
        ["route"],
        over("mean_delay", "mean", LANDED, "24h", "7d")
        | over("air_time", "mean", field("air_time"), "24h", "7d", "30d")
        | over("taxi_time", "mean", field("taxi_time"), "24h", "30d"),
    ),
    "habit": (
        "arrivals",
        ["flight", "route"],
        over("flights", "count", one, "30d")
        | over("late_share", "mean", LATE_IN, "30d", "90d")
        | over("mean_delay", "mean", LANDED, "7d", "30d")
        | over("made_up", "mean", made_up, "30d"),
    ),
    "inbound": (
        "arrivals",
        ["tailnum"],
        latest("arrived_at", moment("arrived_at"), "4d")
        | latest("air_time", field("air_time"), "4d")
        | latest("delay", field("arr_delay"), "4d")
        | latest("made_up", made_up, "4d")
        | over("mean_delay", "mean", LANDED, "24h", "7d"),
    ),
    "airborne": (
        "departures",
        ["tailnum"],
        latest("departed_at", moment("departed_at"), "4d")
        | over("flights", "count", one, "24h")
        | over("worst_delay", "max", DEPARTED, "12h"),
    ),
    "rotation": (
        "schedule",
        ["tailnum"],
        latest("departure", moment("scheduled_departure"), "4d")
        | latest("arrival", moment("scheduled_arrival"), "4d")
        | latest("distance", field("distance"), "4d")
        | over("flights", "count", one, "24h"),
    ),
    "airframe": (
        "aircraft",
        ["tailnum"],
        latest("seats", field("seats"), "ever") | latest("built", field("year"), "ever"),
    ),
}
TIME = {
    "schedule": "asked_at",
    "departures": "departed_at",
    "arrivals": "arrived_at",
    "weather": "observed_at",
    "aircraft": "listed_at",
}


class Airports:
    """The expected features of any flight, from the rows of each source."""

    def __init__(self, rows: Mapping[str, Sequence[Row]]) -> None:
        pairs = {(source, tuple(keys)) for source, keys, _ in VIEWS.values()}
        self._events = {
            (source, keys): Events(
                rows[source], keys=keys, time=TIME[source], delay="20m" if source == "weather" else "0m"
            )
            for source, keys in pairs
        }

    def features(self, flight: Row) -> dict[str, Any]:
        at = us(flight["asked_at"])
        groups = {
            name: view(self._events[source, tuple(keys)], tuple(flight[key] for key in keys), at, features)
            for name, (source, keys, features) in VIEWS.items()
        }
        groups["trip"] = trip(flight)
        groups["slack"] = slack(flight, groups)
        groups["queue"] = queue(groups)
        return {f"{group}__{name}": value for group, made in groups.items() for name, value in made.items()}


def minutes(later: int | None, earlier: int | None) -> Any:
    return lift(lambda a, b: (a - b) / MINUTE)(later, earlier)


def minus(*values: float | None) -> Any:
    def subtract(first: float, *rest: float) -> float:
        for value in rest:
            first -= value
        return first

    return lift(subtract)(*values)


def trip(flight: Row) -> dict[str, Any]:
    local = flight["scheduled_departure"].astimezone(ZoneInfo("America/New_York"))
    return {
        "hour": local.hour + local.minute / 60,
        "weekday": float(local.weekday()),
        "arrival_hour": float(flight["scheduled_arrival"].hour),
        "distance": flight["distance"],
        "minutes": minutes(us(flight["scheduled_arrival"]), us(flight["scheduled_departure"])),
        "carrier": float(CARRIERS.index(flight["carrier"])),
        "origin": float(["EWR", "JFK", "LGA"].index(flight["origin"])),
    }


def slack(flight: Row, groups: Mapping[str, Row]) -> dict[str, Any]:
    inbound, rotation, leg = groups["inbound"], groups["rotation"], groups["leg"]
    due, asked = us(flight["scheduled_departure"]), us(flight["asked_at"])
    planned = groups["trip"]["minutes"]
    both_ways = lift(lambda m: 2 * m)(minutes(rotation["arrival"], rotation["departure"]))
    return {
        "at_gate": minus(minutes(due, inbound["arrived_at"]), inbound["air_time"], 90),
        "planned": minus(minutes(due, rotation["arrival"]), lift(lambda d: d / 7.5)(rotation["distance"]), 90),
        "since_departure": minus(minutes(due, groups["airborne"]["departed_at"]), both_ways),
        "since_arrival": minutes(asked, inbound["arrived_at"]),
        "in_the_air": lift(lambda a, b: a > b)(groups["airborne"]["departed_at"], inbound["arrived_at"]),
        "in_schedule": minus(planned, leg["air_time_30d"], leg["taxi_time_30d"]),
        "in_schedule_now": minus(planned, leg["air_time_7d"], groups["outcome"]["taxi_time_3h"]),
        "headwind": minus(leg["air_time_24h"], leg["air_time_30d"]),
    }


def queue(groups: Mapping[str, Row]) -> dict[str, Any]:
    demand, ramp_demand, congestion, sky = (groups[name] for name in ("demand", "ramp_demand", "congestion", "sky"))
    return {
        "not_departed": minus(demand["flights_4h"], demand["flights_1h"], congestion["departures_3h"]),
        "not_departed_here": minus(
            ramp_demand["flights_4h"], ramp_demand["flights_1h"], groups["ramp"]["departures_3h"]
        ),
        "worsening": minus(congestion["mean_delay_1h"], congestion["mean_delay_3h"]),
        "falling_pressure": minus(sky["mean_pressure_6h"], sky["pressure"]),
    }
