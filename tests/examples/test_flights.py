"""The flights example: its instants are right, its features are what plain Python says, and none looks ahead."""

from __future__ import annotations

import csv
import io
import random
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from gapless.features import TableSources, compute
from tests.examples.flights_oracle import TIME, Airports
from tests.examples.load import module
from tests.examples.oracle import differences

data = module("flights", "data")
product = module("flights", "product")
MODEL = product.late_arrival
Tables = dict[str, pa.Table]
HOUR = timedelta(hours=1)
BEGINNING = datetime(2013, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def events() -> Tables:
    return data.events()


@pytest.fixture(scope="module")
def raw() -> list[dict[str, str]]:
    """Every 97th row of the package, read once more by other means."""
    path = data._package_file("flights.csv.zip")
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        return [row for i, row in enumerate(csv.DictReader(io.TextIOWrapper(file))) if i % 97 == 0]


def by_id(table: pa.Table, ids: set[str]) -> dict[str, dict[str, Any]]:
    found = table.filter(pc.is_in(table["flight_id"], pa.array(sorted(ids))))
    return {row["flight_id"]: row for row in found.to_pylist()}


def id_of(row: dict[str, str]) -> str:
    day = f"{row['year']}-{int(row['month']):02}-{int(row['day']):02}"
    return f"{day}-{row['carrier']}-{row['flight']}-{row['origin']}"


# --- the data -----------------------------------------------------------------------------------------------------


def test_rows_and_ids(events: Tables) -> None:
    ids = {name: set(events[name]["flight_id"].to_pylist()) for name in ("schedule", "departures", "arrivals")}
    assert {name: len(found) for name, found in ids.items()} == {
        "schedule": 336_776,
        "departures": 328_521,
        "arrivals": 327_346,
    }
    assert all(len(found) == events[name].num_rows for name, found in ids.items())
    assert ids["arrivals"] < ids["departures"] < ids["schedule"]
    assert (events["weather"].num_rows, events["aircraft"].num_rows) == (26_115, 3_322)


def test_each_source_is_in_the_order_of_its_events(events: Tables) -> None:
    for name, time in TIME.items():
        us = events[name][time].cast(pa.int64()).to_numpy()
        assert (us[1:] >= us[:-1]).all(), name
        assert events[name][time].null_count == 0


def test_the_same_bytes_on_every_call(tmp_path: Path) -> None:
    first, second = (data.write(tmp_path / name) for name in ("a", "b"))
    assert {n: p.read_bytes() for n, p in first.items()} == {n: p.read_bytes() for n, p in second.items()}


def test_a_flight_is_asked_about_then_leaves_then_lands(events: Tables) -> None:
    story = events["schedule"].join(events["departures"].select(["flight_id", "departed_at"]), "flight_id")
    story = story.join(events["arrivals"].select(["flight_id", "arrived_at", "air_time"]), "flight_id")
    us = {
        name: story[name].cast(pa.int64()).to_pandas() for name in story.column_names if name.endswith(("_at", "ture"))
    }
    assert (us["scheduled_departure"] - us["asked_at"] == 3_600_000_000).all()
    assert (us["departed_at"].dropna() > us["asked_at"][us["departed_at"].notna()]).all()
    ground = ((us["arrived_at"] - us["departed_at"]) / 60e6 - story["air_time"].to_pandas()).dropna()
    assert ground.min() == 5
    assert ground.max() == 235
    assert (ground > 180).sum() == 5  # thunderstorms in July, and one that landed elsewhere on the way
    flown = (us["arrived_at"] - us["departed_at"]).dropna() / 3.6e9
    assert round(flown.median(), 2) == 2.67
    assert round(1 - len(flown) / story.num_rows, 3) == 0.028


def test_the_published_delay_is_the_difference_of_the_instants() -> None:
    assert data.disagreements().num_rows == 0


def test_clocks_show_the_published_times(events: Tables, raw: list[dict[str, str]]) -> None:
    ids = {id_of(row) for row in raw}
    schedule, arrivals = by_id(events["schedule"], ids), by_id(events["arrivals"], ids)
    zone_of = (
        dict(zip(*(data._read("airports.csv")[c].to_pylist() for c in ("faa", "tzone")), strict=True)) | data.ISLANDS
    )
    assert len(ids) == len(raw) == len(schedule) == 3_472
    for row in raw:
        here, there = ZoneInfo("America/New_York"), ZoneInfo(zone_of[row["dest"]])
        flight = schedule[id_of(row)]
        assert shown(flight["scheduled_departure"], here) == int(row["sched_dep_time"])
        assert shown(flight["scheduled_arrival"], there) == int(row["sched_arr_time"]) % 2400
        local = flight["scheduled_departure"].astimezone(here)
        assert (local.month, local.day) == (int(row["month"]), int(row["day"]))
        if id_of(row) in arrivals:
            assert shown(arrivals[id_of(row)]["arrived_at"], there) == int(row["arr_time"]) % 2400


def shown(moment: datetime, zone: ZoneInfo) -> int:
    local = moment.astimezone(zone)
    return local.hour * 100 + local.minute


@pytest.mark.parametrize(("before", "after"), [((2013, 3, 9), (2013, 3, 11)), ((2013, 11, 4), (2013, 11, 1))])
def test_six_in_the_morning_comes_an_hour_earlier_in_summer(
    events: Tables, before: tuple[int, int, int], after: tuple[int, int, int]
) -> None:
    winter, summer = (datetime(*day, hour, tzinfo=UTC) for day, hour in ((before, 11), (after, 10)))
    for moment in (winter, summer):
        at_six = events["schedule"].filter(pc.equal(events["schedule"]["scheduled_departure"], moment))
        found = features(events, at_six)
        assert at_six.num_rows > 5
        assert set(found["trip__hour"].to_pylist()) == {6.0}


def test_no_hour_is_lost_or_doubled_when_clocks_change(events: Tables) -> None:
    due = events["schedule"]["scheduled_departure"].to_pandas()
    local = due.dt.tz_convert("America/New_York")
    for day in ("2013-03-10", "2013-11-03"):
        count = (local.dt.strftime("%Y-%m-%d") == day).sum()
        assert 850 < count < 1_000, day
    minutes = (events["schedule"]["scheduled_arrival"].to_pandas() - due).dt.total_seconds() / 60
    assert minutes.between(50, 700).all()


# --- the features -------------------------------------------------------------------------------------------------


def features(tables: Tables, requests: pa.Table) -> pa.Table:
    return pa.Table.from_batches(list(compute(MODEL, requests, TableSources(tables))))


def until(tables: Tables, moment: datetime) -> Tables:
    return {name: table.filter(pc.less(table[TIME[name]], moment)) for name, table in tables.items()}


@pytest.fixture(scope="module")
def spring(events: Tables) -> Tables:
    """From February to a week after clocks went forward on March 10."""
    table = {name: table.filter(pc.greater(table[TIME[name]], BEGINNING)) for name, table in events.items()}
    return until(table | {"aircraft": events["aircraft"]}, datetime(2013, 3, 17, tzinfo=UTC))


def sample(table: pa.Table, rows: int, seed: int) -> pa.Table:
    return table.take(sorted(random.Random(seed).sample(range(table.num_rows), rows)))


def test_the_model_has_features_of_every_kind() -> None:
    assert len(MODEL.vector) == 103
    assert {view.entity.name for view in MODEL.views} == {
        *("origin", "destination", "carrier", "station", "route", "flight_number", "plane")
    }
    assert len(MODEL.request_only) == 7


def test_every_feature_is_what_plain_python_says(spring: Tables) -> None:
    asked = spring["schedule"]
    requests = pa.concat_tables([sample(asked, 150, 1), sample(asked.slice(asked.num_rows - 8_000), 100, 2)])
    airports = Airports({name: table.to_pylist() for name, table in spring.items()})
    expected = [airports.features(row) for row in requests.to_pylist()]
    found = features(spring, requests)
    assert set(expected[0]) == set(MODEL.outputs)
    assert differences(found.to_pylist(), expected, list(MODEL.outputs)) == []
    some = {name for row in expected for name, value in row.items() if value is not None}
    assert some == set(MODEL.outputs)  # no feature is null throughout


def visible_from(name: str, table: pa.Table) -> pa.Array:
    delay = 20 * 60_000_000 if name == "weather" else 1
    return pc.add(table[TIME[name]].cast(pa.int64()), delay)


def altered(tables: Tables, change: Any) -> Tables:
    """Where `change(visible_from)` is true, numbers grow by a thousand, and every third row goes."""
    return {name: _altered(table, change(visible_from(name, table))) for name, table in tables.items()}


def _altered(table: pa.Table, hit: pa.ChunkedArray) -> pa.Table:
    for i, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            table = table.set_column(i, field, pc.if_else(hit, pc.add(table[field.name], 1000.0), table[field.name]))
    third = pa.array([place % 3 == 0 for place in range(table.num_rows)])
    return table.filter(pc.invert(pc.and_(hit, third)))


@pytest.mark.parametrize("seed", range(4))
def test_no_feature_looks_past_its_time(spring: Tables, seed: int) -> None:
    asked = spring["schedule"]
    moment = random.Random(seed).choice(asked["asked_at"].slice(20_000).to_pylist())
    us = int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
    recent = pc.and_(pc.greater(asked["asked_at"], moment - 6 * HOUR), pc.less_equal(asked["asked_at"], moment))
    requests = asked.filter(recent)
    before = features(spring, requests)
    assert features(altered(spring, lambda visible: pc.greater(visible, us)), requests).equals(before)
    assert features(until(spring, moment), requests).equals(before)
    changed = features(altered(spring, lambda visible: pc.less_equal(visible, us)), requests)
    own = {*asked.column_names, *MODEL.request_only}
    told = [name for name in before.column_names if before[name].null_count < before.num_rows]
    same = {name for name in told if changed[name].equals(before[name])}
    assert same <= own | {"inbound__made_up", "inbound__arrived_at", "airborne__departed_at"}
