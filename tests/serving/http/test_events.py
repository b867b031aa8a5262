"""POST /v1/events/{source}: what is in the log when it is answered, what is refused, and what the log may do."""

from __future__ import annotations

import asyncio
import json
import threading

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.adapters.segments import FileEventLog
from gapless.clock import SystemClock
from gapless.errors import DefinitionError, StorageError, Transient
from gapless.events.intake import Intake
from gapless.events.pushing import partition_of
from gapless.serving.http import Limits
from tests.events.clicks import shown
from tests.events.memory_log import MemoryLog
from tests.serving.http.basket import CLICKS, application, pushing
from tests.serving.http.client import ask, asked
from tests.serving.http.test_state import sample

PATH = "/v1/events/clicks"
EVENT = {"id": "a", "page": "home", "n": 3, "x": 1, "new": True, "at": "2024-01-01T00:00:00Z", "seen_at": None}
AT = 1_704_067_200_000_000


class Fixed:
    def __init__(self, us: int = 2 * AT) -> None:
        self.us = us

    def now_us(self) -> int:
        return self.us


def rows_of(log, partitions=(0, 1)):
    """What the taking end takes in."""
    found = []
    for partition in partitions:
        taken = Intake(CLICKS, partition).take(log.read("events.clicks", partition, 0, max_bytes=1 << 30))
        assert taken.rejected == []
        found += [{k: v for k, v in row.items() if k != "_offset"} for row in shown(taken.rows)]
    return found


def test_an_event_is_in_the_log_before_it_is_told():
    log, clock = MemoryLog(), Fixed()
    got = ask(application(pushing=pushing(log, clock=clock)), "POST", PATH, {"events": [EVENT]})
    assert (got.status, got.json) == (200, {"source": "clicks", "events": 1})
    assert rows_of(log) == [EVENT | {"x": 1.0, "at": AT, "_known_at": 2 * AT}]


def test_an_event_is_not_known_before_its_own_time():
    log = MemoryLog()
    ask(application(pushing=pushing(log, clock=Fixed(5))), "POST", PATH, {"events": [{"id": "a", "at": AT}]})
    assert rows_of(log)[0]["_known_at"] == AT


FINE_US = st.integers(-9_214_560_000_000_000, 9_214_646_399_999_999)
VALUES = {
    "id": st.text(),
    "page": st.text() | st.none(),
    "n": st.integers(-(2**53), 2**53) | st.none(),
    "x": st.floats(allow_nan=False, allow_infinity=False) | st.none(),
    "new": st.booleans() | st.none(),
    "at": FINE_US,
    "seen_at": FINE_US | st.none(),
}


@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=8, unique_by=lambda row: row["id"]))
@settings(deadline=None)
def test_whatever_is_taken_here_is_taken_in_by_who_reads_the_log(events):
    log = MemoryLog()
    got = ask(application(pushing=pushing(log, clock=Fixed(7))), "POST", PATH, {"events": events})
    assert (got.status, got.json["events"]) == (200, len(events))
    expected = [event | {"_known_at": max(event["at"], 7)} for event in events]
    for partition in (0, 1):
        assert rows_of(log, [partition]) == [one for one in expected if partition_of(one["id"], 2) == partition]


@pytest.mark.parametrize(
    ("events", "status", "error"),
    [
        ([EVENT, {"at": 5}], 422, {"code": "missing_field", "row": 1, "field": "id"}),
        ([{"id": "a"}], 422, {"code": "missing_field", "row": 0, "field": "at"}),
        ([{"id": None, "at": 5}], 422, {"code": "wrong_type", "row": 0, "field": "id", "seen": "null"}),
        ([EVENT | {"n": 1.5}], 422, {"code": "wrong_type", "row": 0, "field": "n", "seen": 1.5}),
        ([EVENT | {"color": 1}], 422, {"code": "unknown_field", "row": 0, "field": "color"}),
        ([EVENT, EVENT | {"at": "1500-01-01T00:00:00Z"}], 422, {"code": "out_of_range", "row": 1, "field": "at"}),
        ([EVENT | {"seen_at": "9999-01-01T00:00:00Z"}], 422, {"code": "out_of_range", "row": 0, "field": "seen_at"}),
        ([], 422, {"code": "wrong_shape", "field": "events"}),
        ([EVENT] * 11, 413, {"code": "too_many_rows", "seen": 11}),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_of_the_call_is_in_the_log(events, status, error):
    log = MemoryLog()
    got = ask(application(pushing=pushing(log, rows=10)), "POST", PATH, {"events": events})
    assert got.status == status
    assert {name: got.error.get(name) for name in error} == error
    assert got.error["allowed"]
    with pytest.raises(LookupError):
        log.spans("events.clicks")


def test_an_event_that_no_record_holds_is_refused_alone():
    log = MemoryLog()
    app = application(pushing=pushing(log))
    large = {"events": [EVENT, EVENT | {"id": "b", "page": "x" * 1_000_000}]}
    got = ask(app, "POST", PATH, large)
    assert (got.status, got.error["code"]) == (422, "unfit_value")
    assert [span.end for span in log.spans("events.clicks")] == [0, 0]
    assert ask(app, "POST", PATH, {"events": [EVENT]}).status == 200


def test_a_large_call_goes_as_a_whole():
    log = MemoryLog()
    events = [EVENT | {"id": f"i{i}", "page": "y" * 200} for i in range(10_000)]
    got = ask(application(pushing=pushing(log)), "POST", PATH, {"events": events})
    assert got.json == {"source": "clicks", "events": 10_000}
    assert sorted(row["id"] for row in rows_of(log)) == sorted(row["id"] for row in events)


@pytest.mark.parametrize(
    ("path", "body", "app", "status", "code", "allowed"),
    [
        ("/v1/events/clics", {"events": [EVENT]}, True, 404, "not_found", "clicks"),
        (PATH, {"events": [EVENT]}, False, 404, "no_event_log", None),
        (PATH, b"{", True, 400, "malformed", None),
        (PATH, {"event": [EVENT]}, True, 422, "wrong_shape", '{"events": [{"id": …}, …]}, at least one row'),
    ],
)
def test_what_is_not_there_is_said(path, body, app, status, code, allowed):
    got = ask(application(pushing=pushing() if app else None), "POST", path, body)
    assert (got.status, got.error["code"]) == (status, code)
    assert allowed is None or got.error["allowed"] == allowed


def test_a_body_over_the_limit_is_refused():
    app = application(pushing=pushing(), limits=Limits(body_bytes=100))
    assert ask(app, "POST", PATH, {"events": [EVENT] * 3}).error["code"] == "too_large"


def test_a_product_that_does_not_load_is_our_fault():
    def broken():
        raise DefinitionError("the product does not load")

    got = ask(application(pushing=pushing(sources=broken)), "POST", PATH, {"events": [EVENT]})
    assert (got.status, got.error["code"]) == (500, "internal")


# ---- the log ----


class Hard(MemoryLog):
    """A log that fails, or waits until it may go on; counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.calls = 0

    def append(self, topic, records):
        self.calls += 1
        assert self.may_go_on.wait(60)
        if self.error is not None:
            raise self.error
        return super().append(topic, records)


def large(text):
    """The same call over the size of small ones."""
    return {"events": [{**EVENT, "id": f"{text}{i}"} for i in range(200)]}


@pytest.mark.parametrize("error", [StorageError("no space left on device"), Transient("no broker answers")])
@pytest.mark.parametrize("body", [{"events": [EVENT]}, large("b")], ids=["small", "large"])
def test_a_log_that_refuses_is_503_until_it_does_not(error, body, caplog):
    log = Hard()
    app = application(pushing=pushing(log))
    log.error = error
    got = ask(app, "POST", PATH, body)
    assert (got.status, got.error["code"], got.headers["retry-after"]) == (503, "events_failed", "1")
    assert str(error) in caplog.text
    assert str(error) not in got.body.decode()
    log.error = None
    assert ask(app, "POST", PATH, body).status == 200
    assert len(rows_of(log)) == len(body["events"])


@pytest.mark.parametrize(("body", "code"), [({"events": [EVENT]}, "events_slow"), (large("b"), "too_slow")])
def test_a_log_that_hangs_is_504_and_the_server_goes_on(body, code):
    log = Hard()
    app = application(pushing=pushing(log, seconds=0.05))
    log.may_go_on.clear()
    try:
        got = ask(app, "POST", PATH, body)
        assert (got.status, got.error["code"]) == (504, code)
        assert ask(app, "GET", "/healthz").status == 200
    finally:
        log.may_go_on.set()


def test_calls_that_come_while_the_log_is_busy_go_to_it_as_one():
    log = Hard()
    app = application(pushing=pushing(log))

    async def all_of_them():
        log.may_go_on.clear()
        first = asyncio.create_task(asked(app, "POST", PATH, {"events": [{"id": "first", "at": 1}]}))
        while not log.calls:
            await asyncio.sleep(0.001)
        others = [
            asyncio.create_task(asked(app, "POST", PATH, {"events": [{"id": f"i{i}", "at": i}]})) for i in range(500)
        ]
        bad = asyncio.create_task(asked(app, "POST", PATH, {"events": [{"id": "bad"}]}))
        assert (await bad).status == 422  # nobody waits for the log to hear that
        assert not any(task.done() for task in others)
        log.may_go_on.set()
        return [await task for task in (first, *others)]

    got = asyncio.run(all_of_them())
    assert {(one.status, one.json["events"]) for one in got} == {(200, 1)}
    assert log.calls == 2
    rows = rows_of(log)
    assert sorted(row["id"] for row in rows) == sorted(["first", *(f"i{i}" for i in range(500))])
    assert sum(span.end for span in log.spans("events.clicks")) == 3  # records


def test_what_was_told_is_there_after_a_crash_of_the_process(tmp_path):
    """A log in files, many clients at once: another reader, which knows nothing of the first, finds each event."""
    log = FileEventLog(tmp_path)
    app = application(pushing=pushing(log, clock=SystemClock()))

    async def all_of_them():
        return await asyncio.gather(
            *(asked(app, "POST", PATH, {"events": [{"id": f"i{i}", "at": i}]}) for i in range(300))
        )

    assert {one.status for one in asyncio.run(all_of_them())} == {200}
    assert sorted(row["id"] for row in rows_of(FileEventLog(tmp_path))) == sorted(f"i{i}" for i in range(300))


def test_a_repeat_is_answered_and_counts_once():
    log = MemoryLog()
    app = application(pushing=pushing(log, clock=Fixed()))
    for _ in range(2):
        assert ask(app, "POST", PATH, {"events": [EVENT]}).status == 200
    assert sum(len(msgspec.json.decode(record.value)) for p in (0, 1) for record in read(log, p)) == 2
    assert len(rows_of(log)) == 1


def read(log, partition):
    return log.read("events.clicks", partition, 0, max_bytes=1 << 30)


def test_pushed_events_are_counted():
    app = application(pushing=pushing())
    ask(app, "POST", PATH, {"events": [EVENT, EVENT | {"id": "b"}]})
    ask(app, "POST", PATH, {"events": [{"id": "c"}]})
    ask(app, "POST", "/v1/events/nobodys", {"events": []})
    text = ask(app, "GET", "/metrics").body.decode()
    assert sample(text, "gapless_events_pushed_total", source="clicks") == 2
    assert sample(text, "gapless_push_seconds_count", source="clicks") == 1
    assert sample(text, "gapless_requests_total", route="/v1/events/{source}", method="POST", status="200") == 1
    assert sample(text, "gapless_problems_total", route="/v1/events/{source}", code="missing_field") == 1
    assert "nobodys" not in text


def test_who_goes_away_still_pushes_what_comes_and_closes_after_it():
    log = MemoryLog()
    app = application(pushing=pushing(log))
    app.service.drain.begin(app.service.ticks())
    got = ask(app, "POST", PATH, json.dumps({"events": [EVENT]}).encode())
    assert (got.status, got.headers["connection"]) == (200, "close")
    app.service.pushing.close()
    assert len(rows_of(log)) == 1
