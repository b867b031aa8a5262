"""Feature functions as people write them, with a sample for each."""

from __future__ import annotations

import numpy as np
import pandas as pd


def flights(df):
    """A notebook's features of flights."""
    df = df.copy()
    df["speed"] = df["distance"] / (df["air_time"] / 60)
    df["is_late"] = (df["dep_delay"] > 15).astype(int)
    df["hour_local"] = df["departed_at"].dt.tz_convert("America/New_York").dt.hour
    df["weekday"] = df["departed_at"].dt.dayofweek
    df["is_weekend"] = df["weekday"].isin([5, 6])
    df["season"] = np.select([df["departed_at"].dt.month.isin([12, 1, 2]), df["departed_at"].dt.month <= 5], [0, 1], 2)
    df["log_distance"] = np.log1p(df["distance"])
    df["delay_capped"] = df["dep_delay"].clip(-30, 180).fillna(0)
    df["origin_code"] = df["origin"].map({"EWR": 0, "JFK": 1, "LGA": 2})
    df["big_carrier"] = df["carrier"].isin(["UA", "DL", "AA"])
    df["delay_per_mile"] = (df["dep_delay"] / df["distance"]).replace([np.inf, -np.inf], np.nan)
    return df


def taxi(df):
    """Trips: distance, duration, fares."""
    out = pd.DataFrame(index=df.index)
    minutes = (df.dropoff - df.pickup).dt.total_seconds() / 60
    out["minutes"] = minutes.clip(lower=0)
    out["kmh"] = np.where(minutes > 0, df.km / (minutes / 60), np.nan)
    out["night"] = (df.pickup.dt.hour >= 22) | (df.pickup.dt.hour < 6)
    out["rush"] = df.pickup.dt.hour.between(7, 9) & (df.pickup.dt.dayofweek < 5)
    out["tip_share"] = (df.tip / df.fare).fillna(0).clip(0, 1)
    out["fare_rounded"] = df.fare.round(1)
    out["airport"] = df.zone.str.contains("Airport", na=False, regex=False)
    out["zone_prefix"] = df.zone.str.lower().str[:3] == "man"
    out["card"] = df.payment.str.strip().str.upper().eq("CARD")
    out["passengers"] = df.passengers.replace(0, 1)
    return out


def _band(age):
    if pd.isna(age):
        return 0
    if age < 25:
        return 1
    return 2 if age < 60 else 3


def credit(df):
    """Applications: ratios, flags, bands, a row function."""
    df["debt_ratio"] = df["debt"] / df["income"].where(df["income"] > 0)
    df["utilisation"] = (df["balance"] / df["limit"]).clip(0, 2)
    df["age_band"] = pd.cut(df["age"], bins=[0, 25, 40, 60, np.inf], labels=False)
    df["band_by_hand"] = df["age"].apply(_band)
    df["risky"] = df.apply(lambda row: 1 if row.debt > row.income and row["late_payments"] > 2 else 0, axis=1)
    df["has_phone"] = df["phone"].notna()
    df["employment_years"] = (df["applied"] - df["employed_since"]).dt.days / 365.25
    df["score"] = np.maximum(df["score_a"], df["score_b"])
    df["log_income"] = np.log(df["income"].clip(lower=1))
    df.loc[df["late_payments"] > 10, "score"] = 0
    df["quarter"] = df["applied"].dt.quarter


def shop(df):
    """Orders of a web shop."""
    return df.assign(
        value_per_item=lambda d: d.total / d.n_items,
        free_shipping=lambda d: d.total >= 50,
        discount=lambda d: 1 - d.total / d.list_price,
        mail_is_free=lambda d: d.email.str.endswith(("gmail.com", "gmx.de")),
        country_home=lambda d: d.country.fillna("?") == "DE",
        month_start=lambda d: d.ordered.dt.is_month_start,
        half_price=lambda d: (d.list_price / 2).round(),
        coupon_length=lambda d: d.coupon.str.len().fillna(0),
        label=lambda d: d.country + "-" + d.coupon,
    )


def leaking(df):
    """What is no property of a row."""
    df["mean_by_origin"] = df.groupby("origin")["dep_delay"].transform("mean")
    df["scaled"] = (df["dep_delay"] - df["dep_delay"].mean()) / df["dep_delay"].std()
    df["before"] = df["dep_delay"].shift(1)
    df["rolling"] = df["dep_delay"].rolling(3).mean()
    df["rank"] = df["dep_delay"].rank()
    df["code"] = df["origin"].astype("category").cat.codes
    df["late"] = df["dep_delay"] > 15
    return df


def by_python(df):
    """Row by row, but nothing that an expression can say."""
    df["vowels"] = [sum(c in "AEIOU" for c in str(text)) for text in df["origin"]]
    df["sine"] = np.sin(df["dep_delay"])
    df["digits"] = df["origin"].str.extract(r"(\d+)")[0].fillna("none")
    df["late"] = df["dep_delay"] > 15
    return df


def flight_rows(rows=300, seed=0):
    random = np.random.default_rng(seed)
    minutes = random.integers(0, 365 * 24 * 60, rows)
    return pd.DataFrame(
        {
            "flight_id": [f"f{i}" for i in range(rows)],
            "departed_at": pd.Timestamp("2013-01-01", tz="UTC") + pd.to_timedelta(minutes, unit="m"),
            "origin": random.choice(["EWR", "JFK", "LGA"], rows),
            "carrier": random.choice(["UA", "DL", "B6", "EV", None], rows),
            "distance": random.integers(0, 3000, rows),
            "air_time": random.choice([np.nan, 0.0, 35.0, 120.0, 333.0], rows),
            "dep_delay": np.where(random.random(rows) < 0.1, np.nan, random.normal(10, 40, rows).round()),
        }
    )


def taxi_rows(rows=300, seed=0):
    random = np.random.default_rng(seed)
    pickup = pd.Timestamp("2024-02-28") + pd.to_timedelta(random.integers(0, 10**6, rows), unit="s")
    return pd.DataFrame(
        {
            "pickup": pickup,
            "dropoff": pickup + pd.to_timedelta(random.integers(-60, 7200, rows), unit="s"),
            "km": random.gamma(2, 3, rows),
            "fare": random.choice([0.0, 5.25, 12.5, 33.35, np.nan], rows),
            "tip": random.choice([0.0, 1.0, 2.5, np.nan], rows),
            "zone": random.choice(["Manhattan North", "JFK Airport", "Queens", None], rows),
            "payment": random.choice(["card", " Card ", "cash"], rows),
            "passengers": random.integers(0, 6, rows),
        }
    )


def credit_rows(rows=300, seed=0):
    random = np.random.default_rng(seed)
    applied = pd.Timestamp("2023-01-01") + pd.to_timedelta(random.integers(0, 500, rows), unit="D")
    return pd.DataFrame(
        {
            "applied": applied,
            "employed_since": applied - pd.to_timedelta(random.integers(-10, 9000, rows), unit="D"),
            "income": random.choice([0.0, 1200.0, 35000.0, np.nan], rows),
            "debt": random.gamma(1, 9000, rows),
            "balance": random.gamma(1, 900, rows),
            "limit": random.choice([0.0, 1000.0, 5000.0], rows),
            "age": random.choice([18.0, 25.0, 40.5, 60.0, 90.0, np.nan], rows),
            "late_payments": random.integers(0, 15, rows),
            "phone": random.choice(["+49", None], rows),
            "score_a": random.normal(600, 50, rows),
            "score_b": random.choice([580.0, 610.0, np.nan], rows),
        }
    )


def shop_rows(rows=300, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "ordered": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 400, rows), unit="D"),
            "total": random.gamma(2, 20, rows).round(2),
            "list_price": random.choice([0.0, 9.99, 25.0, 101.0], rows),
            "n_items": random.integers(0, 5, rows),
            "email": random.choice(["a@gmail.com", "b@gmx.de", "c@firm.com", None], rows),
            "country": random.choice(["DE", "FR", None], rows),
            "coupon": random.choice(["SPRING", "X", None], rows),
        }
    )


def titanic(train):
    """As in a hundred kernels."""
    df = train.copy()
    df.columns = [name.lower() for name in df.columns]
    df["familysize"] = df["sibsp"] + df["parch"] + 1
    df["isalone"] = 0
    df.loc[df["familysize"] == 1, "isalone"] = 1
    df["embarked"] = df["embarked"].fillna("S")
    df["fare"] = df["fare"].fillna(df["fare"].median())
    df["sex"] = df["sex"].map({"female": 0, "male": 1}).fillna(-1).astype(int)
    df.loc[df["age"] <= 16, "ageband"] = 0
    df.loc[(df["age"] > 16) & (df["age"] <= 48), "ageband"] = 1
    df.loc[df["age"] > 48, "ageband"] = 2
    df["ageband"] = df["ageband"].fillna(-1).astype(int)
    df["title"] = df["name"].str.extract(r" ([A-Za-z]+)\.", expand=False)
    df["age*class"] = df.age * df.pclass
    for column in ["age", "sibsp"]:
        df[column + "_log"] = np.log1p(df[column])
    df["fare_bin"] = pd.qcut(df["fare"], 4, labels=False, duplicates="drop")
    df = pd.concat([df, pd.get_dummies(df["embarked"], prefix="emb")], axis=1)
    df["relatives"] = df[["sibsp", "parch"]].sum(axis=1)
    df["usual"] = df[["age", "fare"]].mean(axis=1)
    df["older"] = df[["age", "sibsp"]].max(axis=1)
    return df.drop(columns=["name"]).query("pclass < 100 or pclass >= 100")


def titanic_rows(rows=300, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "Pclass": random.integers(1, 4, rows),
            "Name": random.choice(["Braund, Mr. Owen", "Heik, Miss. Laina", "X, Lady. Y"], rows),
            "Sex": random.choice(["male", "female"], rows),
            "Age": random.choice([22.0, 16.0, np.nan, 4.5, 60.0], rows),
            "SibSp": random.integers(0, 3, rows),
            "Parch": random.integers(0, 3, rows),
            "Fare": random.gamma(2, 15, rows).round(3),
            "Embarked": random.choice(["S", "C", "Q", None], rows),
        }
    )
