"""Real processes that are killed at random: embedded, and several of them on Kafka and Redis."""

import random
import time
import uuid
from threading import Thread

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from gapless.clock import SystemClock
from gapless.errors import Conflict, Transient
from gapless.events.pushing import Pusher
from gapless.online import OnlineReader
from gapless.ports.events import TopicPartition
from gapless.ports.topics import events_topic
from tests.kafka import kafka_server
from tests.servers import redis_server
from tests.streaming.processes import Worker, answers, check_everything, make_shop, push, slices, wait_for


@pytest.fixture(scope="module")
def embedded_shop(tmp_path_factory):
    return make_shop(tmp_path_factory.mktemp("shop"), partitions=2)


def test_killed_again_and_again_embedded(embedded_shop):
    """One process at a time; the next one goes on where the one before was killed."""
    workspace, draw = embedded_shop, random.Random(1)
    folder = workspace.settings.folder
    worker = Worker(folder, "worker", "--until-end")
    assert worker.process.wait(120) == 0, worker.said()  # from here on the model answers what comes
    pusher = Pusher(workspace.events, SystemClock(), partitions=2)
    asked = kills = 0
    worker = Worker(folder, "worker")
    for piece in slices(workspace, 24):
        pushed = push(workspace, pusher, piece)
        asked += pushed * (piece[0].name == "checkouts")
        if draw.random() < 0.25:
            before = len(answers(workspace))
            wait_for(lambda before=before: draw.random() < 0.2 or len(answers(workspace)) > before, [worker])
            worker.kill()
            worker, kills = Worker(folder, "worker"), kills + 1
    wait_for(lambda: len(answers(workspace)) >= asked, [worker])
    assert worker.stop() == 0, worker.said()
    assert kills >= 5
    verified = check_everything(workspace, asked)
    assert verified.proven["at_its_instant"] > asked / 2


def test_two_workers_on_kafka_and_redis_killed_and_paused(kafka, redis, tmp_path):
    """They share the partitions; one is killed, one hangs until it is taken for dead and then comes back."""
    name = uuid.uuid4().hex[:8]
    url = kafka.url(**{"prefix": name, "session.timeout.ms": "2000"})
    stores = f'events = "{url}"\nonline = "{redis.url}?prefix={name}"'
    workspace, draw = make_shop(tmp_path / "shop", stores=stores, partitions=4), random.Random(2)
    folder = workspace.settings.folder
    first = Worker(folder, "first", "--until-end")
    assert first.process.wait(120) == 0, first.said()
    pusher = Pusher(workspace.events, SystemClock(), partitions=4)
    workers = [Worker(folder, f"worker{i}") for i in range(2)]
    try:
        _play_on_kafka(workspace, pusher, workers, draw)
    finally:
        for worker in workers:
            worker.kill()


def _play_on_kafka(workspace, pusher, workers, draw):
    folder, asked, paused = workspace.settings.folder, 0, None
    wait_for(lambda: all("answers" in worker.said() for worker in workers), workers)
    for turn, piece in enumerate(slices(workspace, 16)):
        pushed = push(workspace, pusher, piece)
        asked += pushed * (piece[0].name == "checkouts")
        if turn % 6 == 2:
            wait_for(lambda known=asked: len(answers(workspace)) >= known * 3 // 4, workers)
            victim = draw.randrange(2)
            workers[victim].kill()
            workers[victim] = Worker(folder, f"worker{victim}")
        if turn == 10:
            paused = workers[0]
            paused.pause()
        if turn == 20 and paused is not None:
            wait_for(lambda half=asked // 2: len(answers(workspace)) > half, [workers[1]])
            paused.go_on()
            paused = None
    if paused is not None:
        paused.go_on()
    wait_for(lambda: len(answers(workspace)) >= asked, workers, seconds=180)
    assert [worker.stop() for worker in workers] == [0, 0], "\n".join(worker.said() for worker in workers)
    # Who answers a request of one partition may not have every event of another yet: the log entry names what it saw.
    check_everything(workspace, asked)


def test_until_end_waits_for_what_others_have_yet(kafka, redis, tmp_path):
    """All state is there before the group of the answers deals out its partition: only then does the model begin."""
    name = uuid.uuid4().hex[:8]
    stores = f'events = "{kafka.url(prefix=name)}"\nonline = "{redis.url}?prefix={name}"'
    workspace = make_shop(tmp_path / "shop", stores=stores, partitions=1)
    requests = events_topic(workspace.product.source("checkouts"))
    workspace.events.create(requests, 1)
    other = workspace.events.join("gapless.answers.will_return", [requests])
    wait_for(other.assigned)
    stream = workspace.stream()
    (answering,) = stream.processor.answering
    pusher, orders = Pusher(workspace.events, SystemClock(), partitions=1), workspace.product.source("orders")

    def ordered(step):
        """There is always more to do."""
        row = {"customer_id": "c1", "amount": 1.0, "at": SystemClock().now_us() - 1}
        pusher.push_rows(orders, [row | {"order_id": uuid.uuid4().hex}])

    with pytest.raises(Conflict, match="does not come to the end") as error:
        stream.run_to_end(ordered, patience_s=5.0)
    assert error.value.seen == "no partition for this process of the requests of will_return"
    assert other.committed(TopicPartition(requests, 0)) is None
    run = Thread(target=stream.run_to_end)
    run.start()
    other.close()
    run.join(60)
    assert answering.member.committed(TopicPartition(requests, 0)) == 0
    stream.close()


def test_a_group_that_the_broker_forgot_goes_on_after_the_last_answer(kafka, redis, tmp_path):
    """As after some days without a member. What came meanwhile is answered once, also in a new partition."""
    name = uuid.uuid4().hex[:8]
    stores = f'events = "{kafka.url(prefix=name)}"\nonline = "{redis.url}?prefix={name}"'
    workspace = make_shop(tmp_path / "shop", stores=stores, partitions=2)
    pusher, asked, pieces = Pusher(workspace.events, SystemClock(), partitions=2), 0, list(slices(workspace, 18))
    streamed_to_end(workspace)
    admin, group = AdminClient({"bootstrap.servers": kafka.bootstrap}), f"{name}.gapless.answers.will_return"
    for some in (pieces[:12], pieces[12:24]):
        asked += sum(push(workspace, pusher, piece) * (piece[0].name == "checkouts") for piece in some[:6])
        streamed_to_end(workspace)
        asked += sum(push(workspace, pusher, piece) * (piece[0].name == "checkouts") for piece in some[6:])
        admin.delete_consumer_groups([group])[group].result(30)
    streamed_to_end(workspace)
    topics = [events_topic(workspace.product.source(source)) for source in ("checkouts", "orders")]
    for made in admin.create_partitions([NewPartitions(f"{name}.{topic}", 3) for topic in topics]).values():
        made.result(30)
    pusher = Pusher(workspace.events, SystemClock(), partitions=2)
    asked += sum(push(workspace, pusher, piece) * (piece[0].name == "checkouts") for piece in pieces[24:])
    assert all(workspace.events.spans(topic)[2].end > 0 for topic in topics)
    streamed_to_end(workspace)
    wait_for(lambda: len(answers(workspace)) >= asked)  # a broker shows a transaction a moment later
    check_everything(workspace, asked)


def streamed_to_end(workspace):
    """`gapless stream --until-end`."""
    stream = workspace.stream()
    stream.run_to_end()
    stream.close()


def test_kafka_killed_and_redis_emptied_under_load(tmp_path):
    """The broker is killed and comes back; Redis is killed and comes back with nothing; pushes are tried again."""
    (tmp_path / "kafka").mkdir()
    with kafka_server(tmp_path / "kafka") as broker, redis_server(tmp_path, durable=False) as redis:
        stores = f'events = "{broker.url()}"\nonline = "{redis.url}"'
        workspace = make_shop(tmp_path / "shop", stores=stores, partitions=2)
        folder = workspace.settings.folder
        first = Worker(folder, "first", "--until-end")
        assert first.process.wait(120) == 0, first.said()
        worker = Worker(folder, "worker")
        try:
            _play_bad_day(workspace, worker, broker, redis)
        finally:
            worker.kill()


def _play_bad_day(workspace, worker, broker, redis):
    pusher, asked = Pusher(workspace.events, SystemClock(), partitions=2), 0
    for turn, piece in enumerate(slices(workspace, 12)):
        for server, when in ((broker, 6), (redis, 12)):
            if turn == when:
                wait_for(lambda known=asked: answered(workspace) >= known, [worker])
                server.process.kill()
                server.process.start()
        asked += pushed_at_last(workspace, pusher, piece) * (piece[0].name == "checkouts")
    wait_for(lambda: answered(workspace) >= asked, [worker], seconds=240)
    wait_for(lambda: is_fresh(workspace), [worker], seconds=120)
    assert worker.stop() == 0, worker.said()
    assert "lost state" in worker.said() or "trouble" in worker.said()
    check_everything(workspace, asked)


def pushed_at_last(workspace, pusher, piece):
    """A push that fails may be in the log, and is done again: its event ids make it count once."""
    for _ in range(60):
        try:
            return push(workspace, pusher, piece)
        except Transient:
            time.sleep(0.5)
    raise AssertionError("the log did not come back")


def answered(workspace):
    try:
        return len({told["request_id"] for told, _ in answers(workspace)})
    except Transient:
        return 0


def is_fresh(workspace):
    """All state is there again."""
    model = workspace.product.model("will_return")
    return not OnlineReader.of(model.feature_set, workspace.online).heads().incomplete
