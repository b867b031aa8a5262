"""Random feature functions of pandas, as the text that an author would have written, and random frames for them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

NUMBERS = ["df.a", "df.b", "df.n", "df['m']"]
CONSTANTS = ["0", "1", "2", "-3", "0.5", "2.5", "10", "100.0"]

constants = st.sampled_from(CONSTANTS)
texts = st.sampled_from(["df.s", "df.s.str.lower()", "df.s.str.strip()", "df.s.fillna('none')", "df.s.str[:2]"])


def frame(seed: int, rows: int = 80) -> pd.DataFrame:
    """Numbers with nulls, zeros and ties, whole numbers, bools, texts and times."""
    random = np.random.default_rng(seed)
    some = [np.nan, 0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 10.0, 1e6, -7.25, 0.1, 3.0]
    hours = random.integers(0, 24 * 800, (2, rows))
    return pd.DataFrame(
        {
            "a": random.choice(some, rows),
            "b": np.where(random.random(rows) < 0.5, random.normal(0, 50, rows), random.choice(some, rows)),
            "n": random.integers(-5, 30, rows),
            "m": random.integers(0, 3, rows),
            "p": random.random(rows) < 0.4,
            "s": random.choice(["JFK", "lga", " EWR ", "", "x", None], rows),
            "t": pd.Timestamp("2012-12-30") + pd.to_timedelta(hours[0], unit="h"),
            "u": pd.Timestamp("2012-12-30 00:30") + pd.to_timedelta(hours[1], unit="h"),
        }
    )


def _binary(inner):
    return st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), st.one_of(inner, constants)).map(
        lambda x: f"({x[0]} {x[1]} {x[2]})"
    )


def _of_number(inner, conditions):
    methods = [
        ".abs()",
        ".fillna(0)",
        ".fillna(-1.5)",
        ".clip(0, 10)",
        ".clip(lower=-2)",
        ".clip(upper=5.5)",
        ".round()",
    ]
    methods += [".round(1)", ".replace([np.inf, -np.inf], np.nan)", ".replace(1, 7)", ".fillna(df.b)"]
    functions = ["np.floor({})", "np.ceil({})", "np.sqrt({})", "np.abs({})", "np.sign({}.fillna(0))", "-{}"]
    functions += ["np.maximum({}, 1)", "np.minimum({}, df.n)", "np.square({})", "np.trunc({})", "np.rint({})"]
    return st.one_of(
        st.tuples(inner, st.sampled_from(methods)).map("".join),
        st.tuples(st.sampled_from(functions), inner).map(lambda x: x[0].format(f"({x[1]})")),
        st.tuples(conditions, inner, st.one_of(inner, constants))
        .map(lambda x: f"np.where({x[0]}, {x[1]}, {x[2]})")
        .map(lambda text: f"pd.Series({text}, index=df.index)"),
        st.tuples(inner, conditions).map(lambda x: f"({x[0]}).where({x[1]})"),
        st.tuples(inner, conditions, constants).map(lambda x: f"({x[0]}).mask({x[1]}, {x[2]})"),
        conditions.map(lambda p: f"({p}).astype(int)"),
    )


leaves = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(["df.t.dt.hour", "df.t.dt.dayofweek", "df.t.dt.month", "df.u.dt.day", "df.t.dt.dayofyear"]),
    st.sampled_from(
        ["(df.t - df.u).dt.total_seconds()", "((df.t - df.u) / pd.Timedelta('1h'))", "(df.t - df.u).dt.days"]
    ),
    st.sampled_from(
        ["df.s.str.len()", "df.s.map({'JFK': 0, 'lga': 1})", "df.s.map({'JFK': 2.5, 'x': -1, 'lga': 2.5})"]
    ),
)


def _conditions(numbers):
    compare = st.sampled_from([">", ">=", "<", "<=", "==", "!="])
    plain = st.one_of(
        st.tuples(numbers, compare, st.one_of(constants, numbers)).map(lambda x: f"(({x[0]}) {x[1]} ({x[2]}))"),
        st.sampled_from(["df.p", "~df.p", "df.s.isna()", "df.a.notna()", "df.b.isin([0, 1, 2.5])", "(df.t > df.u)"]),
        st.tuples(texts, st.sampled_from(["== 'JFK'", "!= 'x'", ".isin(['JFK', 'lga'])", ".str.contains('F')"])).map(
            lambda x: f"({x[0]} {x[1]})" if x[1][0] in "=!" else f"{x[0]}{x[1]}"
        ),
        numbers.map(lambda x: f"({x}).between(0, 2.5)"),
        numbers.map(lambda x: f"({x}).isna()"),
    )
    joined = st.tuples(plain, st.sampled_from(["&", "|"]), plain).map(lambda x: f"({x[0]} {x[1]} {x[2]})")
    return st.one_of(plain, joined, joined.map(lambda p: f"(~{p})"))


_shallow = st.one_of(leaves, _binary(leaves))
conditions = _conditions(_shallow)
_deeper = st.one_of(_shallow, _of_number(_shallow, conditions))
numbers = st.one_of(_deeper, _binary(_deeper), _of_number(_deeper, conditions))
columns = st.one_of(numbers, conditions)


def function_of(expressions: list[str]):
    """The function that assigns each expression to a column, compiled from its text."""
    lines = [f"    df['x{i}'] = {text}" for i, text in enumerate(expressions)]
    names: dict = {"np": np, "pd": pd}
    exec(
        compile("\n".join(["def features(df):", "    df = df.copy()", *lines, "    return df"]), "program.py", "exec"),
        names,
    )
    return names["features"]
