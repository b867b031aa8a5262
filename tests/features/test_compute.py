"""Every feature of every request equals the slow definition, whatever the chunks, buckets and order."""

import numpy as np
import pyarrow as pa
import pytest

from gapless.arrow import TIMESTAMP
from gapless.errors import InputError, NotFound, StorageError
from gapless.features import KeyIndex, Limits, TableSources, compute, one_batch
from gapless.features.blocks import Block, Buckets
from tests.features import reference
from tests.features.world import EVENTS, MODEL, event_table, history, request_table

TINY = Limits(chunk_bytes=1, bucket_bytes=500, events_bytes=1 << 30)
SPILLING = Limits(events_bytes=2_000, bucket_bytes=500)


def answers(rows, asks, **more):
    table = one_batch(compute(MODEL, request_table(asks), TableSources({"events": event_table(rows)}), **more))
    plain = table.set_column(
        table.column_names.index("stats__seen"), "stats__seen", table.column("stats__seen").cast(pa.int64())
    )
    names = [name for name in plain.column_names if name.startswith("stats__")]
    return plain.select(names).to_pylist()


@pytest.mark.parametrize("seed", range(30))
def test_equals_the_slow_definition(seed):
    rows, asks = history(seed)
    assert answers(rows, asks) == [dict(sorted(reference.features(rows, *ask).items())) for ask in asks]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limits", [TINY, SPILLING], ids=["tiny", "spilling"])
def test_chunks_buckets_and_files_change_nothing(seed, limits, tmp_path):
    rows, asks = history(seed, events=400, requests=200)
    limits = Limits(limits.chunk_bytes, limits.bucket_bytes, limits.events_bytes, tmp_path)
    assert answers(rows, asks, limits=limits) == answers(rows, asks)
    assert list(tmp_path.iterdir()) == []


def test_a_chunk_is_cut_to_its_rows():
    rows, asks = history(1, requests=40_000)
    batches = list(compute(MODEL, request_table(asks), TableSources({"events": event_table(rows)}), limits=TINY))
    assert [batch.num_rows for batch in batches] == [16384, 16384, 7232]


def test_nothing_known_later_is_seen():
    rows, asks = history(7, events=300)
    known_by = sorted(e["known"] for e in rows)[150]
    expected = [dict(sorted(reference.features(rows, *ask, known_by=known_by).items())) for ask in asks]
    assert answers(rows, asks, known_by_us=known_by) == expected


def test_the_future_changes_nothing():
    rows, asks = history(3, events=300)
    now = sorted(at for _, at in asks)[20]
    past = [ask for ask in asks if ask[1] <= now]
    altered = [e | {"x": 99.0, "text": "?"} if e["time"] >= now or e["known"] > now else e for e in rows]
    assert altered != rows
    assert answers(altered, past) == answers(rows, past)


def test_on_demand_features_read_the_views():
    rows, asks = history(2)
    table = one_batch(compute(MODEL, request_table(asks), TableSources({"events": event_table(rows)})))
    for row in table.to_pylist():
        text, total = row["stats__text"], row["stats__total_1d"]
        assert row["derived__length"] == (None if text is None else len(text))
        assert row["derived__double"] == (None if total is None else total * 2)


def test_progress_counts_requests():
    rows, asks = history(1)
    done = []
    list(compute(MODEL, request_table(asks), TableSources({"events": event_table(rows)}), progress=done.append))
    assert done == [len(asks)]


def test_no_events_at_all_is_an_empty_window():
    _, asks = history(1)
    assert answers([], asks)[0]["stats__n_1h"] == 0
    assert answers([], asks)[0]["stats__text"] is None


def sources():
    return TableSources({"events": event_table(history(1)[0])})


def test_a_missing_column_is_named():
    table = request_table(history(1)[1]).rename_columns(["id", "a", "bb", "t"])
    with pytest.raises(InputError, match="lack the column 'b'"):
        list(compute(MODEL, table, sources()))


def test_a_null_time_is_refused():
    table = request_table(history(1)[1])
    table = table.set_column(3, "t", pa.nulls(len(table), table.schema.field("t").type))
    with pytest.raises(InputError, match="40 nulls"):
        list(compute(MODEL, table, sources()))


def test_a_wrong_type_is_refused():
    table = request_table(history(1)[1])
    table = table.set_column(2, "b", pa.array(["one"] * len(table)))
    with pytest.raises(InputError, match="column 'b'"):
        list(compute(MODEL, table, sources()))


def test_a_source_without_a_table_is_named():
    with pytest.raises(NotFound, match="events"):
        list(compute(MODEL, request_table(history(1)[1]), TableSources({})))


def test_the_plan_reads_only_what_it_needs():
    from gapless.features import plan_groups

    (group,) = plan_groups(MODEL.views)
    assert group.columns == {"a", "b", "x", "text", "at"}
    assert group.source is EVENTS
    assert len(group.inputs) == 5


def test_a_time_beyond_exact_floats_is_the_same_in_every_bucket():
    """Most buckets hold no event; what they would hold is a time all the same."""
    seen = 2**53 + 1
    rows = [{"key": ("x", 1), "x": 1.0, "text": "p", "time": seen, "known": seen}]
    asks = [(("x", key), 2**53 + 10) for key in range(40)]
    for limits in (Limits(), Limits(bucket_bytes=100)):
        assert [row["stats__seen"] for row in answers(rows, asks, limits=limits)][:2] == [None, seen]


def test_what_is_put_aside_has_no_name_so_that_nothing_is_left_behind(tmp_path):
    block = Block(np.arange(4, dtype=np.int32), np.arange(4), None, (np.arange(4.0),), (np.arange(4) > 1,))
    buckets = Buckets(3, memory_bytes=1, scratch=tmp_path)
    for _ in range(2):
        buckets.add(block)
        assert list(tmp_path.iterdir()) == []
    dealt = [(bucket, [part.key.tolist() for part in parts]) for bucket, parts in buckets.deal()]
    assert dealt == [(0, [[0, 3], [0, 3]]), (1, [[1], [1]]), (2, [[2], [2]])]
    buckets.close()


def test_no_room_to_put_events_aside_is_said(tmp_path):
    rows, asks = history(2)
    limits = Limits(events_bytes=1, scratch=tmp_path / "gone")
    with pytest.raises(StorageError, match="put aside"):
        answers(rows, asks, limits=limits)


@pytest.mark.parametrize("column", ["at", "known"])
def test_an_event_without_its_time_is_refused(column):
    rows, asks = history(2)
    table = event_table(rows)
    empty = table.set_column(table.column_names.index(column), column, pa.nulls(len(table), TIMESTAMP))
    with pytest.raises(InputError, match="empty"):
        one_batch(compute(MODEL, request_table(asks), TableSources({"events": empty})))


def test_a_key_of_many_columns_has_room():
    """Together these columns have more combinations than an int64 has values."""
    draw = np.random.default_rng(0)
    columns = [pa.array(draw.permutation(2_000)) for _ in range(6)]
    index = KeyIndex(columns)
    assert len(index) == 2_000
    np.testing.assert_array_equal(index.find([column.slice(5, 9) for column in columns]), index.codes[5:14])
    shifted = [columns[0].slice(0, 1_999), *(column.slice(1) for column in columns[1:])]
    assert set(index.find(shifted).tolist()) == {-1}
