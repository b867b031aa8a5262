"""What counts, in the order of the log: against a set and a queue in plain Python, for any cut into calls."""

from __future__ import annotations

import random
from collections import deque

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapless.arrow import KNOWN_AT, OFFSET
from gapless.errors import SettingsError
from gapless.events.intake import Intake, landed_schema
from gapless.ports.places import place_of
from tests.events.clicks import START, arrow_values, clicks, foreign, json_values, records, shown


def _oracle(rows, horizon):
    """(accepted, repeated, in conflict), as places of rows that have one record each."""
    remembered, queue = {}, deque()
    accepted, repeated, conflicts = [], [], []
    for at, row in enumerate(rows):
        content = {name: row.get(name) for name in ("page", "x", "at")}
        if row["id"] in remembered:
            (repeated if remembered[row["id"]] == content else conflicts).append(place_of(at))
            continue
        accepted.append(place_of(at))
        remembered[row["id"]] = content
        queue.append(row["id"])
        if len(queue) > horizon:
            del remembered[queue.popleft()]
    return accepted, repeated, conflicts


def _take_all(intake, found, cuts):
    parts = [intake.take(found[start:end]) for start, end in zip([0, *cuts], [*cuts, len(found)], strict=True)]
    return (
        [place for part in parts for place in part.rows.column(OFFSET).to_pylist()],
        sum(part.duplicates for part in parts),
        [(each.place, each.reason) for part in parts for each in part.rejected],
        [row for part in parts for row in shown(part.rows)],
    )


_events = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from("abcdefgh"),
            "page": st.sampled_from([None, "p", "q"]),
            "x": st.sampled_from([None, 0.5]),
        }
        | {"at": st.just(START), KNOWN_AT: st.integers(START, START + 9)}
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=200)
@given(_events, st.integers(1, 9), st.lists(st.integers(0, 40), max_size=6))
def test_an_id_counts_once_among_the_newest(rows, horizon, cuts):
    found = records(json_values(clicks(), rows))
    accepted, repeated, conflicts = _oracle(rows, horizon)
    cuts = sorted(min(cut, len(found)) for cut in cuts)
    places, duplicates, rejected, shown_rows = _take_all(Intake(clicks(), 0, horizon=horizon), found, cuts)
    assert places == accepted
    assert duplicates == len(repeated)
    assert rejected == [(place, "event_id_conflict") for place in conflicts]
    assert [row[KNOWN_AT] for row in shown_rows] == [rows[place >> 16][KNOWN_AT] for place in accepted]


@pytest.mark.parametrize("seed", range(6))
def test_many_ids_with_a_horizon_that_moves_on(seed):
    """Enough of them that the index grows and forgets, several times."""
    draw = random.Random(seed)
    horizon = draw.choice([1, 7, 100, 1_000])
    pool = draw.choice([50, 500, 5_000])
    rows = [{"id": f"i{draw.randrange(pool)}", "page": draw.choice("pq"), "at": START} for _ in range(6_000)]
    accepted, repeated, conflicts = _oracle(rows, horizon)
    found = records(json_values(clicks(), rows))
    cuts = sorted(draw.randrange(len(found)) for _ in range(draw.choice([0, 3, 60])))
    places, duplicates, rejected, _ = _take_all(Intake(clicks(), 0, horizon=horizon), found, cuts)
    assert (places, duplicates) == (accepted, len(repeated))
    assert [place for place, _ in rejected] == conflicts


@settings(deadline=None, max_examples=100)
@given(_events, st.integers(1, 9), st.integers(0, 40), st.integers(1, 7))
def test_a_seeded_intake_goes_on_as_the_first_would(rows, horizon, cut, each):
    found = records(json_values(clicks(), rows))
    first = Intake(clicks(), 0, horizon=horizon)
    before = first.take(found[:cut])
    then = first.take(found[cut:])
    second = Intake(clicks(), 0, horizon=horizon, start=cut)
    for start in range(0, before.rows.num_rows, each):
        second.seed(before.rows.slice(start, each))
    again = second.take(found[cut:])
    assert again.rows.equals(then.rows)
    assert (again.duplicates, again.rejected) == (then.duplicates, then.rejected)


def test_without_an_id_everything_counts():
    row = {"id": "a", "at": START}
    taken = Intake(clicks(event_id=None), 0).take(records(json_values(clicks(), [row] * 5, each=2)))
    assert taken.rows.num_rows == 5
    assert taken.rows.column(OFFSET).to_pylist() == [
        place_of(0),
        place_of(0, 1),
        place_of(1),
        place_of(1, 1),
        place_of(2),
    ]


@pytest.mark.parametrize("values", [json_values, arrow_values])
def test_whole_numbers_are_ids_too(values):
    source = clicks(event_id="n")
    rows = [{"n": n, "at": START} for n in (1, 2, 1, None, -1)]
    taken = Intake(source, 0).take(records(values(source, rows, each=5)))
    assert taken.rows.column("n").to_pylist() == [1, 2, -1]
    assert (taken.duplicates, [each.reason for each in taken.rejected]) == (1, ["null_event_id"])


def test_a_row_is_known_no_earlier_than_it_was_appended():
    late, early = START + 10**10, START - 10**9
    source = clicks(delay="20m")
    rows = [{"id": "a", "at": "2023-11-14T22:13:20Z"}, {"id": "b", "at": "2023-11-14T22:13:20Z", KNOWN_AT: early}]
    known = [shown(Intake(source, 0).take(records(foreign(rows), appended_us=us)).rows) for us in (late, early)]
    assert [[row[KNOWN_AT] for row in part] for part in known] == [[late, early], [START + 1_200_000_000, early]]


def test_a_column_may_say_when_it_was_known():
    source = clicks(known_at="seen")
    rows = [{"id": "a", "at": START, "seen": START + 5}, {"id": "b", "at": START}]
    own = [{name: value for name, value in row.items() if name != KNOWN_AT} for row in rows]
    taken = Intake(source, 0).take(records(foreign(*[row | {"at": "2024-01-01", "seen": "2025-01-01"} for row in own])))
    assert [row[KNOWN_AT] for row in shown(taken.rows)] == [row["seen"] for row in shown(taken.rows)]
    lacking = Intake(source, 0).take(records(foreign({"id": "a", "at": "2024-01-01"})))
    assert [(each.reason, each.column) for each in lacking.rejected] == [("null_known_at", "seen")]


def test_counts_add_up_and_the_end_is_that_of_the_records():
    rows = [{"id": "a", "at": START}, {"id": "a", "at": START}, {"id": "a", "at": START + 1}, {"id": None, "at": START}]
    intake = Intake(clicks(), 0, start=5)
    assert (intake.take([]).end, intake.take([]).rows.schema) == (5, landed_schema(clicks()))
    found = records([*json_values(clicks(), rows, each=4), *foreign(b"{")], first=5, step=3)
    taken = intake.take(found)
    assert (taken.rows.num_rows, taken.duplicates, len(taken.rejected), taken.events) == (1, 1, 3, 5)
    assert taken.end == 9
    assert [each.reason for each in taken.rejected] == ["event_id_conflict", "null_event_id", "not_json"]
    assert '"id": "a"' in taken.rejected[0].text


def test_long_texts_are_cut():
    taken = Intake(clicks(), 0).take(records(foreign({"id": "a", "page": "x" * 100_000})))
    assert len(taken.rejected[0].text) < 5_000


def test_nothing_is_remembered_of_rejected_rows():
    rows = [{"id": "a", "at": None, KNOWN_AT: START}, {"id": "a", "at": START}]
    taken = Intake(clicks(), 0).take(records(json_values(clicks(), rows)))
    assert taken.rows.num_rows == 1


def test_a_horizon_is_at_least_one():
    with pytest.raises(SettingsError, match="horizon"):
        Intake(clicks(), 0, horizon=0)


def test_columns_of_rows_are_those_of_the_table():
    taken = Intake(clicks(), 0).take(records(arrow_values(clicks(), [{"id": "a", "at": START}])))
    assert taken.rows.schema == landed_schema(clicks())
    assert taken.rows.schema.field(OFFSET).type == pa.int64()
    assert np.all(taken.rows.column(OFFSET).to_numpy() == 0)
