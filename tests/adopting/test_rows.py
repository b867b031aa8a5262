"""Functions of one value or one row: each of their branches is followed."""

import numpy as np
import pandas as pd
import pytest

import gapless.adopting.modules as modules
from gapless.adopting import adopt
from tests.adopting import functions
from tests.adopting.programs import frame


def column(function, rows=None):
    (found,) = adopt(function, frame(0) if rows is None else rows, probes=1_200).columns
    return found


def grade(x):
    if pd.isna(x):
        return -1
    if x < 0:
        return 0
    for limit, value in ((1, 1), (5, 2), (100, 3)):
        if x <= limit:
            return value
    return 4


def kind(row):
    if row["s"] in ("JFK", "lga") and row.n > 3:
        return "near"
    return "far" if row.b > row.a else "same"


@pytest.mark.parametrize(
    "function",
    [
        lambda df: df.assign(x=df.b.apply(grade)),
        lambda df: df.assign(x=df.b.map(grade)),
        lambda df: df.assign(x=df.apply(kind, axis=1)),
        lambda df: df.assign(x=df.apply(lambda row: max(row.a, row.b, 0.0), axis=1)),
        lambda df: df.assign(x=df.n.apply(lambda n: min(n, 10) ** 2)),
        lambda df: df.assign(x=df.n.apply(lambda n: sum(n > limit for limit in range(40)))),
        lambda df: df.assign(x=df.a.apply(lambda a: round(a * 2.5) if a == a else 0.0)),
        lambda df: df.assign(x=df.t.apply(lambda t: t.hour + t.month / 12)),
        lambda df: df.assign(x=df.s.fillna("").apply(lambda s: "F" in s.upper() or s.startswith("l"))),
        lambda df: df.assign(x=df.a.apply(lambda a: np.sqrt(abs(a)) if not np.isnan(a) else -1.0)),
        lambda df: df.assign(x=df.n.apply(lambda n: "big" if n > 10 and n % 2 == 0 else "small")),
    ],
)
def test_branches_become_choices(function):
    found = column(function)
    assert found.status == "expressed", found.reason
    assert found.compared.same


def test_the_choice_reads_like_one():
    found = column(lambda df: df.assign(x=df.n.apply(lambda n: "big" if n > 10 else "small")))
    assert found.text == 'gl.when(r.n > 10, "big").otherwise("small")'


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (
            lambda df: df.assign(x=df.n.apply(lambda n: next((i for i in range(80) if n < i), 80))),
            "more than 64 branches",
        ),
        (lambda df: df.assign(x=df.s.apply(lambda s: len(str(s)))), "str(), len() or math of one value"),
        (lambda df: df.assign(x=df.n.apply(lambda n: {1: 2}.get(n, 0))), "raised TypeError while it was followed"),
        (lambda df: df.assign(x=df.s.fillna("").apply(lambda s: s.title())), "string.title"),
    ],
)
def test_what_cannot_be_followed_says_where(function, reason):
    found = column(function)
    assert found.status == "function"
    assert reason in found.reason
    assert "test_rows.py:" in found.reason


def test_nothing_outside_is_changed():
    adopt(functions.credit, functions.credit_rows(50), probes=0)
    assert functions.pd is pd
    assert pd.isna(np.nan) is True
    assert modules.rebound(len) is len
    assert functions._band(30.0) == 2
