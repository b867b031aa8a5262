"""Profiles by stages are those of the rows themselves, however work is cut and whatever fails."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gapless.arrow import KNOWN_AT, to_numpy
from gapless.distributing import LabelLookup, Sizes, profile_events, profile_features
from gapless.monitoring import Profiles
from gapless.testing.engines import MemoryEngine
from gapless.training.training_set import training_set
from tests.distributing.test_computing import DAY, tables_of, world
from tests.features.world import EVENTS, MODEL, REQUESTS

ENGINES = [MemoryEngine(3, seed=5), MemoryEngine(2, seed=6, again=0.4, broken=0.4)]
TINY = Sizes(3, bucket_rows=30, split_rows=16, slice_rows=13)


def _of(table: pa.Table, columns, time, every) -> Profiles:
    """One look at all rows, in one batch."""
    profiles = Profiles(columns, every_us=every)
    batch = table.combine_chunks().to_batches()[0]
    profiles.add(batch, to_numpy(batch.column(time))[0])
    return profiles


def _plain(profiles):
    found = [one.to_dict() for one in profiles]
    assert found
    return found


@pytest.mark.parametrize("engine", ENGINES, ids=["undisturbed", "broken"])
@pytest.mark.parametrize("every", [None, DAY])
def test_of_events(tmp_path, engine, every):
    store, sources, _ = world(tmp_path, 3)
    columns = list(EVENTS.columns)
    found = profile_events(engine, EVENTS, columns, tables_of(store, sources), every_us=every, sizes=TINY)
    rows = sources.read(EVENTS, columns, start_us=None, end_us=None).read_all()
    assert _plain(found) == _plain(_of(rows, EVENTS.columns, EVENTS.event_time, every))


def test_of_events_of_a_time_as_they_were_known(tmp_path):
    store, sources, _ = world(tmp_path, 4)
    whole = sources.read(EVENTS, list(EVENTS.columns), start_us=None, end_us=None).read_all()
    times = sorted(to_numpy(whole[EVENTS.event_time])[0].tolist())
    start, end, known_by = times[20], times[90], times[70]
    found = profile_events(
        ENGINES[0],
        EVENTS,
        ["x", "text"],
        tables_of(store, sources),
        start_us=start,
        end_us=end,
        known_by_us=known_by,
        sizes=TINY,
    )
    rows = sources.read(EVENTS, list(EVENTS.columns), start_us=start, end_us=end).read_all()
    rows = rows.filter(pa.array(to_numpy(rows[KNOWN_AT])[0] <= known_by))
    types = {name: EVENTS.columns[name] for name in ("x", "text")}
    assert 0 < rows.num_rows < 70
    assert _plain(found) == _plain(_of(rows, types, EVENTS.event_time, None))


def test_of_a_time_without_events(tmp_path):
    store, sources, _ = world(tmp_path, 4)
    found = profile_events(ENGINES[0], EVENTS, ["x"], tables_of(store, sources), start_us=1, end_us=2, sizes=TINY)
    assert sum(one.counts.rows for one in found) == 0


@pytest.mark.parametrize("engine", ENGINES, ids=["undisturbed", "broken"])
@pytest.mark.parametrize("every", [None, DAY])
def test_of_features_and_label(tmp_path, engine, every):
    """The same counts as of the training set, whose rows come to nobody here."""
    store, sources, _ = world(tmp_path, 7)
    known_by = 1 << 60
    columns = {**MODEL.outputs, MODEL.label.columns[0]: MODEL.label.expression.type}
    found = profile_features(
        engine,
        MODEL.feature_set,
        columns,
        sources.read(REQUESTS, list(REQUESTS.columns), start_us=None, end_us=None),
        tables_of(store, sources),
        label=LabelLookup.of(MODEL, known_by),
        every_us=every,
        known_by_us=known_by,
        sizes=TINY,
    )
    rows = training_set(MODEL, sources, versions=sources.versions, known_by_us=known_by).table
    assert _plain(found) == _plain(_of(rows, columns, REQUESTS.event_time, every))
