"""A stream on real Spark: the state of the embedded processor on the same log, handed over both ways, and killed."""

import os
import pickle
import random
import shutil
import signal
import time
import uuid
from collections import Counter
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from gapless.adapters.spark.log_source import LogFeed
from gapless.adapters.spark.log_stream import LogStream
from gapless.cli import main
from gapless.clock import SystemClock
from gapless.errors import CorruptData, SettingsError, Transient
from gapless.events.pushing import Pusher
from gapless.online.record import unpack
from gapless.ports.events import TopicPartition
from gapless.ports.topics import events_topic
from gapless.streaming.keeping import Work
from gapless.streaming.world import Limits
from gapless.workspace import Workspace
from gapless.workspace.executors import Place, begin, bring_on, opened_log
from gapless.workspace.spark_streaming import check_reachable, open_spark_stream
from gapless.workspace.streaming import StreamOptions
from gapless.workspace.upkeep import Upkeep
from tests.streaming.processes import Worker, answers, check_everything, make_shop, push, slices, wait_for

MASTER = "spark:local[2]"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A shop with a live version; the model answers what comes from now on."""
    folder = tmp_path_factory.mktemp("made")
    workspace = make_shop(folder, partitions=2)
    embedded(workspace)
    close(workspace)
    return folder


@pytest.fixture
def shop(made, tmp_path):
    shutil.copytree(made, tmp_path / "shop")
    workspace = Workspace.open(tmp_path / "shop")
    yield workspace
    close(workspace)


def close(workspace):
    workspace.events.close()
    workspace.online.close()


def embedded(workspace):
    """`gapless stream --until-end`; what it did."""
    stream = workspace.stream()
    try:
        stream.run_to_end()
    finally:
        stream.close()
    return stream.report()


def on_spark(workspace, *, meanwhile=lambda stream: None, **options):
    """`gapless stream --engine spark:local[2] --no-answers --until-end`; (what it did, what it told)."""
    told = []
    stream = open_spark_stream(workspace, StreamOptions(answer=False, tell=told.append, **options), MASTER)
    other = Thread(target=meanwhile, args=(stream,))
    other.start()
    try:
        stream.run_to_end()
    finally:
        other.join()
        stream.close()
    return stream.report(), told


def pushed(workspace, pieces):
    """Pushes; (requests, orders) among them."""
    pusher = Pusher(workspace.events, SystemClock(), partitions=2)
    counts = Counter()
    for piece in pieces:
        counts[piece[0].name] += push(workspace, pusher, piece)
    return counts["checkouts"], counts["orders"]


def taken(report):
    """Orders that came into the state from the log."""
    return report["sources"]["orders"]["events"] if "orders" in report["sources"] else 0


def test_spark_and_embedded_take_turns_on_one_log_and_store(spark, shop, tmp_path):
    """Each goes on where the other stopped; requests that came meanwhile are answered by the embedded one, once."""
    pieces = list(slices(shop, 20))
    asked, orders = pushed(shop, pieces[:8])
    shutil.copytree(shop.settings.folder, tmp_path / "twin")
    report, told = on_spark(shop)
    assert told == []
    twin = Workspace.open(tmp_path / "twin")
    embedded(twin)
    assert records(shop) == records(twin)
    close(twin)
    assert {each["lag"] for each in report["partitions"]} == {0}
    assert taken(report) == orders > 50
    assert taken(embedded(shop)) == 0

    more, orders = pushed(shop, pieces[8:14])
    assert taken(embedded(shop)) == orders
    again, orders = pushed(shop, pieces[14:])
    assert taken(on_spark(shop)[0]) == orders
    embedded(shop)
    check_everything(shop, asked + more + again)


def records(workspace):
    """What every record of the log's state holds, without how the log was cut."""
    found = {}
    for key in state_keys(workspace):
        record = unpack(workspace.online.read([key])[0])
        found[key] = (record.newest_us, record.waiting, record.tiles)
    assert len(found) > 10
    return found


def state_keys(workspace):
    layouts = [layout for each in Upkeep(workspace).followed.values() for layout in each.layouts]
    prefixes = [prefix for one in layouts for p in range(2) for prefix in one.of_partition(p).state_prefixes]
    return [key for prefix in prefixes for key in workspace.online.keys(prefix)]


def test_workers_that_are_killed_and_a_log_that_is_not_the_one(spark, shop):
    """Python processes of tasks are killed while they work; then the log is replaced by an empty one."""
    pieces = list(slices(shop, 20))
    asked, _ = pushed(shop, pieces[:10])
    kills = []

    def meanwhile(stream):
        draw = random.Random(1)
        for _ in range(3):
            wait_for(lambda: stream.report()["sources"] or stream.tally.idle)
            time.sleep(draw.random())
            kills.extend(kill_workers(spark))

    options = {"limits": Limits(batch_bytes=5_000, refresh_us=1)}
    on_spark(shop, meanwhile=meanwhile, **options)
    asked += pushed(shop, pieces[10:])[0]
    on_spark(shop, **options)
    assert kills
    embedded(shop)
    check_everything(shop, asked)

    shop.events.close()
    shutil.rmtree(shop.settings.folder / ".gapless" / "events")
    again = Workspace.open(shop.settings.folder)
    with pytest.raises(CorruptData, match="shorter than"):
        on_spark(again)
    close(again)


def kill_workers(session):
    """kill -9 of the Python processes that Spark runs tasks in; which."""
    java = session.sparkContext._gateway.proc.pid
    daemons = [pid for pid in children(java) if b"pyspark.daemon" in command(pid)]
    workers = [pid for daemon in daemons for pid in children(daemon)]
    for pid in workers:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return workers


def children(parent):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def command(pid):
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def test_a_batch_that_is_repeated_changes_nothing_and_one_that_fails_says_why(spark, shop):
    asked, orders = pushed(shop, list(slices(shop, 20))[:8])
    upkeep = Upkeep(shop)
    upkeep.prepare()
    place = Place(shop.settings, Limits(), uuid.uuid4().hex)
    topics = [events_topic(each.source) for each in upkeep.followed.values()]
    mine = frozenset(TopicPartition(topic, p) for topic in topics for p in range(2))
    work = Work(upkeep.followed, mine, land=True, keep_us=1 << 60)
    begins = partial(begin, place, pickle.dumps(upkeep.followed))
    feed = LogFeed(partial(opened_log, place), begins, SystemClock().now_us, 4, 2, 1_000)
    batches, failed = [], []

    def batch(run):
        once, twice = (run(partial(bring_on, place, work)) for _ in range(2))
        batches.append((once, twice))
        with pytest.raises(Transient, match="gave up") as error:
            run(raising)
        failed.append(error.value)
        if not sum(one.events for one in once) and len(batches) > 1:
            raise CorruptData("so it ends")

    stream = LogStream(spark, f"gapless_{place.stream}", feed, batch)
    stream.start()
    with pytest.raises(CorruptData, match="so it ends"):
        stream.wait(240)
    stream.stop()
    assert len(batches) > 2  # a bounded number of records in each
    assert sum(one.events for once, _ in batches for one in once if one.source == "orders") == orders
    assert sum(one.events for _, twice in batches for one in twice) == 0
    assert [one.fault for each in batches for some in each for one in some if one.fault is not None] == []
    assert "ZeroDivisionError" in str(failed[0])
    embedded(shop)
    check_everything(shop, asked)


def raising(blocks):
    """What a fault of our own looks like."""
    yield 1 // len([])


def test_on_kafka_and_redis_it_is_the_same(spark, kafka, redis, tmp_path):
    name = uuid.uuid4().hex[:8]
    stores = f'events = "{kafka.url(prefix=name)}"\nonline = "{redis.url}?prefix={name}"'
    shop = make_shop(tmp_path / "shop", stores=stores, partitions=2)
    embedded(shop)
    pieces = list(slices(shop, 20))
    asked, orders = pushed(shop, pieces[:10])
    assert taken(on_spark(shop)[0]) == orders
    assert taken(embedded(shop)) == 0
    more, orders = pushed(shop, pieces[10:])
    asked += more
    assert taken(embedded(shop)) == orders
    assert taken(on_spark(shop)[0]) == 0
    wait_for(lambda: len(answers(shop)) >= asked)  # a broker shows a transaction a moment later
    check_everything(shop, asked)
    close(shop)


def test_a_driver_that_is_killed_goes_on_where_the_state_is(shop):
    """kill -9 of `gapless stream --engine spark`, with all that it started, and another one to the end."""
    folder = shop.settings.folder
    options = ("--engine", MASTER, "--no-answers")
    pieces = list(slices(shop, 20))
    asked, _ = pushed(shop, pieces[:10])
    first = Worker(folder, "first", *options)
    try:
        wait_for(lambda: state_keys(shop), [first])
    finally:
        first.kill()
    asked += pushed(shop, pieces[10:])[0]
    second = Worker(folder, "second", *options, "--until-end", "--json")
    assert second.process.wait(240) == 0, second.said()
    assert '"lag": 0' in second.said()
    embedded(shop)
    check_everything(shop, asked)


def test_requests_that_come_as_events_are_left_to_the_embedded_stream(shop):
    with pytest.raises(SettingsError, match="not answered on Spark") as error:
        open_spark_stream(shop, StreamOptions(), MASTER)
    assert "will_return" in str(error.value)
    assert "--no-answers" in str(error.value)


@pytest.mark.parametrize(
    ("stores", "said"),
    [("", "online is of this machine"), ('online = "redis://host:6379/0"', "events is of this machine")],
)
def test_stores_of_this_machine_are_refused_where_tasks_run_on_others(tmp_path, stores, said):
    (tmp_path / "gapless.toml").write_text(f"[stores]\n{stores}\n")
    workspace = Workspace.open(tmp_path)
    with pytest.raises(SettingsError, match=said):
        check_reachable(workspace.settings, "spark://10.0.0.5:7077")


def test_stores_that_every_machine_reaches_are_not(tmp_path):
    stores = 'online = "redis://host:6379/0"\nevents = "kafka://host:9092"'
    (tmp_path / "gapless.toml").write_text(f"[stores]\n{stores}\n")
    check_reachable(Workspace.open(tmp_path).settings, "spark://10.0.0.5:7077")


def test_an_engine_that_there_is_not_is_refused(tmp_path, capsys):
    (tmp_path / "gapless.toml").write_text("")
    assert main(["stream", "--engine", "flink", "--workspace", str(tmp_path)]) != 0
    assert "spark:local[2]" in capsys.readouterr().err
