"""Three hours of the flights example as live events: each answer is that of batch, also after a run that broke."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import gapless as gl
from gapless.clock import HOUR, parse_instant
from gapless.schema import Type
from scripts.servers import NPM_PACKAGES, ensure
from tests.examples.load import EXAMPLES, module

data, live = module("flights", "data"), module("flights", "live")
in_typescript = module("flights", "in_typescript")
MODEL = "late_arrival"
SINCE, LEARN_UNTIL = parse_instant("2013-12-03"), parse_instant("2013-12-07")
FROM, UNTIL = parse_instant("2013-12-08T13:00:00Z"), parse_instant("2013-12-08T16:00:00Z")
Tables = dict[str, pa.Table]


class BrokenOffError(Exception):
    """The demo was ended in the middle."""


@pytest.fixture(scope="module")
def tables() -> Tables:
    return data.events()


@pytest.fixture(scope="module")
def workspace(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> gl.Workspace:
    """Files until the first hour; a version that is live; then three hours of events, broken off in the second."""
    folder = tmp_path_factory.mktemp("flights")
    for name in ("product.py", "gapless.toml"):
        shutil.copy(EXAMPLES / "flights" / name, folder)
    opened = gl.Workspace.open(folder)
    for name, table in tables.items():
        since_us = None if name == "aircraft" else SINCE
        opened.ingest(name, live.known_within(opened, name, table, since_us, FROM))
    version = opened.train(MODEL, until_us=LEARN_UNTIL, evaluate_until_us=FROM).version
    opened.materialize(model=MODEL)
    opened.promote(MODEL, version, why="test")
    play(opened, tables)
    return opened


def play(workspace: gl.Workspace, tables: Tables) -> None:
    def break_off(hours: int) -> None:
        if hours == 1:
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        live.play(workspace, MODEL, tables, from_us=FROM, until_us=UNTIL, progress=break_off)
    half = {name: live.known_within(workspace, name, rows, FROM, FROM + 3 * HOUR // 2) for name, rows in tables.items()}
    list(workspace.replay(half))  # as if it had been killed while it pushed the second hour
    assert live.play(workspace, MODEL, tables, from_us=FROM, until_us=UNTIL)


def asked(workspace: gl.Workspace, tables: Tables) -> pa.Table:
    return live.known_within(workspace, "schedule", tables["schedule"], FROM, UNTIL)


def test_each_request_is_answered_once_and_those_of_full_hours_over_http_too(
    workspace: gl.Workspace, tables: Tables
) -> None:
    found = live.compared(workspace, MODEL, "1", from_us=FROM, until_us=UNTIL)
    assert (found.different, found.unanswered, found.others) == ([], [], 0)
    requests = asked(workspace, tables)
    hours = [us for us in requests["asked_at"].cast(pa.int64()).to_pylist() if us % HOUR == 0 and us > FROM]
    expected = Counter(requests["flight_id"].to_pylist())
    full = pc.is_in(requests["asked_at"].cast(pa.int64()), pa.array(sorted(set(hours))))
    expected.update(requests.filter(full)["flight_id"].to_pylist())
    assert Counter(found.answers["request_id"].to_pylist()) == expected
    assert (requests.num_rows, len(hours)) == (131, 15)


def test_started_again_it_adds_nothing(workspace: gl.Workspace, tables: Tables) -> None:
    before = {name: workspace.offline.version(name) for name in workspace.offline.tables()}
    assert not live.play(workspace, MODEL, tables, from_us=FROM, until_us=UNTIL)
    live.compared(workspace, MODEL, "1", from_us=FROM, until_us=UNTIL)
    assert {name: workspace.offline.version(name) for name in workspace.offline.tables()} == before


def test_every_value_was_what_batch_gives(workspace: gl.Workspace) -> None:
    report = workspace.verify()
    assert report.values_different == report.not_landed == 0
    assert report.proven["at_its_instant"] == report.answers == 146
    assert report.values == 146 * 105


def test_events_landed_once(workspace: gl.Workspace, tables: Tables) -> None:
    for name, table in tables.items():
        pushed = live.known_within(workspace, name, table, FROM, UNTIL).num_rows
        landed = workspace.offline.stats(f"events/{name}/0").rows if pushed else 0
        assert landed == pushed, name


def test_labels_are_those_of_the_flights_that_had_landed(workspace: gl.Workspace, tables: Tables) -> None:
    report = workspace.labels(MODEL, known_by_us=UNTIL)
    outcomes = workspace.offline.read(f"outcomes/{MODEL}").read_all()
    labelled = outcomes.filter(pc.equal(outcomes["maturity"], "labelled"))
    landed = live.known_within(workspace, "arrivals", tables["arrivals"], FROM, UNTIL)
    late = dict(zip(landed["flight_id"].to_pylist(), np.greater(landed["arr_delay"].to_numpy(), 15), strict=True))
    ids = set(asked(workspace, tables)["flight_id"].to_pylist()) & late.keys()
    assert dict(zip(labelled["request_id"].to_pylist(), labelled["label"].to_pylist(), strict=True)) == {
        one: late[one] for one in ids
    }
    assert sum(day.labelled for day in report.days) == labelled.num_rows > 0


def test_an_answer_that_differs_in_one_bit_is_found(workspace: gl.Workspace) -> None:
    (name,) = [one for one in workspace.offline.tables() if one.startswith(f"predictions/{MODEL}/")]
    row = workspace.offline.read(name).read_all().slice(0, 1)
    place = row.schema.get_field_index("probability")
    other = np.nextafter(row["probability"].to_numpy(), np.float32(2)).astype(np.float32)
    row = row.set_column(place, row.schema.field(place), pa.array(other))
    workspace.offline.append(name, row.to_reader(), batch_id="one bit")
    found = live.compared(workspace, MODEL, "1", from_us=FROM, until_us=UNTIL)
    assert found.different == row["request_id"].to_pylist()
    assert workspace.verify().values_different == 1


def test_the_version_as_a_package_answers_in_node_as_in_batch(workspace: gl.Workspace) -> None:
    (modules,) = ensure(NPM_PACKAGES)
    found = in_typescript.check(workspace, from_us=SINCE, until_us=FROM, modules=Path(modules))
    assert found.requests > 4_000
    assert found.values > 20 * found.requests
    assert found.different == []


def test_a_value_of_a_package_that_differs_is_found() -> None:
    expected = [{"flight_id": name, "x__a": 0.1, "x__b": None, "prediction": 1.0, "probability": 0.5} for name in "pq"]
    told = [dict(row) for row in expected]
    kinds = {"x__a": Type.FLOAT, "x__b": Type.FLOAT}
    assert list(in_typescript.differences(kinds, expected, told)) == []
    told[0]["x__a"] = float(np.nextafter(0.1, 1))
    told[1] |= {"x__b": 0.0, "probability": None}
    assert list(in_typescript.differences(kinds, expected, told)) == [
        ("p", "x__a"),
        ("q", "x__b"),
        ("q", "probability"),
    ]
