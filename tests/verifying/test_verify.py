"""What was served honestly is proven to the bit; every lie is found, and its cause is named."""

import random
from collections import Counter

import numpy as np
import pytest

from gapless.adapters.delta import DeltaStore
from gapless.clock import DAY, HOUR, MINUTE
from gapless.features import TableSources, compute, float32_matrix
from gapless.product import Trust
from gapless.serving.landing import definition_of
from gapless.verifying.history import FILES, History
from gapless.verifying.recomputing import Opened
from gapless.verifying.served import batches_of
from gapless.verifying.verify import Choice, verify
from tests.features.world import START, event_table, request_table
from tests.online.stores import TableHistory
from tests.verifying.answers import (
    FEATURES,
    LAYOUT,
    SumScorer,
    changed,
    damage,
    landed,
    lived,
    world,
)

WIDTH = len(FEATURES.vector) + 2


@pytest.mark.parametrize("seed", range(12))
def test_honest_answers_have_no_difference(tmp_path, seed):
    """From state that was behind, asked in the past, away, half from files and half from the log."""
    made = lived(tmp_path, seed)
    report = made.verify(chunk_rows=60)
    assert report.differences == () or report.differences == []
    assert report.ok
    assert (report.answers, report.values) == (len(made.entries), len(made.entries) * WIDTH)
    assert sum(report.proven.values()) == report.answers
    assert report.rechecked == report.proven["at_its_instant"] + report.proven["behind"]


def test_every_honest_way_is_met(tmp_path):
    proven = Counter()
    for seed in range(3):
        made = lived(tmp_path / str(seed), seed)
        damage(made.store, random.Random(seed))
        made.ask([(row["key"], START + 3 * DAY) for row in made.files], START + 3 * DAY)
        report = made.verify()
        assert report.ok, report.differences[0].to_dict()
        assert report.behind_most_us > 0
        proven.update(report.proven)
    ways = ("at_its_instant", "behind", "asked_in_past", "state_damaged", "store_unreachable")
    assert all(proven[way] for way in ways), proven


def test_answers_of_one_state_are_computed_together(tmp_path):
    """Many answers behind the same cut, with state of files and of partitions."""
    made, asks = world(tmp_path, 3)
    made.materialize(START + DAY, count=len(made.files) // 2)
    for partition in range(2):
        made.stream(partition, len(made.pushed[partition]) // 2, START + 3 * DAY)
    made.ask([(key, START + 3 * DAY + i) for i, (key, _) in enumerate(asks)], START + 4 * DAY)
    report = made.verify(recheck=0.0)
    assert report.ok
    assert report.proven["behind"] > 32


def test_a_key_that_is_ahead_of_the_offset_record(tmp_path):
    """Killed between the records and the offset record: the answer names the place of its own key."""
    made, asks = world(tmp_path, 5)
    made.materialize(START + 4 * DAY)
    made.stream(0, len(made.pushed[0]) // 2, START + 4 * DAY)
    made.stream(0, len(made.pushed[0]), START + 4 * DAY, offset_record=False)
    made.ask([(key, START + 4 * DAY) for key, _ in asks], START + 4 * DAY)
    offsets = {seen.offset for entry in made.entries for seen in entry.groups if seen.partition == 0}
    assert len(offsets) > 1
    assert made.verify().ok


def test_answers_while_a_filling_goes_on(tmp_path):
    """Some keys are ahead by some of the chunks."""
    made, asks = world(tmp_path, 7, streamed=False)
    made.materialize(START + DAY, count=60)
    left = [12]

    class Stop(Exception):
        pass

    def fault(point, key):
        left[0] -= 1
        if left[0] < 0:
            raise Stop

    made.store.fault = fault
    with pytest.raises(Stop):
        made.materialize(START + 4 * DAY, chunk_events=10)
    made.ask([(key, START + 4 * DAY) for key, _ in asks], START + 4 * DAY)
    report = made.verify()
    assert report.ok, report.differences[0].to_dict()
    assert report.proven["being_filled"] > 0


# ---- lies ----------------------------------------------------------------------------------------


def fresh(folder, seed=11, **more):
    """All events are in, and every answer is proven at its instant."""
    made, _ = world(folder, seed, **more)
    made.materialize(START + 4 * DAY)
    for partition in range(2):
        if made.pushed[partition]:
            made.stream(partition, len(made.pushed[partition]), START + 4 * DAY)
    keys = dict.fromkeys(row["key"] for row in [*made.files, *made.pushed[0], *made.pushed[1]])
    late = max(row["time"] for row in [*made.files, *made.pushed[0], *made.pushed[1]]) + MINUTE
    made.ask([(key, late) for key in keys if None not in key], START + 4 * DAY)
    return made


def causes(report):
    assert not report.ok
    assert sum(report.causes.values()) == report.values_different
    return set(report.causes)


@pytest.mark.parametrize("place", range(len(FEATURES.vector)))
def test_a_value_of_a_vector_in_the_log(tmp_path, place):
    """Another one than was scored, in an answer that would have been another with it."""
    made = fresh(tmp_path)
    for entry in made.entries:
        vector = entry.features.copy()
        vector[place] = 7.25 if np.isnan(vector[place]) else vector[place] + 1.5
        if SumScorer().score(vector[np.newaxis]).prediction[0] not in (entry.prediction, np.nan):
            break
    honest = entry.features[place]
    made.entries[made.entries.index(entry)] = changed(entry, vector=vector.tobytes())
    report = made.verify()
    (found,) = report.differences
    assert (found.request_id, found.feature) == (entry.request_id, FEATURES.vector[place])
    assert (found.served, found.recomputed) == (vector[place], None if np.isnan(honest) else honest)
    assert found.cause == "vector_not_scored"
    assert (report.different, report.values_different) == (1, 1)


def test_a_prediction_that_the_version_does_not_give(tmp_path):
    made = fresh(tmp_path)
    i = next(i for i, entry in enumerate(made.entries) if entry.prediction)
    made.entries[i] = changed(made.entries[i], prediction=-made.entries[i].prediction)
    report = made.verify()
    (found,) = report.differences
    assert (found.feature, found.cause) == ("prediction", "answer_not_scored")


@pytest.mark.parametrize("place", ["vector", "prediction", "probability"])
def test_one_last_bit_is_enough(tmp_path, place):
    made = fresh(tmp_path)
    i = next(i for i, entry in enumerate(made.entries) if entry.probability)
    entry = made.entries[i]
    if place == "vector":
        vector = entry.features.copy()
        first = int(np.flatnonzero(vector == vector)[0])
        vector.view(np.uint32)[first] ^= 1
        made.entries[i] = changed(entry, vector=vector.tobytes())
    else:
        other = np.nextafter(np.float32(getattr(entry, place)), np.float32(np.inf))
        made.entries[i] = changed(entry, **{place: float(other)})
    assert made.verify().values_different == 1


def test_values_of_a_source_that_were_changed_afterwards(tmp_path):
    made = fresh(tmp_path, streamed=False)
    row = next(row for row in reversed(made.files) if row["x"] == 1.0 and None not in row["key"])
    row["x"] = 77.0
    report = made.verify()
    assert "other_values" in causes(report) | {"unexplained"}
    assert causes(report) <= {"other_values", "unexplained", "follows"}
    found = next(one for one in report.differences if one.window)
    assert found.events["in"] > 0
    assert found.groups[0]["partition"] == FILES


@pytest.mark.parametrize("home", ["file", "partition"])
def test_an_event_that_was_never_applied(tmp_path, home):
    """It is in the table, below the offsets that the answers name, and the state does not hold it."""
    made, _ = world(tmp_path, 11)
    rows = made.files if home == "file" else made.pushed[0]
    at, place = START + 4 * DAY - HOUR, len(rows)
    gone = {"key": ("x", 1), "x": 2.5, "text": "p", "time": at, "known": at}
    rows.append(gone)
    kept = gone["key"]
    gone["key"] = ("nobody asks", 9)
    made.materialize(START + 4 * DAY)
    for partition in range(2):
        made.stream(partition, len(made.pushed[partition]), START + 4 * DAY)
    gone["key"] = kept
    made.ask([(kept, START + 4 * DAY)], START + 4 * DAY)
    report = made.verify()
    assert "event_not_applied" in causes(report)
    found = next(one for one in report.differences if one.cause == "event_not_applied")
    assert found.event["partition"] == (FILES if home == "file" else 0)
    assert found.event["place"] == (place if home == "file" else place << 16)


def test_an_event_that_was_applied_twice(tmp_path):
    made, _ = world(tmp_path, 11, streamed=False)
    twice = next(row for row in made.files if None not in row["key"])
    made.files.append({**twice, "known": twice["known"]})
    made.materialize(START + 4 * DAY)
    made.ask([(twice["key"], max(twice["time"] + 1, twice["known"]))], START + 4 * DAY)
    made.files.pop()
    assert "event_applied_twice" in causes(made.verify())


def test_state_of_the_future_that_the_answer_does_not_confess(tmp_path):
    made = lived(tmp_path, 4)
    asked = [i for i, e in enumerate(made.entries) if any(r["code"] == "asked_in_past" for r in e.reasons)]
    for i in asked:
        reasons = [r for r in made.entries[i].reasons if r["code"] != "asked_in_past"]
        made.entries[i] = changed(made.entries[i], reasons=reasons)
    report = made.verify()
    assert "later_events" in causes(report)
    assert causes(report) <= {"later_events", "follows"}


def test_offsets_that_say_less_than_was_in(tmp_path):
    made = fresh(tmp_path)
    entries = []
    for entry in made.entries:
        groups = [
            type(one)(one.namespace, one.position, 0 if one.partition == 0 else one.offset, one.as_of_us, one.partition)
            for one in entry.groups
        ]
        entries.append(changed(entry, groups=groups))
    store = made.tables()
    assert made.verify(store, entries=entries, recheck=0.0).ok, "the batch kernel alone does not see it"
    assert "beyond_offsets" in causes(made.verify(store, entries=entries))


def test_a_record_that_could_not_be_read_and_nobody_said_so(tmp_path):
    made = fresh(tmp_path, streamed=False)
    key = next(row["key"] for row in made.files if None not in row["key"])
    store_key = LAYOUT.key_of({"a": key[0], "b": key[1]})
    made.store.values[store_key] = type(made.store.values[store_key])(1, b"no record", None)
    made.ask([(key, START + 4 * DAY)], START + 4 * DAY)
    made.entries = [changed(made.entries[-1], reasons=[])]
    assert "damaged_record" in causes(made.verify())


def test_defaults_that_the_author_changed_since(tmp_path):
    before = Trust(defaults={"stats__n_1h": 5.0})
    made, asks = world(tmp_path, 2)
    made.policy = before
    made.__post_init__()
    made.ask([(key, START) for key, _ in asks[:5]], START, away=True)
    store = made.tables()
    assert made.verify(store).proven["store_unreachable"] == 5
    report = made.verify(store, policy=Trust(defaults={"stats__n_1h": 6.0}))
    assert "defaults" in causes(report)
    assert report.different == 5


def test_events_that_are_not_landed_yet_are_no_difference(tmp_path):
    made = fresh(tmp_path)
    store = DeltaStore(tmp_path / "other")
    whole, made.folder = made.pushed[0], tmp_path / "later"
    made.pushed[0] = whole[: len(whole) // 2]
    store = made.tables()
    report = made.verify(store)
    assert report.ok
    assert report.not_landed > 0
    store.append("events/events/0", landed(whole).slice(len(whole) // 2).to_reader(), batch_id="rest")
    assert made.verify(store).not_landed == 0


# ---- which answers -------------------------------------------------------------------------------


def test_a_sample_is_the_same_every_time_and_time_is_cut(tmp_path):
    made = lived(tmp_path, 1)
    store, opened = made.tables(), Opened(FEATURES, SumScorer(), made.policy)

    def count(**more):
        answers = batches_of(made.entries, FEATURES)
        return verify(answers, lambda by: opened, History(store), Choice(**more), chunk_rows=50).answers

    half = count(sample=0.5)
    assert 0 < half < len(made.entries)
    assert half == count(sample=0.5)
    assert count(sample=0.0) == 0
    assert count(version="3") == len(made.entries)
    assert count(version="4") == 0
    times = sorted(entry.answered_us for entry in made.entries)
    middle = times[len(times) // 2]
    assert count(from_us=middle) + count(until_us=middle) == len(made.entries)
    assert count(until_us=START, by="as_of") == sum(entry.as_of_us < START for entry in made.entries)


def test_only_the_first_differences_are_kept_and_all_are_counted(tmp_path):
    made = fresh(tmp_path)
    vectors = [np.where(np.isnan(e.features), 0, e.features + 1).astype("<f4") for e in made.entries]
    made.entries = [changed(e, vector=v.tobytes()) for e, v in zip(made.entries, vectors, strict=True)]
    report = made.verify(most=3)
    assert len(report.differences) == 3
    assert report.different == len(made.entries)
    assert report.values_different > 3
    document = report.to_dict()
    assert document["ok"] is False
    assert document["differences"][0]["explanation"]


def test_nothing_to_check_is_fine(tmp_path):
    made, _ = world(tmp_path, 1)
    report = made.verify()
    assert report.ok
    assert report.answers == report.values == 0


def test_history_reads_as_one_source_in_the_order_that_breaks_ties(tmp_path):
    made, asks = world(tmp_path, 9)
    rows = [*made.files, *made.pushed[0], *made.pushed[1]]
    requests = request_table(asks)
    (mine,) = compute(FEATURES, requests, History(made.tables()))
    (theirs,) = compute(FEATURES, requests, TableSources({"events": event_table(rows)}))
    assert float32_matrix(mine, FEATURES.vector).tobytes() == float32_matrix(theirs, FEATURES.vector).tobytes()
    assert TableHistory(rows).end("events") == History(made.tables()).rows(LAYOUT.group.source)


def test_landed_rows_of_a_version_are_its_entries(tmp_path):
    made = lived(tmp_path, 1)
    (batch,) = batches_of(made.entries, FEATURES)
    assert batch.schema == definition_of(FEATURES).schema
    assert HOUR < DAY
