"""Will this flight arrive more than 15 minutes late? Asked one hour before its scheduled departure from New York."""

from __future__ import annotations

from datetime import datetime

from sklearn.ensemble import HistGradientBoostingClassifier

import gapless as gl

NEW_YORK = "America/New_York"
CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]
LOST = "4d"  # an aircraft not seen for so long says nothing about today
TURN = 45  # minutes at the gate between two flights

# --- entities -----------------------------------------------------------------------------------------------------

origin = gl.Entity("origin", keys=["origin"])
destination = gl.Entity("destination", keys=["dest"])
carrier = gl.Entity("carrier", keys=["carrier"])
station = gl.Entity(
    "station", keys=["carrier", "origin"]
)  # an airline at one airport: its crews, gates and ground staff
route = gl.Entity("route", keys=["route"])
flight_number = gl.Entity("flight_number", keys=["flight", "route"])  # the same flight on other days
plane = gl.Entity("plane", keys=["tailnum"])

# --- sources: see data.py -----------------------------------------------------------------------------------------

FLIGHT = {
    "flight_id": str,
    "carrier": str,
    "flight": str,
    "origin": str,
    "dest": str,
    "route": str,
    "tailnum": str,
}
schedule = gl.EventSource(
    "schedule",
    schema={
        **FLIGHT,
        "distance": float,
        "scheduled_departure": datetime,
        "scheduled_arrival": datetime,
        "asked_at": datetime,
    },
    event_time="asked_at",
    event_id="flight_id",
)
departures = gl.EventSource(
    "departures",
    schema={**FLIGHT, "dep_delay": float, "departed_at": datetime},
    event_time="departed_at",
    event_id="flight_id",
)
arrivals = gl.EventSource(
    "arrivals",
    schema={
        **FLIGHT,
        "dep_delay": float,
        "arr_delay": float,
        "air_time": float,
        "taxi_time": float,
        "arrived_at": datetime,
    },
    event_time="arrived_at",
    event_id="flight_id",
)
weather = gl.EventSource(
    "weather",
    schema={
        "origin": str,
        "temp": float,
        "dewp": float,
        "humid": float,
        "wind_speed": float,
        "wind_gust": float,
        "precip": float,
        "pressure": float,
        "visib": float,
        "observed_at": datetime,
        "report": str,
    },
    event_time="observed_at",
    event_id="report",
    delay="20m",
)
aircraft = gl.EventSource(
    "aircraft",
    schema={
        "tailnum": str,
        "manufacturer": str,
        "model": str,
        "year": float,
        "engines": float,
        "seats": float,
        "listed_at": datetime,
    },
    event_time="listed_at",
    event_id="tailnum",
)


# One flight that waits a day for a spare part says little about the next one: its delay counts as four hours.
def at_departure(d):
    return d.dep_delay.clip(-60, 240)


def on_arrival(a):
    return a.arr_delay.clip(-60, 240)


def made_up(a):
    return a.dep_delay - a.arr_delay


# --- how it goes at the airport -----------------------------------------------------------------------------------


@gl.feature_view(entity=origin, source=departures)
def congestion(d):
    return {
        "departures": gl.count(windows=["1h", "3h", "24h"]),
        "late_share": gl.mean(d.dep_delay > 15, windows=["1h", "3h"]),
        "mean_delay": gl.mean(at_departure(d), windows=["1h", "3h", "24h"]),
        "worst_delay": gl.max(at_departure(d), windows=["1h"]),
    }


@gl.feature_view(entity=origin, source=schedule)
def demand(s):
    return {"flights": gl.count(windows=["1h", "2h", "4h", "24h"])}


@gl.feature_view(entity=origin, source=arrivals)
def outcome(a):
    return {
        "mean_delay": gl.mean(on_arrival(a), windows=["3h", "24h"]),
        "taxi_time": gl.mean(a.taxi_time, windows=["3h", "24h", "7d"]),
    }


@gl.feature_view(entity=origin, source=weather)
def sky(w):
    # Once in the year a sensor reads a wind of 1,048 miles per hour.
    return {
        "temp": gl.last(w.temp, max_age="3h"),
        "dewp": gl.last(w.dewp, max_age="3h"),
        "humid": gl.last(w.humid, max_age="3h"),
        "wind": gl.last(w.wind_speed, where=w.wind_speed < 200, max_age="3h"),
        "gust": gl.last(w.wind_gust, max_age="3h"),
        "rain": gl.last(w.precip, max_age="3h"),
        "visibility": gl.last(w.visib, max_age="3h"),
        "pressure": gl.last(w.pressure, max_age="3h"),
        "mean_pressure": gl.mean(w.pressure, windows=["6h"]),
        "rainfall": gl.sum(w.precip, windows=["6h", "24h"]),
        "worst_visibility": gl.min(w.visib, windows=["6h"]),
        "strongest_gust": gl.max(w.wind_gust, windows=["6h"]),
    }


# --- how it goes for the airline ----------------------------------------------------------------------------------


@gl.feature_view(entity=station, source=departures)
def ramp(d):
    return {
        "departures": gl.count(windows=["3h"]),
        "late_share": gl.mean(d.dep_delay > 15, windows=["3h", "7d", "30d"]),
        "mean_delay": gl.mean(at_departure(d), windows=["1h", "3h", "24h"]),
    }


@gl.feature_view(entity=station, source=schedule)
def ramp_demand(s):
    return {"flights": gl.count(windows=["1h", "4h"])}


@gl.feature_view(entity=carrier, source=arrivals)
def airline(a):
    return {
        "late_share": gl.mean(a.arr_delay > 15, windows=["3h", "30d"]),
        "mean_delay": gl.mean(on_arrival(a), windows=["3h", "24h", "7d"]),
        "made_up": gl.mean(made_up(a), windows=["24h", "7d"]),
    }


# --- how it goes on the way ---------------------------------------------------------------------------------------


@gl.feature_view(entity=destination, source=departures)
def outbound(d):
    return {
        "late_share": gl.mean(d.dep_delay > 15, windows=["1h", "3h"]),
        "mean_delay": gl.mean(at_departure(d), windows=["1h", "3h", "24h"]),
    }


@gl.feature_view(entity=destination, source=arrivals)
def landings(a):
    return {
        "late_share": gl.mean(a.arr_delay > 15, windows=["3h", "30d"]),
        "mean_delay": gl.mean(on_arrival(a), windows=["3h", "24h", "7d"]),
        "made_up": gl.mean(made_up(a), windows=["3h", "24h", "7d"]),
    }


@gl.feature_view(entity=route, source=arrivals)
def leg(a):
    return {
        "mean_delay": gl.mean(on_arrival(a), windows=["24h", "7d"]),
        "air_time": gl.mean(a.air_time, windows=["24h", "7d", "30d"]),
        "taxi_time": gl.mean(a.taxi_time, windows=["24h", "30d"]),
    }


@gl.feature_view(entity=flight_number, source=arrivals)
def habit(a):
    return {
        "flights": gl.count(windows=["30d"]),
        "late_share": gl.mean(a.arr_delay > 15, windows=["30d", "90d"]),
        "mean_delay": gl.mean(on_arrival(a), windows=["7d", "30d"]),
        "made_up": gl.mean(made_up(a), windows=["30d"]),
    }


# --- where the aircraft is ----------------------------------------------------------------------------------------


@gl.feature_view(entity=plane, source=arrivals)
def inbound(a):
    return {
        "arrived_at": gl.last(a.arrived_at, max_age=LOST),
        "air_time": gl.last(a.air_time, max_age=LOST),
        "delay": gl.last(a.arr_delay, max_age=LOST),
        "made_up": gl.last(made_up(a), max_age=LOST),
        "mean_delay": gl.mean(on_arrival(a), windows=["24h", "7d"]),
    }


@gl.feature_view(entity=plane, source=departures)
def airborne(d):
    return {
        "departed_at": gl.last(d.departed_at, max_age=LOST),
        "flights": gl.count(windows=["24h"]),
        "worst_delay": gl.max(at_departure(d), windows=["12h"]),
    }


@gl.feature_view(entity=plane, source=schedule)
def rotation(s):
    return {
        "departure": gl.last(s.scheduled_departure, max_age=LOST),
        "arrival": gl.last(s.scheduled_arrival, max_age=LOST),
        "distance": gl.last(s.distance, max_age=LOST),
        "flights": gl.count(windows=["24h"]),
    }


@gl.feature_view(entity=plane, source=aircraft)
def airframe(a):
    return {"seats": gl.last(a.seats), "built": gl.last(a.year)}


# --- what the request says, and what follows from all of it -------------------------------------------------------


@gl.on_demand
def trip(r):
    return {
        "hour": r.scheduled_departure.hour(NEW_YORK) + r.scheduled_departure.minute(NEW_YORK) / 60,
        "weekday": r.scheduled_departure.weekday(NEW_YORK),
        "arrival_hour": r.scheduled_arrival.hour(),
        "distance": r.distance,
        "minutes": r.scheduled_arrival.minutes_since(r.scheduled_departure),
        "carrier": r.carrier.position_in(CARRIERS),
        "origin": r.origin.position_in(["EWR", "JFK", "LGA"]),
    }


@gl.on_demand
def slack(r):
    """Minutes in hand: on the way, and at the gate before it. An aircraft comes back as long as it flew out."""
    at_gate = r.scheduled_departure.minutes_since(r.inbound.arrived_at) - r.inbound.air_time - 2 * TURN
    planned = r.scheduled_departure.minutes_since(r.rotation.arrival) - r.rotation.distance / 7.5 - 2 * TURN
    there_and_back = 2 * r.rotation.arrival.minutes_since(r.rotation.departure)
    return {
        "at_gate": at_gate,
        "planned": planned,
        "since_departure": r.scheduled_departure.minutes_since(r.airborne.departed_at) - there_and_back,
        "since_arrival": r.asked_at.minutes_since(r.inbound.arrived_at),
        "in_the_air": r.airborne.departed_at > r.inbound.arrived_at,
        "in_schedule": r.trip.minutes - r.leg.air_time_30d - r.leg.taxi_time_30d,
        "in_schedule_now": r.trip.minutes - r.leg.air_time_7d - r.outcome.taxi_time_3h,
        "headwind": r.leg.air_time_24h - r.leg.air_time_30d,
    }


@gl.on_demand
def queue(r):
    """The schedule comes an hour early: its last 4 hours less its last hour are the flights due in the last 3."""
    return {
        "not_departed": r.demand.flights_4h - r.demand.flights_1h - r.congestion.departures_3h,
        "not_departed_here": r.ramp_demand.flights_4h - r.ramp_demand.flights_1h - r.ramp.departures_3h,
        "worsening": r.congestion.mean_delay_1h - r.congestion.mean_delay_3h,
        "falling_pressure": r.sky.mean_pressure_6h - r.sky.pressure,
    }


# --- the model ----------------------------------------------------------------------------------------------------

# After two days nobody asks any more: what has not arrived by then was cancelled or diverted.
late = gl.Label("late", source=arrivals, value=lambda a: a.arr_delay > 15, give_up_after="2d")


def make_estimator():
    return HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=100,
        min_samples_leaf=200,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    )


late_arrival = gl.Model(
    "late_arrival",
    requests=schedule,
    features=[
        congestion,
        demand,
        outcome,
        sky,
        ramp,
        ramp_demand,
        airline,
        outbound,
        landings,
        leg,
        habit,
        inbound,
        airborne,
        rotation,
        airframe,
        trip,
        slack,
        queue,
    ],
    label=late,
    estimator=make_estimator,
    metrics=["roc_auc", "log_loss", "brier"],
    slices=["carrier", "origin"],
    streaming=True,  # a schedule that is pushed is answered as it comes
)

# The yardstick: what the request's own columns can tell.
own_columns = gl.Model(
    "own_columns",
    requests=schedule,
    features=[trip],
    label=late,
    estimator=make_estimator,
    metrics=late_arrival.metrics,
)

product = gl.Product("flights", models=[late_arrival, own_columns])
