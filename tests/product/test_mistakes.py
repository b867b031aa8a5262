"""Every mistake an author can make names their line, the value, what is allowed and the next step."""

import inspect
from datetime import datetime

import pytest

import gapless as gl
from gapless.errors import AuthorError, DefinitionError, TypeMismatch, UnknownName, UserCodeError
from tests.product.shop import CHECKOUTS, ORDERS, RETURNS, Estimator, basket, customer, make_model, returned, spend

SCHEMA = {"k": str, "x": float, "at": datetime}


def view(function, **more):
    return gl.feature_view(**({"entity": customer, "source": ORDERS, "name": "view"} | more))(function)


MISTAKES = {
    "unknown column": (lambda: view(lambda o: {"x": gl.sum(o.amuont, windows=["1h"])}), UnknownName, "amount"),
    "wrong type": (lambda: view(lambda o: {"x": gl.sum(o.item, windows=["1h"])}), TypeMismatch, "float"),
    "a column instead of an aggregation": (lambda: view(lambda o: {"x": o.amount}), TypeMismatch, "gl.last"),
    "nothing returned": (lambda: view(lambda o: None), DefinitionError, "dict"),
    "window below hop": (
        lambda: view(lambda o: {"x": gl.count(windows=["1h"], hop="2h")}),
        DefinitionError,
        "shorter hop",
    ),
    "window not a duration": (lambda: view(lambda o: {"x": gl.count(windows=["1 hour"])}), DefinitionError, '"24h"'),
    "windows not a list": (lambda: view(lambda o: {"x": gl.count(windows="1h")}), DefinitionError, "['1h']"),
    "no windows": (lambda: view(lambda o: {"x": gl.count(windows=[])}), DefinitionError, "at least one"),
    "negative n": (lambda: view(lambda o: {"x": gl.last_n(o.amount, n=0)}), DefinitionError, "1 to 100"),
    "two bounds": (
        lambda: view(lambda o: {"x": gl.last(o.amount, windows=["1h"], max_age="1h")}),
        DefinitionError,
        "max_age",
    ),
    "where is not a condition": (
        lambda: view(lambda o: {"x": gl.count(windows=["1h"], where=o.amount)}),
        TypeMismatch,
        "bool expression",
    ),
    "the same column twice": (
        lambda: view(lambda o: {"x": gl.count(windows=["1h", "1h"])}),
        DefinitionError,
        "each name once",
    ),
    "two underscores in a name": (lambda: view(lambda o: {"x__y": gl.count(windows=["1h"])}), DefinitionError, "x__y"),
    "author's code raises": (lambda: view(lambda o: {"x": 1 / 0}), UserCodeError, "division by zero"),
    "key column not in the source": (
        lambda: view(lambda o: {}, entity=gl.Entity("e", keys=["custmer_id"])),
        UnknownName,
        "customer_id",
    ),
    "too many key columns": (lambda: view(lambda o: {}, keys=["customer_id", "item"]), DefinitionError, "order"),
    "keys as a text": (lambda: gl.Entity("e", keys="k"), DefinitionError, "keys=['k']"),
    "no keys": (lambda: gl.Entity("e", keys=[]), DefinitionError, "one or more"),
    "key twice": (lambda: gl.Entity("e", keys=["k", "k"]), DefinitionError, "each name once"),
    "no schema": (lambda: gl.EventSource("s", schema={}, event_time="at"), DefinitionError, "column"),
    "unknown type": (
        lambda: gl.EventSource("s", schema={"x": list, "at": datetime}, event_time="at"),
        TypeMismatch,
        "float, int, bool, str, datetime",
    ),
    "event_time missing": (lambda: gl.EventSource("s", schema=SCHEMA, event_time="att"), UnknownName, "'at'"),
    "event_time of another type": (lambda: gl.EventSource("s", schema=SCHEMA, event_time="x"), TypeMismatch, "timest"),
    "known twice": (
        lambda: gl.EventSource("s", schema=SCHEMA, event_time="at", known_at="at", delay="1h"),
        DefinitionError,
        "known_at= or delay=",
    ),
    "event_id of another type": (
        lambda: gl.EventSource("s", schema=SCHEMA, event_time="at", event_id="x"),
        TypeMismatch,
        "string or int",
    ),
    "negative delay": (
        lambda: gl.EventSource("s", schema=SCHEMA, event_time="at", delay="-1h"),
        DefinitionError,
        "above 0",
    ),
    "label of text": (
        lambda: gl.Label("y", source=RETURNS, value=lambda r: r.checkout_id, give_up_after="1d"),
        TypeMismatch,
        "bool expression",
    ),
    "label gives up before it starts": (
        lambda: gl.Label("y", source=RETURNS, value=lambda r: r.refund, give_up_after="-1d"),
        DefinitionError,
        "above 0",
    ),
    "label looks backwards": (
        lambda: make_model(
            label=gl.Label("y", source=CHECKOUTS, value=lambda r: r.amount > 1, give_up_after="1d"),
        ),
        DefinitionError,
        "looks backwards",
    ),
    "label cannot be joined": (
        lambda: make_model(label=gl.Label("y", source=ORDERS, value=lambda r: r.amount > 1, give_up_after="1d")),
        DefinitionError,
        "on=",
    ),
    "label covers a column of the requests": (
        lambda: make_model(label=gl.Label("payment", source=RETURNS, value=lambda r: r.refund, give_up_after="1d")),
        DefinitionError,
        "would cover",
    ),
    "label named like its own maturity": (
        lambda: gl.Label("label_maturity", source=RETURNS, value=lambda r: r.refund, give_up_after="1d"),
        DefinitionError,
        "each name once",
    ),
    "label looked up by another type": (
        lambda: make_model(
            label=gl.Label("y", source=ORDERS, value=lambda o: o.amount, on="pieces", give_up_after="1d"),
        ),
        TypeMismatch,
        "two types",
    ),
    "requests lack the key": (
        lambda: make_model(features=[view(spend_of, entity=gl.Entity("item", keys=["item"]))]),
        DefinitionError,
        "'item'",
    ),
    "requests without an id": (
        lambda: make_model(requests=gl.EventSource("r", schema=SCHEMA, event_time="at")),
        DefinitionError,
        "event_id",
    ),
    "an estimator and not a factory": (lambda: make_model(estimator=Estimator()), DefinitionError, "lambda"),
    "a feature that is none": (lambda: make_model(extra=["spend"]), TypeMismatch, "gl.feature_view"),
    "a feature twice": (lambda: make_model(extra=[spend]), DefinitionError, "each name once"),
    "no features": (lambda: gl.Model("m", requests=CHECKOUTS, features=[], label=returned, estimator=Estimator,
                                     metrics=["roc_auc"]), DefinitionError, "at least one"),
    "unknown slice": (lambda: make_model(slices=["paymnt"]), UnknownName, "payment"),
    "unknown metric": (lambda: make_model(metrics=["roc_acu"]), UnknownName, "did you mean 'roc_auc'"),
    "a metric for amounts": (lambda: make_model(metrics=["rmse"]), DefinitionError, "log_loss"),
    "unknown runtime": (lambda: make_model(runtime="torch"), DefinitionError, "'onnx' or 'python'"),
    "text that nothing reads": (lambda: make_model(features=[spend]), DefinitionError, "spend__favourite"),
    "on_demand reads a feature that is not there": (
        lambda: make_model(extra=[gl.on_demand(reads_nothing)]),
        UnknownName,
        "total_7d",
    ),
    "on_demand returns a number": (lambda: make_model(extra=[gl.on_demand(a_number)]), TypeMismatch, "gl.literal"),
    "no models": (lambda: gl.Product("p", models=[]), DefinitionError, "models="),
    "two models of one name": (lambda: gl.Product("p", models=[make_model(), make_model()]), DefinitionError, "rename"),
    "two views of one name": (
        lambda: gl.Product("p", models=[make_model(), make_model(name="b", features=[other_spend(), basket])]),
        DefinitionError,
        "same object",
    ),
}  # fmt: skip


def spend_of(o):
    return {"total": gl.sum(o.amount, windows=["7d"])}


def other_spend():
    return gl.feature_view(entity=customer, source=ORDERS, name="spend")(
        lambda o: {"total": gl.sum(o.amount, windows=["7d"]), "favourite": gl.first(o.item)}
    )


def reads_nothing(r):
    return {"x": r.spend.totl_7d}


def a_number(r):
    return {"x": 1.0}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_explained_at_the_authors_line(name):
    make, kind, hint = MISTAKES[name]
    with pytest.raises(kind) as caught:
        make()
    error = caught.value
    assert isinstance(error, AuthorError)
    assert hint in str(error)
    assert error.where is not None
    assert error.where.file in (__file__, inspect.getfile(make_model))


def test_an_authors_exception_stays_in_the_traceback():
    with pytest.raises(UserCodeError) as caught:
        view(lambda o: {"x": 1 / 0})
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
