"""A training set is named by what it holds, and travels in time."""

import pyarrow as pa
import pytest

from gapless.clock import DAY
from gapless.errors import InputError
from gapless.features import Limits, TableSources
from gapless.training.content import ContentHash
from gapless.training.training_set import training_set
from tests.features.world import MODEL, START, event_table, history, request_table
from tests.training.test_labels import truth_table

TINY = Limits(chunk_bytes=1, bucket_bytes=500)


def made(seed=1, *, shuffled=False, known_by_us=START + 9 * DAY, **more):
    rows, asks = history(seed, events=200, requests=60)
    requests = request_table(asks)
    if shuffled:
        requests = requests.take(list(reversed(range(len(requests)))))
    truth = truth_table([(f"r{i}", float(i % 2), at + DAY) for i, (_, at) in enumerate(asks) if i % 5])
    sources = TableSources({"events": event_table(rows), "asks": requests, "truth": truth})
    return training_set(MODEL, sources, versions={"events": 3}, known_by_us=known_by_us, **more)


def test_counts_every_maturity():
    assert made().manifest.counts == {"given_up": 12, "labelled": 48}


def test_the_content_hash_survives_row_order_and_chunks():
    first = made()
    assert first.manifest.content_hash == made(shuffled=True).manifest.content_hash
    assert first.manifest.content_hash == made(limits=TINY).manifest.content_hash


def test_the_content_hash_changes_with_one_value():
    batch = made().table.combine_chunks().to_batches()[0]
    hashes = set()
    for altered in (batch, batch.set_column(0, "id", pa.array(["r0x", *batch.column("id").to_pylist()[1:]]))):
        content = ContentHash()
        content.update(altered)
        hashes.add(content.hexdigest())
    assert len(hashes) == 2


def test_two_rows_that_swap_a_value_are_not_the_same():
    hashes = set()
    for x in ([1.0, 2.0], [2.0, 1.0]):
        content = ContentHash()
        content.update(pa.record_batch({"id": ["a", "b"], "x": x}))
        hashes.add(content.hexdigest())
    assert len(hashes) == 2


def test_time_is_half_open():
    times = sorted(row["t"] for row in made().table.select(["t"]).to_pylist())
    cut = int(times[30].timestamp() * 1e6)
    before, after = made(until_us=cut), made(from_us=cut)
    assert before.manifest.rows + after.manifest.rows == 60
    assert max(before.table.column("t").to_pylist()) < times[30] == min(after.table.column("t").to_pylist())


def test_known_by_hides_later_requests_events_and_labels():
    early = made(known_by_us=START + DAY)
    assert early.manifest.rows < 60
    assert max(t for t in early.table.column("t").to_pylist()).timestamp() * 1e6 <= START + DAY
    assert set(early.manifest.counts) == {"pending"}


def test_the_manifest_is_plain():
    document = made().manifest.to_dict()
    assert document["known_by"].startswith("2023-11-2")
    assert document["sources"] == {"events": 3}
    assert document["from"] is None
    assert document["columns"][:4] == ["id", "a", "b", "t"]


def test_no_requests_is_said_with_the_time():
    with pytest.raises(InputError, match="no request of model 'm'"):
        made(until_us=START - 1)
