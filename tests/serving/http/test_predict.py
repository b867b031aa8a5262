"""POST /v1/models/{model}/predict: what is answered, what is refused and how the refusal reads."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapless.clock import format_instant, parse_instant
from gapless.schema import Type
from gapless.serving.http import Limits
from tests.serving.http.basket import COLUMNS, Basket, Baskets, HungLog, ListLog, PromptLog, application, predicted
from tests.serving.http.client import ask, asked

PATH = "/v1/models/basket/predict"
ROW = {"basket_id": "a", "amount": 10, "items": 4, "gift": False, "shop": "x", "asked_at": "2024-01-01T00:00:00Z"}
ROW |= {"due_at": 1_704_067_200_000_001}


def test_a_request_is_answered_with_version_instant_and_trust():
    got = ask(application(), "POST", PATH, {"requests": [ROW]})
    assert (got.status, got.headers["content-type"]) == (200, "application/json")
    document = got.json
    share = document["predictions"][0].pop("probability")
    answer = {"request_id": "a", "as_of": "2024-01-01T00:00:00Z", "prediction": 2.5, "trust": "ok", "reasons": []}
    assert document == {"model": "basket", "version": "7", "predictions": [answer]}
    assert 0 < share < 1


def test_without_an_event_time_the_answer_is_of_now():
    app = application()
    before = app.service.clock.now_us()
    for row in ({"basket_id": "a"}, {"basket_id": "a", "asked_at": None}):
        got = ask(app, "POST", PATH, {"requests": [row]}).json["predictions"][0]
        assert before <= parse_instant(got["as_of"]) <= app.service.clock.now_us()


def test_no_answer_is_null_and_says_why():
    got = ask(application(), "POST", PATH, {"requests": [{"basket_id": "a"}]}).json["predictions"][0]
    assert (got["prediction"], got["probability"], got["trust"]) == (None, None, "unreliable")
    assert got["reasons"] == [{"code": "no_answer", "level": "unreliable"}]


instants = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)
VALUES = {
    Type.FLOAT: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60),
    Type.INT: st.integers(-(2**53), 2**53),
    Type.BOOL: st.booleans(),
    Type.STRING: st.text(),
    Type.TIMESTAMP: instants | instants.map(format_instant),
}
rows = st.fixed_dictionaries(
    {"basket_id": st.text(), "asked_at": VALUES[Type.TIMESTAMP]},
    optional={name: st.none() | VALUES[COLUMNS[name]] for name in ("amount", "items", "gift", "shop", "due_at")},
)


@given(st.lists(rows, min_size=1, max_size=5))
def test_every_row_of_the_declared_types_is_answered_as_the_model_says(asked_rows):
    got = ask(application(), "POST", PATH, {"requests": asked_rows})
    assert got.status == 200, got.body
    for row, answer in zip(asked_rows, got.json["predictions"], strict=True):
        full = dict.fromkeys(COLUMNS) | row
        at = row["asked_at"]
        assert answer["request_id"] == row["basket_id"]
        assert parse_instant(answer["as_of"]) == (at if isinstance(at, int) else parse_instant(at))
        amount = None if full["amount"] is None else float(full["amount"])
        assert answer["prediction"] == predicted(full | {"amount": amount})


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([ROW, ROW | {"amount": "ten"}], {"code": "wrong_type", "row": 1, "field": "amount", "seen": "ten"}),
        ([ROW | {"items": 1.5}], {"code": "wrong_type", "row": 0, "field": "items", "seen": 1.5}),
        ([ROW | {"items": 2**53 + 1}], {"code": "wrong_type", "row": 0, "field": "items", "seen": 2**53 + 1}),
        ([ROW | {"gift": 1}], {"code": "wrong_type", "row": 0, "field": "gift", "seen": 1}),
        ([ROW | {"shop": 7}], {"code": "wrong_type", "row": 0, "field": "shop", "seen": 7}),
        ([ROW | {"asked_at": "noon"}], {"code": "wrong_type", "row": 0, "field": "asked_at", "seen": "noon"}),
        ([ROW | {"basket_id": None}], {"code": "wrong_type", "row": 0, "field": "basket_id", "seen": "null"}),
        ([ROW, {"amount": 1}], {"code": "missing_field", "row": 1, "field": "basket_id"}),
        ([ROW | {"amont": 1}], {"code": "unknown_field", "row": 0, "field": "amont"}),
        ([ROW, 3], {"code": "wrong_type", "row": 1, "seen": 3}),
        ([], {"code": "wrong_shape", "field": "requests"}),
        ("x", {"code": "wrong_shape", "field": "requests"}),
        (
            [ROW | {"due_at": "0001-01-01T00:00:00+05:00"}],
            {"code": "out_of_range", "row": 0, "field": "due_at", "seen": -62_135_614_800_000_000},
        ),
    ],
)
def test_a_value_that_does_not_fit_is_named(rows, error):
    got = ask(application(), "POST", PATH, {"requests": rows})
    assert got.status == 422
    assert {name: got.error.get(name) for name in error} == error
    assert got.error["message"]
    assert got.error["allowed"]


NO_JSON = [b"", b"{", b"[" * 100_000, b'{"requests": ' + b"[" * 100_000, b"\xff", b'{"requests": [NaN]}']


@pytest.mark.parametrize("body", [*NO_JSON, b'{"requests": []} x', b'{"requests": [{"basket_id": "\\ud800"}]}'])
def test_what_is_no_json_is_malformed(body):
    got = ask(application(), "POST", PATH, body)
    assert got.status in (400, 422)
    assert got.error["code"] in ("malformed", "wrong_shape", "wrong_type")


def test_long_values_are_not_sent_back_whole():
    got = ask(application(), "POST", PATH, {"requests": [ROW | {"amount": "x" * 100_000}]})
    assert len(got.body) < 1_000


def test_ten_thousand_rows_are_one_call_and_more_are_refused():
    app = application()
    many = [ROW | {"basket_id": str(i)} for i in range(10_000)]
    got = ask(app, "POST", PATH, {"requests": many}, pieces=7)
    assert [row["request_id"] for row in got.json["predictions"]] == [row["basket_id"] for row in many]
    got = ask(app, "POST", PATH, {"requests": [*many, ROW]})
    assert (got.status, got.error["code"], got.error["seen"]) == (413, "too_many_rows", 10_001)


@pytest.mark.parametrize("headers", [{}, {"content-length": "x"}, {"content-length": "10"}])
def test_a_body_over_the_limit_is_refused_while_it_arrives(headers):
    app = application(limits=Limits(body_bytes=1_000))
    got = ask(app, "POST", PATH, b" " * 5_000, headers, pieces=5)
    assert (got.status, got.error["code"], got.headers["connection"]) == (413, "too_large", "close")


@pytest.mark.parametrize("begun", [True, False])
def test_a_body_that_does_not_arrive_is_given_up(begun):
    app = application(limits=Limits(seconds=0.05))
    sent = []

    async def receive():
        if begun and not sent:
            sent.append(1)
            return {"type": "http.request", "body": b"{", "more_body": True}
        await asyncio.sleep(60)

    got = []

    async def send(message):
        got.append(message)

    scope = {"type": "http", "method": "POST", "path": PATH, "headers": [], "query_string": b"", "root_path": ""}
    asyncio.run(app(scope, receive, send))
    assert got[0]["status"] == 408


def test_who_leaves_while_sending_gets_no_answer():
    app, got = application(), []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        got.append(message)

    scope = {"type": "http", "method": "POST", "path": PATH, "headers": [], "query_string": b"", "root_path": ""}
    asyncio.run(app(scope, receive, send))
    assert got == []


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("POST", "/v1/models/nobody/predict", {}, 404, "not_found"),
        ("GET", PATH, {}, 405, "wrong_method"),
        ("POST", PATH + "/", {}, 404, "no_such_path"),
        ("POST", PATH, {"content-encoding": "gzip"}, 415, "compressed"),
        ("DELETE", "/nowhere", {}, 405, "wrong_method"),
        ("POST", "/v1/models/..%2f..%2fetc/predict", {}, 404, "no_such_path"),
    ],
)
def test_what_is_not_there_is_said_in_the_same_form(method, path, headers, status, code):
    got = ask(application(), method, path, {"requests": [ROW]}, headers)
    assert (got.status, got.error["code"]) == (status, code)


@pytest.mark.parametrize("local", [True, False])
def test_an_answer_is_in_the_log_before_it_is_given(local):
    log = ListLog()
    app = application(Baskets(local=local), log=log)
    got = ask(app, "POST", PATH, {"requests": [ROW, ROW | {"basket_id": "b"}]})
    assert got.status == 200
    assert len(log.entries) == 2


def test_answers_of_many_clients_at_once_wait_for_the_log_and_are_each_their_own():
    log = ListLog()
    app = application(log=log)

    async def all_of_them():
        return await asyncio.gather(
            *(asked(app, "POST", PATH, {"requests": [ROW | {"basket_id": str(i), "amount": i}]}) for i in range(200))
        )

    got = asyncio.run(all_of_them())
    assert [one.json["predictions"][0]["request_id"] for one in got] == [str(i) for i in range(200)]
    assert len(log.entries) == 200


def test_a_log_that_cannot_be_written_withholds_the_answer_and_says_so_until_it_can():
    log = ListLog(full=True)
    app = application(log=log)
    got = ask(app, "POST", PATH, {"requests": [ROW]})
    assert (got.status, got.error["code"], got.headers["retry-after"]) == (503, "log_failed", "1")
    ready = ask(app, "GET", "/readyz")
    assert (ready.status, ready.json["parts"]["log"]) == (503, "cannot write the log")
    log.full = False
    assert ask(app, "POST", PATH, {"requests": [ROW]}).status == 200
    assert ask(app, "GET", "/readyz").status == 200


def test_a_log_that_hangs_is_given_up_by_who_waits_and_by_who_comes_later():
    log = HungLog()
    app = application(log=log, limits=Limits(seconds=0.1))

    async def both():
        first = asyncio.create_task(asked(app, "POST", PATH, {"requests": [ROW]}))
        while not log.waiting:
            await asyncio.sleep(0.01)
        got = [await first, await asked(app, "GET", "/readyz")]
        second = asyncio.create_task(asked(app, "POST", PATH, {"requests": [ROW]}))
        await asyncio.sleep(0.01)
        log.waiting.pop()(None)  # it comes back
        return [*got, await asked(app, "GET", "/healthz"), await released(second, log)]

    async def released(task, log):
        while not log.waiting:
            await asyncio.sleep(0.01)
        log.waiting.pop()(None)
        return await task

    first, ready, alive, second = asyncio.run(both())
    assert (first.status, first.error["code"]) == (504, "log_slow")
    assert (ready.status, alive.status, second.status) == (503, 200, 200)


def test_who_comes_while_a_log_hangs_waits_no_longer_than_anybody():
    log = HungLog()
    app = application(log=log, limits=Limits(seconds=0.05))

    async def one_after_another():
        statuses = [(await asked(app, "POST", PATH, {"requests": [ROW]})).status for _ in range(3)]
        ready = [(await asked(app, "GET", "/readyz")).status]
        log.waiting.pop()(None)  # it comes back; what was given up is not heaped up behind it
        await asyncio.sleep(0.01)
        return statuses, log.waiting, [*ready, (await asked(app, "GET", "/readyz")).status]

    assert asyncio.run(asyncio.wait_for(one_after_another(), 10)) == ([504, 504, 504], [], [503, 200])


def test_a_store_that_is_away_is_503_and_comes_back():
    models = Baskets()
    app = application(models)
    models.away = "the online store does not answer"
    got = ask(app, "POST", PATH, {"requests": [ROW]})
    assert (got.status, got.error["message"], got.headers["retry-after"]) == (503, models.away, "1")
    assert ask(app, "GET", "/readyz").status == 503
    models.away = None
    assert ask(app, "POST", PATH, {"requests": [ROW]}).status == 200


def test_a_model_that_is_live_and_not_loaded_is_503():
    models = Baskets()
    models.loaded = False
    assert ask(application(models), "POST", PATH, {"requests": [ROW]}).status == 503


def test_too_many_calls_at_once_are_sent_away():
    log = PromptLog()
    app = application(Baskets(local=False), log=log, limits=Limits(threads=1, waiting=2))

    async def late(seconds):
        await asyncio.sleep(seconds)
        return await asked(app, "POST", PATH, {"requests": [ROW]})

    async def many():
        return await asyncio.gather(*(late(i / 5_000) for i in range(200)))

    statuses = [got.status for got in asyncio.run(many())]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) == len(log.entries), "what is in the log was answered"


def test_a_column_may_have_any_name_that_python_allows():
    from gapless.schema import Schema
    from gapless.serving.http.rows import RowDecoder

    names = ("class", "self", "from", "msgspec", "Row", "gc", "ä")
    decoder = RowDecoder(Schema(tuple((name, Type.FLOAT) for name in names)), required=["class"])
    body = json.dumps({"requests": [dict.fromkeys(names, 1)]}).encode()
    assert decoder.body(body, 0) == [dict.fromkeys(names, 1.0)]


class Broken(Basket):
    """A model whose runtime raises what nobody foresaw."""

    def answer(self, rows, now_us):
        raise RuntimeError("the graph has a hole")


def test_an_error_that_nobody_foresaw_is_500_in_the_form_of_the_path_and_the_log_has_it_all(caplog):
    models = Baskets()
    app = application(models)
    models.get = lambda model: Broken()
    got = ask(app, "POST", "/v1/models/basket/predict", {"requests": [{"basket_id": "a"}]})
    assert (got.status, got.error["code"]) == (500, "internal")
    assert got.headers["connection"] == "close"
    assert "hole" not in got.body.decode()  # what is inside is nothing for a client
    assert "RuntimeError: the graph has a hole" in caplog.text
    assert "Traceback" in caplog.text
    inputs = [{"name": "basket_id", "shape": [1], "datatype": "BYTES", "data": ["a"]}]
    infer = ask(app, "POST", "/v2/models/basket/infer", {"inputs": inputs})
    assert (infer.status, type(infer.error)) == (500, str)
    counts = app.service.meters.snapshot.counts
    assert counts["gapless_problems", ("/v1/models/{model}/predict", "internal")] == 1
    assert counts["gapless_requests", ("/v1/models/{model}/predict", "POST", "500")] == 1
    del models.get
    again = ask(app, "POST", "/v1/models/basket/predict", {"requests": [{"basket_id": "a", "amount": 1}]})
    assert again.status == 200


def test_the_same_from_a_thread_of_a_model_that_may_block():
    models = Baskets(local=False)
    models.get = lambda model: Broken()
    got = ask(application(models), "POST", "/v1/models/basket/predict", {"requests": [{"basket_id": "a"}]})
    assert (got.status, got.error["code"]) == (500, "internal")
