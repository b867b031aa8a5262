"""Rules of trust: what is on by default, what an author may change, and that a mistake names their line."""

import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import gapless as gl
from gapless.clock import DAY, HOUR, MINUTE
from gapless.errors import AuthorError, DefinitionError, TypeMismatch, UnknownName
from gapless.product import FeatureSet
from gapless.product.trust import DEFAULT_LEVELS, LEVELS
from tests.product.shop import ORDERS, customer, make_model, spend


def trusting(**rules):
    return make_model(trust=gl.Trust(**rules))


MISTAKES = {
    "unknown code": (lambda: gl.Trust(levels={"out_of_rang": "ok"}), UnknownName, "did you mean 'out_of_range'"),
    "unknown level": (lambda: gl.Trust(levels={"out_of_range": "bad"}), DefinitionError, "ok, degraded, unreliable"),
    "levels as a list": (lambda: gl.Trust(levels=["out_of_range"]), DefinitionError, "levels={"),
    "ignore as a text": (lambda: gl.Trust(ignore="spend"), DefinitionError, "ignore=["),
    "age not a duration": (lambda: gl.Trust(max_model_age="1 month"), DefinitionError, '"24h"'),
    "share above one": (lambda: gl.Trust(missing_limit=1.5), DefinitionError, "from 0 to 1"),
    "share of text": (lambda: gl.Trust(missing_limit="half"), DefinitionError, "from 0 to 1"),
    "negative margin": (lambda: gl.Trust(range_margin=-0.1), DefinitionError, "0 or more"),
    "margin without an end": (lambda: gl.Trust(range_margin=float("nan")), DefinitionError, "0 or more"),
    "unknown policy": (lambda: gl.Trust(on_store_down="retry"), DefinitionError, "'answer' or 'refuse'"),
    "defaults as a list": (lambda: gl.Trust(defaults=["spend__n_7d"]), DefinitionError, "defaults={"),
    "default of nothing": (lambda: gl.Trust(defaults={"spend__n_7d": None}), DefinitionError, "is null"),
    "default without an end": (lambda: gl.Trust(defaults={"spend__n_7d": float("inf")}), DefinitionError, "finite"),
    "ignored view not there": (lambda: trusting(ignore=["spent"]), UnknownName, "did you mean 'spend'"),
    "default of an unknown column": (lambda: trusting(defaults={"spend__n_8d": 0}), UnknownName, "spend__n_7d"),
    "default of an on_demand": (lambda: trusting(defaults={"basket__hour": 0}), UnknownName, "view column"),
    "default of another type": (lambda: trusting(defaults={"spend__n_7d": "none"}), TypeMismatch, "float"),
    "number for a text": (lambda: trusting(defaults={"spend__favourite": 1}), TypeMismatch, "string"),
    "not rules at all": (lambda: make_model(trust={"levels": {}}), DefinitionError, "gl.Trust("),
    "freshness not a duration": (
        lambda: gl.feature_view(entity=customer, source=ORDERS, freshness="often"),
        DefinitionError,
        '"24h"',
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_explained_at_the_authors_line(name):
    make, kind, hint = MISTAKES[name]
    with pytest.raises(kind) as caught:
        make()
    assert isinstance(caught.value, AuthorError)
    assert hint in str(caught.value)
    assert caught.value.where.file.endswith(".py")
    assert "gapless/product" not in caught.value.where.file.replace("tests/product", "")


def test_every_rule_is_on_by_default():
    rules = gl.Trust()
    assert {rules.level(code) for code in DEFAULT_LEVELS} == set(LEVELS) - {"ok"}
    assert make_model().trust.to_dict() == rules.to_dict()
    assert rules.to_dict()["max_model_age"] == "90d"


def test_what_an_author_changes_is_in_force():
    rules = trusting(
        levels={"entity_unseen": "ok"},
        ignore=["spend", "basket__hour"],
        max_model_age=timedelta(days=5),
        defaults={"spend__n_7d": 3, "spend__favourite": "tea"},
    ).trust
    assert rules.level("entity_unseen") == "ok"
    assert rules.max_model_age_us == 5 * DAY
    assert dict(rules.defaults) == {"spend__n_7d": 3.0, "spend__favourite": "tea"}
    assert rules.to_dict()["max_model_age"] == "5d"


def test_an_instant_as_a_default_becomes_microseconds():
    rules = gl.Trust(defaults={"seen": datetime(1970, 1, 2, tzinfo=UTC)})
    assert rules.defaults["seen"] == DAY


def test_rules_are_no_part_of_a_definition():
    strict = trusting(levels={"entity_unseen": "unreliable"}, on_store_down="refuse")
    assert strict.definition_hash == make_model().definition_hash


def fresh(freshness=None, **aggregates):
    return gl.feature_view(entity=customer, source=ORDERS, freshness=freshness, name="view")(lambda o: aggregates)


@pytest.mark.parametrize(
    ("view", "us"),
    [
        (fresh("2h", n=gl.count(windows=["7d"])), 2 * HOUR),
        (fresh(n=gl.count(windows=["1h", "7d"])), HOUR),
        (fresh(n=gl.count(windows=["1m"], hop="exact")), 5 * MINUTE),
        (fresh(n=gl.count(windows=["7d"])), DAY),
        (fresh(n=gl.last(ORDERS.row().item)), DAY),
        (fresh(n=gl.last(ORDERS.row().item, max_age="3h")), 3 * HOUR),
    ],
)
def test_how_old_a_view_may_be(view, us):
    assert view.freshness_us == us


def test_freshness_is_no_part_of_what_a_view_means():
    one, other = (fresh(age, n=gl.count(windows=["7d"])) for age in (None, "1h"))
    assert one.definition_hash == other.definition_hash


def test_a_view_from_a_bundle_has_the_default():
    kept = FeatureSet.from_document(make_model().feature_set.to_document())
    assert kept.views[0].freshness_us == spend.freshness_us == DAY


PAGE = (Path(__file__).resolve().parents[2] / "docs" / "trust.md").read_text(encoding="utf-8")


def test_the_page_lists_every_reason_with_its_default():
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert listed == list(DEFAULT_LEVELS.items())


def test_the_page_shows_every_rule():
    rules = {field.name for field in fields(gl.Trust)} - {"site"}
    assert {rule for rule in rules if f"    {rule}=" not in PAGE} == set()
    assert tuple(re.findall(r"^\| `(\w+)` \| [^|]+ \|$", PAGE, re.MULTILINE)) == LEVELS
