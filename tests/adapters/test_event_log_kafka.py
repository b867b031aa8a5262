"""The event log on a real Kafka broker keeps the promises of the port, and reads what others wrote there."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from gapless.adapters.kafka import KafkaEventLog
from gapless.adapters.kafka.reading import Reader
from gapless.adapters.kafka.topics import Topics
from gapless.adapters.kafka.urls import parse_target
from gapless.errors import Conflict, InputError, NotFound, SettingsError
from gapless.ports.events import Outgoing, Span, TopicPartition
from gapless.testing.events import EVENT_LOG_CHECKS
from gapless.testing.events_factory import drain, eventually, joined, opened
from tests.adapters.kafka_logs import OnKafka, new_id
from tests.kafka import Kafka


@pytest.mark.parametrize("check", EVENT_LOG_CHECKS, ids=lambda check: check.__name__)
def test_conformance(check, kafka: Kafka):
    check(OnKafka(kafka.port))


@pytest.fixture
def log(kafka: Kafka) -> Iterator[KafkaEventLog]:
    log = OnKafka(kafka.port, options={"fetch.wait.max.ms": "20"})("log")
    yield log
    log.close()


def _full(log: KafkaEventLog, topic: str) -> str:
    return log._target.topic(topic)


def _admin(kafka: Kafka) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.bootstrap})


def _transaction(kafka: Kafka, topic: str, values: list[bytes], *, commit: bool) -> None:
    """Somebody else's."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": new_id(), "log_level": 2})
    producer.init_transactions(10)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, partition=0)
    producer.flush(10)
    producer.commit_transaction(10) if commit else producer.abort_transaction(10)


def test_what_was_aborted_is_never_read_and_holds_nobody_up(kafka: Kafka, log: KafkaEventLog):
    log.create("t", 1)
    full = _full(log, "t")
    _transaction(kafka, full, [b"no"] * 3, commit=False)
    eventually(lambda: log.spans("t") == [Span(0, 4)], "the transaction is marked")
    for offset in range(4):
        assert log.read("t", 0, offset, max_bytes=100) == []
    log.append("t", [Outgoing(0, b"a")])
    _transaction(kafka, full, [b"b"], commit=True)
    _transaction(kafka, full, [b"no"], commit=False)
    eventually(lambda: [record.value for record in drain(log, "t")] == [b"a", b"b"], "what was committed is read")
    assert log.read("t", 0, 6, max_bytes=100) == []
    assert log.read("t", 0, 1000, max_bytes=100) == []


def test_an_open_transaction_is_not_read_yet_nor_what_follows_it(kafka: Kafka, log: KafkaEventLog):
    log.create("t", 1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": new_id(), "log_level": 2})
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(_full(log, "t"), b"open", partition=0)
    producer.flush(10)
    log.append("t", [Outgoing(0, b"later")])
    assert log.spans("t") == [Span(0, 0)]
    assert drain(log, "t") == []
    producer.commit_transaction(10)
    eventually(lambda: [record.value for record in drain(log, "t")] == [b"open", b"later"], "both are read, in order")


def test_records_of_others_need_no_key_value_or_headers(kafka: Kafka, log: KafkaEventLog):
    log.create("t", 1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(_full(log, "t"), None, partition=0, timestamp=1_700_000_000_123)
    producer.produce(_full(log, "t"), b"v", b"k", partition=0, headers=[("none", None), ("some", b"x")])
    assert producer.flush(10) == 0
    bare, whole = drain(log, "t")
    assert (bare.value, bare.key, bare.headers, bare.appended_us) == (b"", b"", {}, 1_700_000_000_123_000)
    assert (whole.value, whole.key, whole.headers) == (b"v", b"k", {"none": b"", "some": b"x"})


def test_topics_are_kept_until_they_are_trimmed(kafka: Kafka, log: KafkaEventLog):
    log.create("events.flights", 1)
    resource, admin = ConfigResource(ResourceType.TOPIC, _full(log, "events.flights")), _admin(kafka)
    settings = admin.describe_configs([resource])[resource].result(10)
    seen = {name: settings[name].value for name in ("cleanup.policy", "retention.ms", "retention.bytes")}
    assert seen == {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


def test_a_deleted_topic_is_not_found(kafka: Kafka):
    """An append runs out of its time first: to the client, the topic may yet come."""
    with opened(OnKafka(kafka.port, timeout_s=1.5), "deleted") as log:
        log.create("t", 1)
        log.append("t", [Outgoing(0, b"a")])
        assert len(drain(log, "t")) == 1
        admin = _admin(kafka)
        admin.delete_topics([_full(log, "t")])[_full(log, "t")].result(10)
        for gone in (
            lambda: log.append("t", [Outgoing(0, b"b")]),
            lambda: log.read("t", 0, 1, max_bytes=100),
            lambda: log.spans("t"),
            lambda: log.join("g", ["t"]),
        ):
            eventually(lambda gone=gone: _is_not_found(gone), "it is not found")


def _is_not_found(action: Callable[[], object]) -> bool:
    try:
        action()
    except NotFound:
        return True
    return False


def test_partitions_that_were_added_are_seen(kafka: Kafka, log: KafkaEventLog):
    log.create("t", 1)
    log.append("t", [Outgoing(0, b"")])  # the producer knows the topic as it is
    assert log.spans("t") == [Span(0, 1)]
    full, admin = _full(log, "t"), _admin(kafka)
    admin.create_partitions([NewPartitions(full, 3)])[full].result(10)
    log.append("t", [Outgoing(2, b"a")])
    assert log.spans("t") == [Span(0, 1), Span(0, 0), Span(0, 1)]


def test_an_output_that_the_brokers_refuse_takes_the_commit_back(kafka: Kafka, log: KafkaEventLog):
    """The topic takes less than the port allows."""
    log.create("in", 1)
    log.create("out", 1)
    smaller = ConfigEntry("max.message.bytes", "1000", incremental_operation=AlterConfigOpType.SET)
    resource, admin = (
        ConfigResource(ResourceType.TOPIC, _full(log, "out"), incremental_configs=[smaller]),
        _admin(kafka),
    )
    admin.incremental_alter_configs([resource])[resource].result(10)
    place = TopicPartition("in", 0)
    with joined(log, "g", ["in"]) as member:
        noise = random.Random(1).randbytes(10_000)
        with pytest.raises(InputError, match="larger than the brokers take"):
            member.commit([("out", Outgoing(0, b"small")), ("out", Outgoing(0, noise))], {place: 5})
        assert member.committed(place) is None
        member.commit([("out", Outgoing(0, b"next"))], {place: 6})
        assert member.committed(place) == 6
    eventually(lambda: [record.value for record in drain(log, "out")] == [b"next"], "nothing of the first one is read")
    with pytest.raises(InputError, match="larger than the brokers take"):
        log.append("out", [Outgoing(0, noise)])
    assert log.append("out", [Outgoing(0, b"last")])


def test_nobody_commits_before_asking_what_is_theirs(log: KafkaEventLog):
    log.create("in", 1)
    member = log.join("g", ["in"])
    with pytest.raises(Conflict):
        member.commit([], {TopicPartition("in", 0): 1})
    member.close()
    member.close()
    assert member.assigned() == frozenset()


@pytest.mark.parametrize("seed", range(3))
def test_reads_from_anywhere_equal_a_list(seed, kafka: Kafka, log: KafkaEventLog):
    """More partitions and places than followers, appends, aborts and trims between: the oracle is a list."""
    chance, partitions = random.Random(seed), 4
    log.create("t", partitions)
    target = log._target
    reader = Reader(target, Topics(target, 10.0), 10.0, followers=3)
    held: list[list[tuple[int, bytes]]] = [[] for _ in range(partitions)]
    starts = [0] * partitions
    for step in range(80):
        partition = chance.randrange(partitions)
        rows, act = held[partition], chance.random()
        if act < 0.3:
            places = log.append("t", [Outgoing(partition, b"%d.%d" % (step, i)) for i in range(chance.randint(1, 5))])
            rows += [(place.offset, b"%d.%d" % (step, i)) for i, place in enumerate(places)]
        elif act < 0.35 and partition == 0:
            _transaction(kafka, _full(log, "t"), [b"no"], commit=False)
        elif act < 0.4 and rows:
            starts[partition] = chance.choice(rows)[0]
            log.trim("t", partition, starts[partition])
            held[partition] = [row for row in rows if row[0] >= starts[partition]]
        else:
            _check_read(reader, TopicPartition("t", partition), rows, starts[partition], chance)
    reader.close()


def _check_read(
    reader: Reader, partition: TopicPartition, rows: list[tuple[int, bytes]], start: int, chance: random.Random
) -> None:
    end = rows[-1][0] + 1 if rows else start
    offset = chance.choice([end, start, chance.randint(start, end), chance.randint(start, end + 3)])
    got = [(record.offset, record.value) for record in reader.read(partition, offset, chance.choice([1, 20, 10**6]))]
    wanted = [row for row in rows if row[0] >= offset]
    assert got == wanted[: len(got)]
    assert bool(got) == bool(wanted)
    if start > 0:
        with pytest.raises(NotFound):
            reader.read(partition, start - 1, 1)


@pytest.mark.parametrize(
    "url",
    [
        "redis://host:9092",
        "kafka://",
        "kafka://host:port/",
        "kafka://one:9092,/",
        "kafka://host:9092/topic",
        "kafka://host/?prefix=a.b",
        "kafka://host/?enable.idempotence=false",
        "kafka://host/?acks=1&prefix=x",
        "kafka://host/?no.such.option=1",
        "kafka://host/?socket.timeout.ms=many",
    ],
)
def test_a_url_that_is_none_is_refused(url):
    with pytest.raises(SettingsError):
        KafkaEventLog(url, new_id=new_id)


def test_a_password_is_never_shown():
    target = parse_target("kafka://ann:s3cret%40x@[::1]:9093,other/?sasl.mechanism=SCRAM-SHA-512")
    assert "s3cret" not in repr(target) + target.shown
    assert target.servers == "[::1]:9093,other:9092"
    settings = target.settings({}, {})
    assert (settings["sasl.password"], settings["sasl.mechanism"]) == ("s3cret@x", "SCRAM-SHA-512")
    with pytest.raises(SettingsError) as seen:
        parse_target("kafka://ann:s3cret@host:9093/path")
    assert "s3cret" not in str(seen.value)


@pytest.mark.parametrize("seed", range(20))
def test_no_two_topics_are_one_to_kafka(seed):
    """It takes `.` for `_`."""
    chance, target = random.Random(seed), parse_target("kafka://host/?prefix=p")
    parts = ("a", "b", ".", "_", "-", "--c311a49b")
    names = {"".join(chance.choices(parts, k=chance.randint(1, 6))) for _ in range(500)} - {".", ".."}
    assert len({target.topic(name).replace(".", "_") for name in names}) == len(names)
    assert (
        max(len(target.topic("_" * 200)), len(parse_target(f"kafka://host/?prefix={'p' * 32}").topic("_" * 200))) < 250
    )
