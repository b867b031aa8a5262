"""A stream of a workspace: bad days, and what lives beside it."""

import json
import shutil
from urllib.request import urlopen

import pyarrow as pa
import pytest

from gapless.arrow import TIMESTAMP
from gapless.clock import parse_instant
from gapless.errors import CorruptData
from gapless.events.pushing import Pusher
from gapless.online import OnlineReader
from gapless.ports.events import Outgoing
from gapless.ports.topics import events_topic
from gapless.streaming.metrics import serve_metrics
from gapless.streaming.world import Limits
from gapless.workspace import Workspace
from gapless.workspace.streaming import StreamOptions
from tests.streaming.processes import answers, check_everything, make_shop, push, slices


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A shop with a live version; nothing was pushed yet."""
    folder = tmp_path_factory.mktemp("made")
    workspace = make_shop(folder, partitions=2)
    workspace.online.close()
    return folder


@pytest.fixture
def shop(made, tmp_path):
    shutil.copytree(made, tmp_path / "shop")
    workspace = Workspace.open(tmp_path / "shop")
    yield workspace
    workspace.events.close()
    workspace.online.close()


@pytest.fixture
def stream(shop):
    """Opened, with all state filled: from here on it answers what comes."""
    opened = shop.stream(StreamOptions(Limits(refresh_us=1)))
    opened.run_to_end()
    yield opened
    opened.close()


def pushed(shop, count, *, first=0):
    """Pushes some pieces; how many requests were among them."""
    pusher = Pusher(shop.events, shop.clock, partitions=2)
    pieces = list(slices(shop, 20))[first : first + count]
    return sum(push(shop, pusher, piece) * (piece[0].name == "checkouts") for piece in pieces)


def orders(shop):
    return shop.product.source("orders")


def features_of(shop, customer, at):
    model = shop.product.model("will_return")
    row = {"checkout_id": "x", "customer_id": customer, "amount": 1.0, "asked_at": at}
    return OnlineReader.of(model.feature_set, shop.online).read([row], [at])


def test_answers_state_and_log_agree(shop, stream):
    asked = 0
    for first in range(0, 12, 3):
        asked += pushed(shop, 3, first=first)
        stream.run_to_end()
    verified = check_everything(shop, asked)
    assert verified.proven["at_its_instant"] == asked
    assert {each["lag"] for each in stream.report()["partitions"]} == {0}


def test_pruning_leaves_what_streams_in(shop, stream):
    asked = pushed(shop, 6)
    stream.run_to_end()
    assert shop.materialize(prune=True).pruned == ()
    asked += pushed(shop, 6, first=6)
    stream.run_to_end()
    check_everything(shop, asked)


def test_an_emptied_store_is_filled_from_files_tables_and_log(shop, stream):
    told = []
    stream.worker.tell = told.append
    asked = pushed(shop, 6)
    stream.run_to_end()
    stream.lander.round()
    for key in list(shop.online.keys(b"")):
        shop.online.remove(key)
    asked += pushed(shop, 6, first=6)
    stream.run_to_end()
    assert any("lost state" in error.what for error in told)
    check_everything(shop, asked)


def test_files_that_are_ingested_meanwhile_are_in(shop, stream):
    before = shop.offline.version("sources/orders")
    at = pa.array([parse_instant("2024-01-30")], pa.int64()).cast(TIMESTAMP)
    shop.ingest("orders", pa.table({"order_id": ["late"], "customer_id": ["c1"], "amount": [5.0], "at": at}))
    assert shop.offline.version("sources/orders") != before
    stream.lander.round()
    files = features_of(shop, "c1", 2**50).heads.groups[0]
    assert files.offset == shop.offline.stats("sources/orders").rows


def test_poison_is_quarantined_and_the_stream_goes_on(shop, stream):
    topic = events_topic(orders(shop))
    wrong = b'{"order_id": "y", "customer_id": "c1", "amount": "much", "at": "2024-02-01"}'
    bad = [b"not json", b'{"order_id": "x"}', wrong]
    shop.events.append(topic, [Outgoing(0, value) for value in bad])
    asked = pushed(shop, 4)
    stream.run_to_end()
    stream.lander.round()
    aside = shop.offline.read("quarantine/orders").read_all()
    assert sorted(aside["reason"].to_pylist()) == ["not_a_number", "not_json", "null_event_time"]
    assert stream.report()["sources"]["orders"]["rejected"] == 3
    check_everything(shop, asked)


def test_a_foreign_producer_pushes_plain_json_with_new_and_missing_columns(shop, stream):
    topic = events_topic(orders(shop))
    at = "2024-02-10T12:00:00Z"
    events = [{"order_id": "f1", "customer_id": "newcomer", "amount": "12.5", "at": at, "coupon": "x"},
              {"order_id": "f2", "customer_id": "newcomer", "at": at}]  # fmt: skip
    shop.events.append(topic, [Outgoing(1, json.dumps(events).encode())])
    stream.run_to_end()
    now = shop.clock.now_us()
    looked = features_of(shop, "newcomer", now)
    assert looked.row(0)["spend__n_7d"] == 0  # it happened long before it was known
    stream.lander.round()
    landed = shop.offline.read("events/orders/1").read_all()
    assert landed["amount"].to_pylist() == [12.5, None]
    assert min(landed["_known_at"].cast(pa.int64()).to_pylist()) > parse_instant("2026-01-01")


def test_a_partition_without_events_stays_fresh(shop, stream):
    before = features_of(shop, "c1", 2**50).as_of_us["spend"]
    stream.run_to_end()
    assert features_of(shop, "c1", 2**50).as_of_us["spend"] > before
    assert stream.processor.fresh_us is not None


def test_a_hot_key_is_exact_and_bounded(shop, stream):
    source = orders(shop)
    rows = [{"order_id": f"hot{i}", "customer_id": "hot", "amount": float(i % 7), "at": shop.clock.now_us() - 1_000}
            for i in range(5_000)]  # fmt: skip
    Pusher(shop.events, shop.clock, partitions=2).push_rows(source, rows)
    stream.run_to_end()
    assert features_of(shop, "hot", shop.clock.now_us() + 1).row(0)["spend__n_1d"] == 5_000.0
    sizes = [len(shop.online.read([key])[0]) for key in shop.online.keys(b"") if key.endswith(b"hot")]
    assert len(sizes) == 2  # one for each partition
    assert max(sizes) < 1_000


def test_a_producer_whose_clock_is_ahead_holds_nobody_up(shop, stream):
    class Ahead:
        def now_us(self):
            return shop.clock.now_us() + 3_600_000_000

    row = {"order_id": "future", "customer_id": "c1", "amount": 1.0, "at": Ahead().now_us()}
    Pusher(shop.events, Ahead(), partitions=2).push_rows(orders(shop), [row])
    asked = pushed(shop, 4)
    stream.run_to_end()
    assert len(answers(shop)) == asked
    now = shop.clock.now_us()
    assert features_of(shop, "c1", now).early == []  # it waits in the record
    assert features_of(shop, "c1", now + 2 * 3_600_000_000).row(0)["spend__n_1d"] == 1.0


def test_a_log_that_let_go_of_what_the_state_needs_is_refused(shop, stream):
    asked = pushed(shop, 2)
    stream.run_to_end()
    assert len(answers(shop)) == asked
    topic = events_topic(orders(shop))
    log_folder = shop.settings.folder / ".gapless" / "events"
    shop.events.close()
    shutil.rmtree(log_folder)
    again = Workspace.open(shop.settings.folder)
    again.events.create(topic, 2)
    with pytest.raises(CorruptData, match="shorter than what"):
        again.stream().run_to_end()
    again.events.close()


def test_metrics_say_what_the_report_says(shop, stream):
    pushed(shop, 4)
    stream.run_to_end()
    port = serve_metrics(stream.report, 0)
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as page:
        text = page.read().decode()
    events = stream.report()["sources"]["orders"]["events"]
    assert f'gapless_stream_events_total{{source="orders"}} {float(events)}' in text
    assert 'gapless_stream_lag_records{partition="1",source="orders"} 0.0' in text
    assert "gapless_stream_fresh_seconds" in text


def test_a_second_stream_of_the_embedded_log_stands_by(shop, stream):
    other = Workspace.open(shop.settings.folder)
    standing_by = other.stream()
    asked = pushed(shop, 2)
    assert standing_by.worker.once().idle
    assert standing_by.processor.shards == {}
    stream.run_to_end()
    assert len(answers(shop)) == asked
    standing_by.close()
    other.events.close()


@pytest.mark.parametrize("first", [6, 12])
def test_requests_answered_long_after_their_state_went_on_are_told_apart_and_verified(shop, first):
    """State is kept without answers for a while; more comes before anybody answers what waited."""
    _streamed(shop)  # from here on requests are waited for
    asked = pushed(shop, first)
    _streamed(shop, answer=False)
    asked += pushed(shop, 100, first=first)
    _streamed(shop)
    verified = check_everything(shop, asked)
    assert verified.proven["asked_in_past"] > 0


def _streamed(shop, *, answer=True):
    """A stream of its own comes to the end of the log."""
    opened = shop.stream(StreamOptions(answer=answer))
    opened.run_to_end()
    opened.close()
