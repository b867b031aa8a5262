"""POST /v1/features"""

from __future__ import annotations

import pytest

from gapless.clock import HOUR
from tests.serving.http.basket import Baskets, application
from tests.serving.http.client import ask

ROW = {"basket_id": "a", "asked_at": "1970-01-01T02:00:00Z", "due_at": 5}


def test_features_of_a_models_requests_come_with_the_freshness_of_each_view():
    got = ask(application(), "POST", "/v1/features", {"model": "basket", "requests": [ROW, ROW | {"basket_id": "b"}]})
    assert got.status == 200
    values = {"shape__hours": 2.0, "shape__late": "1970-01-01T00:00:00.000005Z"}
    instant = "1970-01-01T02:00:00Z"
    rest = {"as_of": instant, "values": values, "reasons": []}
    assert got.json["features"] == [{"request_id": id, **rest} for id in ("a", "b")]
    assert got.json["views"]["shape"]["age_us"] == HOUR


@pytest.mark.parametrize("at", ["1970-01-01T03:00:00Z", 3 * HOUR])
def test_features_of_views_need_keys_alone(at):
    got = ask(
        application(), "POST", "/v1/features", {"views": ["shape"], "rows": [{"shop": "s"}, {"shop": None}], "at": at}
    )
    assert [row["keys"] for row in got.json["features"]] == [{"shop": "s"}, {"shop": None}]
    assert [row["values"]["shape__hours"] for row in got.json["features"]] == [3.0, 3.0]
    assert got.json["views"] == {"shape": {"as_of": None, "age_us": None, "expected_us": None}}


def test_values_that_are_not_those_of_their_instant_say_why():
    got = ask(application(), "POST", "/v1/features", {"views": ["shape"], "rows": [{"shop": "s"}], "at": -1})
    assert got.json["features"][0]["reasons"] == [{"code": "asked_in_past", "view": "shape"}]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"views": ["nobody"], "rows": [{}]}, 404, None),
        ({"model": "nobody", "requests": [ROW]}, 404, None),
        ({"model": "basket"}, 422, None),
        ({"model": "basket", "requests": [ROW], "views": ["shape"]}, 422, None),
        ({"views": ["shape"], "rows": [{"shop": 3}]}, 422, "shop"),
        ({"model": "basket", "requests": [ROW | {"amount": "x"}]}, 422, "amount"),
        ({"views": "shape", "rows": []}, 422, "views"),
        ({"views": ["shape"], "rows": [{"shop": None}], "at": 10**18}, 422, "at"),
        ({"vies": ["shape"]}, 422, None),
        (b"{", 400, None),
    ],
)
def test_what_does_not_fit_is_named(body, status, field):
    got = ask(application(), "POST", "/v1/features", body)
    assert (got.status, got.error.get("field")) == (status, field)


def test_a_row_without_a_key_of_the_views_is_named():
    body = {"views": ["shape"], "rows": [{"shop": "s"}, {}]}
    got = ask(application(), "POST", "/v1/features", body)
    assert got.status == 422
    assert got.error == {
        "code": "missing_field",
        "message": "it is needed",
        "row": 1,
        "field": "shop",
        "allowed": "a text, or null",
    }


def test_a_store_that_is_away_is_503():
    models = Baskets()
    models.away = "no answer"
    assert ask(application(models), "POST", "/v1/features", {"model": "basket", "requests": [ROW]}).status == 503
