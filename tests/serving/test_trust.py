"""How far an answer is trusted: each reason with its facts, and one row judged like the same row among many."""

import json
import math
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gapless as gl
from gapless.arrow import ARROW_TYPES
from gapless.bundle.profile import profile_of
from gapless.clock import DAY, HOUR, MINUTE
from gapless.product.trust import DEFAULT_LEVELS, LEVELS
from gapless.serving import Judge
from gapless.serving.judged import MOST_PER_CODE

ORDERS = gl.EventSource("orders", schema={"who": str, "x": float, "item": str, "at": datetime}, event_time="at")
VISITS = gl.EventSource("visits", schema={"who": str, "seconds": float, "at": datetime}, event_time="at")
ASKS = gl.EventSource("asks", schema={"id": str, "who": str, "t": datetime}, event_time="t", event_id="id")
TRUTH = gl.EventSource("truth", schema={"id": str, "y": float, "at": datetime}, event_time="at")
person = gl.Entity("person", keys=["who"])


@gl.feature_view(entity=person, source=ORDERS, freshness="2h")
def spend(o):
    return {
        "n": gl.count(windows=["1d"]),
        "total": gl.sum(o.x, windows=["1d"]),
        "kinds": gl.n_unique(o.item, windows=["1d"]),
        "favourite": gl.last(o.item),
        "when": gl.last(o.at),
    }


@gl.feature_view(entity=person, source=VISITS)
def stays(v):
    return {"mean": gl.mean(v.seconds, windows=["1h"]), "any": gl.any(v.seconds > 9, windows=["1d"])}


@gl.on_demand
def own(r):
    return {
        "gift": r.spend.favourite == "gift",
        "age": r.t.hours_since(r.spend.when),
        "hour": r.t.hour(),
        "double": r.spend.total_1d * 2,
    }


MODEL = gl.Model(
    "m",
    requests=ASKS,
    features=[spend, stays, own],
    label=gl.Label("y", source=TRUTH, value=lambda t: t.y > 0, give_up_after="2d"),
    estimator=object,
    metrics=["roc_auc"],
)
FEATURES = MODEL.feature_set
NOW = 100 * DAY
FRESH = {"spend": NOW, "stays": NOW}
SEEN = np.linspace(0, 10, 50, dtype=np.float32)[:, None].repeat(len(FEATURES.vector), axis=1)
PROFILE = profile_of(SEEN, FEATURES.vector, trained_until_us=NOW - DAY)
KNOWN = dict.fromkeys(FEATURES.outputs, 5.0) | {"spend__favourite": "tea", "spend__when": 5, "stays__any_1d": True}
OWN = {"own__age": 5.0, "own__double": 5.0, "own__gift": False, "own__hour": 5.0}
NOBODY = dict.fromkeys(FEATURES.outputs) | {"spend__n_1d": 0.0, "spend__kinds_1d": 0.0}


def vector_of(row):
    return np.array([math.nan if (value := row[name]) is None else value for name in FEATURES.vector], np.float32)


def judged(row=KNOWN, *, profile=PROFILE, rules=None, freshness=None, **around):
    judge = Judge(gl.Trust(**(rules or {})), profile, FEATURES, freshness)
    return judge.judge_row(row, vector_of(row), **({"at_us": NOW, "as_of_us": FRESH} | around))


def test_nothing_to_say_of_a_usual_answer():
    assert judged() == ("ok", [])


def reason(code, **facts):
    return [{"code": code, "level": DEFAULT_LEVELS[code], **facts}]


# What each reason looks like: (what differs from a usual answer, its facts).
CASES = {
    "no_answer": ({"answered": False}, {}),
    "store_unreachable": ({"store_down": True, "as_of_us": {}}, {"features": 7, "defaults": 0}),
    "not_materialized": ({"as_of_us": {"spend": NOW}}, {"view": "stays"}),
    "state_damaged": ({"damaged": {"spend"}}, {"view": "spend"}),
    "feature_stale": (
        {"as_of_us": FRESH | {"spend": NOW - 3 * HOUR}},
        {"view": "spend", "age_us": 3 * HOUR, "expected_us": 2 * HOUR},
    ),
    "asked_in_past": ({"asked_in_past": {"stays"}}, {"view": "stays"}),
    "entity_unseen": ({"row": NOBODY | OWN}, {"entity": "person"}),
    "missing_share": (
        {"row": KNOWN | dict.fromkeys(("own__age", "own__double", "own__hour", "spend__total_1d", "stays__mean_1h"))},
        {"missing": 5, "features": 9, "limit": 0.5},
    ),
    "out_of_range": (
        {"row": KNOWN | {"own__hour": 10.5}},
        {"feature": "own__hour", "value": 10.5, "low": 0.0, "high": 10.0},
    ),
    "model_old": (
        {"at_us": NOW + 90 * DAY, "as_of_us": dict.fromkeys(FRESH, NOW + 90 * DAY)},
        {"age_us": 91 * DAY, "limit_us": 90 * DAY},
    ),
    "fallback_model": ({"instead_of": "7"}, {"instead_of": "7"}),
}


def test_every_reason_has_a_case():
    assert list(CASES) == list(DEFAULT_LEVELS)


@pytest.mark.parametrize("code", CASES)
def test_a_reason_and_its_facts(code):
    around, facts = CASES[code]
    assert judged(**around) == (DEFAULT_LEVELS[code], reason(code, **facts))


def test_the_page_names_the_facts_of_each_reason():
    page = (Path(__file__).resolve().parents[2] / "docs" / "trust.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| \w+ \| .* \|(.*)\|$", page, re.MULTILINE))
    assert {code: set(re.findall(r"`(\w+)`", rows[code])) for code in CASES} == {
        c: set(f) for c, (_, f) in CASES.items()
    }


@pytest.mark.parametrize("code", CASES)
def test_a_level_is_the_authors(code):
    around, _ = CASES[code]
    assert judged(**around, rules={"levels": {code: "ok"}}) == ("ok", [])
    other = "degraded" if DEFAULT_LEVELS[code] == "unreliable" else "unreliable"
    level, (only,) = judged(**around, rules={"levels": {code: other}})
    assert level == only["level"] == other


def test_the_worst_reason_decides():
    level, reasons = judged(KNOWN | {"own__hour": 99.0}, damaged={"spend"})
    assert [one["code"] for one in reasons] == ["state_damaged", "out_of_range"]
    assert level == "unreliable"


def test_edges_are_still_fine():
    row = KNOWN | {"own__hour": 10.0, "own__double": 0.0, "own__age": None}
    assert judged(row, as_of_us={"spend": NOW - 2 * HOUR, "stays": NOW - HOUR}).trust == "ok"
    late = NOW + 89 * DAY
    assert judged(at_us=late, as_of_us=dict.fromkeys(FRESH, late)).trust == "ok"


def codes(row, **around):
    return [one["code"] for one in judged(row, **around).reasons]


def test_an_entity_is_known_while_one_feature_of_one_view_says_something():
    row = NOBODY | OWN
    assert codes(row) == ["entity_unseen"]
    known = {
        "spend__favourite": "",
        "spend__when": 0,
        "spend__n_1d": 1.0,
        "stays__mean_1h": 5.0,
        "stays__any_1d": False,
    }
    assert [codes(row | {column: value}) for column, value in known.items()] == [[]] * len(known)


@pytest.mark.parametrize("around", [{"as_of_us": {"spend": NOW}}, {"damaged": {"stays"}}, {"store_down": True}])
def test_nothing_is_said_of_an_entity_whose_state_is_not_all_there(around):
    assert "entity_unseen" not in codes(NOBODY | OWN, **around)


def test_a_store_that_is_away_says_nothing_of_the_views():
    assert codes(KNOWN, store_down=True, as_of_us={}, asked_in_past={"spend"}) == ["store_unreachable"]


def test_at_most_five_of_a_kind_and_how_many_more():
    row = KNOWN | {name: 50.0 for name in FEATURES.vector if "any" not in name and "gift" not in name}
    reasons = judged(row).reasons
    assert [one.get("feature") for one in reasons[:MOST_PER_CODE]] == [n for n in FEATURES.vector if row[n] == 50.0][:5]
    assert reasons[MOST_PER_CODE:] == reason("out_of_range", more=2)


def test_a_margin_widens_the_range():
    row = KNOWN | {"own__hour": 10.9, "own__double": -0.9}
    assert judged(row).trust == "degraded"
    assert judged(row, rules={"range_margin": 0.1}).trust == "ok"


def test_a_value_where_training_had_none_is_outside():
    never = np.where(np.array(FEATURES.vector) == "own__hour", np.float32(np.nan), SEEN)
    profile = profile_of(never, FEATURES.vector, trained_until_us=NOW)
    (only,) = judged(profile=profile).reasons
    assert only == reason("out_of_range", feature="own__hour", value=5.0, low=None, high=None)[0]


def test_what_training_often_missed_is_not_missed():
    holed = np.where(np.arange(len(FEATURES.vector)) < 6, np.float32(np.nan), SEEN)
    holed[::2] = SEEN[::2]
    holed[-1] = SEEN[-1]
    profile = profile_of(holed, FEATURES.vector, trained_until_us=NOW)
    row = CASES["missing_share"][0]["row"]
    assert judged(row, profile=profile).trust == "ok"
    assert judged(row, profile=profile, rules={"missing_limit": 0.4}).trust == "degraded"


def test_views_and_features_that_the_author_ignores():
    row = NOBODY | {"own__hour": 99.0, "own__gift": False, "own__age": 1.0, "own__double": 1.0}
    stale = dict.fromkeys(FRESH, 0)
    assert set(codes(row, as_of_us=stale)) == {"feature_stale", "entity_unseen", "out_of_range"}
    assert judged(row, as_of_us=stale, rules={"ignore": ["spend", "stays", "own__hour"]}) == ("ok", [])
    assert codes(row, rules={"ignore": ["spend", "own__hour"]}) == ["entity_unseen"]  # the other view knows nothing
    many = KNOWN | {"spend__n_1d": 99.0}
    assert judged(many, rules={"ignore": ["spend"]}).trust == "ok"


def test_freshness_of_the_product_in_force_counts():
    old = FRESH | {"spend": NOW - 3 * HOUR}
    assert judged(as_of_us=old, freshness={"spend": 4 * HOUR}).trust == "ok"
    assert Judge(gl.Trust(), None, FEATURES, {"spend": 7}).freshness_us == {"spend": 7, "stays": HOUR}


def test_without_a_profile_nothing_is_compared_with_training():
    around = {"at_us": NOW * 9, "as_of_us": dict.fromkeys(FRESH, NOW * 9)}
    assert judged(KNOWN | {"own__hour": 1e9}, profile=None, **around) == ("ok", [])


# ---- many rows ---------------------------------------------------------------------------------------

NUMBERS = st.sampled_from([None, 0.0, -0.0, 1.0, 5.0, 10.000001, -3.0, 1e39, 1e-46])
BY_TYPE = {
    "float": NUMBERS,
    "bool": st.sampled_from([None, False, True]),
    "string": st.sampled_from([None, "", "tea"]),
    "timestamp": st.sampled_from([None, 0, NOW]),
}
ROW = st.fixed_dictionaries({name: BY_TYPE[kind.value] for name, kind in FEATURES.outputs.items()}) | st.just(NOBODY)
MOMENTS = st.sampled_from([NOW - DAY, NOW - 3 * HOUR, NOW - MINUTE, NOW, NOW + 200 * DAY])
RULES = st.fixed_dictionaries(
    {},
    optional={
        "levels": st.dictionaries(st.sampled_from(list(DEFAULT_LEVELS)), st.sampled_from(LEVELS)),
        "ignore": st.lists(st.sampled_from(["spend", "stays", "own__hour", "spend__n_1d"])),
        "missing_limit": st.sampled_from([0.0, 0.3, 1.0]),
        "range_margin": st.sampled_from([0.0, 0.5]),
        "max_model_age": st.sampled_from([None, "1h", "30d"]),
    },
)


@st.composite
def tables(draw):
    rows = draw(st.lists(ROW, min_size=1, max_size=5))
    masks = st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)).map(lambda mask: np.array(mask, np.bool_))
    by_view = st.dictionaries(st.sampled_from(["spend", "stays"]), masks)
    return {
        "rows": rows,
        "at_us": np.array(draw(st.lists(MOMENTS, min_size=len(rows), max_size=len(rows))), np.int64),
        "as_of_us": draw(st.dictionaries(st.sampled_from(["spend", "stays"]), MOMENTS | st.none())),
        "asked_in_past": draw(by_view),
        "damaged": draw(by_view),
        "store_down": draw(st.booleans()),
        "instead_of": draw(st.none() | st.just("2")),
        "answered": draw(masks),
    }


def holed_profile(holes):
    rows = SEEN.copy()
    rows[:, holes] = np.nan
    return profile_of(rows, FEATURES.vector, trained_until_us=NOW)


PROFILES = st.none() | st.just(PROFILE) | st.lists(st.integers(0, 8), max_size=9, unique=True).map(holed_profile)


@given(tables(), RULES, PROFILES)
def test_many_rows_are_judged_like_one(table, rules, profile):
    judge, rows = Judge(gl.Trust(**rules), profile, FEATURES), table.pop("rows")
    columns = {n: pa.array([row[n] for row in rows], ARROW_TYPES[kind]) for n, kind in FEATURES.outputs.items()}
    with np.errstate(over="ignore"):
        matrix = np.array([vector_of(row) for row in rows])
    matrix[np.isinf(matrix)] = np.nan
    whole = judge.judge_table(columns, matrix, **table)
    one_by_one = [judge.judge_row(row, matrix[i], **alone(table, i)) for i, row in enumerate(rows)]
    assert [whole.row(i) for i in range(len(rows))] == one_by_one
    trust, reasons = (column.to_pylist() for column in whole.to_arrow())
    assert [(level, json.loads(text)) for level, text in zip(trust, reasons, strict=True)] == one_by_one


def alone(table, i):
    return table | {
        "at_us": int(table["at_us"][i]),
        "answered": bool(table["answered"][i]),
        "asked_in_past": {view for view, mask in table["asked_in_past"].items() if mask[i]},
        "damaged": {view for view, mask in table["damaged"].items() if mask[i]},
    }
