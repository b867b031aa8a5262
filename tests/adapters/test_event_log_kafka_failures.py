"""The event log on Kafka when brokers are killed or hang, and when members of groups are taken for dead and are not."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from gapless.adapters.kafka import COMMIT_POINTS, KafkaEventLog
from gapless.errors import Conflict, Refused, Transient
from gapless.ports.events import Member, Outgoing, TopicPartition
from gapless.testing.events_factory import drain, eventually, joined, opened
from gapless.testing.faults import KillAt
from tests.adapters.kafka_logs import OnKafka
from tests.kafka import Kafka, KafkaServer, kafka_server

_IN = TopicPartition("in", 0)
_QUICK = {"session.timeout.ms": "3000", "heartbeat.interval.ms": "500", "transaction.timeout.ms": "4000"}
_ACLS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """One that tests here may do anything to."""
    with kafka_server(tmp_path_factory.mktemp("broker"), settings=_ACLS) as server:
        yield server


# ---- the broker goes away --------------------------------------------------------------------------


def test_a_killed_broker_loses_and_doubles_nothing(broker: KafkaServer):
    """Four writers and a reader go on through two deaths, and hear of none."""
    writers, stop = 4, threading.Event()
    sent: list[list[bytes]] = [[] for _ in range(writers)]
    with opened(OnKafka(broker.port, timeout_s=30), "killed") as log:
        log.create("t", 2)
        threads = [threading.Thread(target=_write, args=(log, n, sent[n], stop)) for n in range(writers)]
        read: list[bytes] = []
        threads.append(threading.Thread(target=_read_on, args=(log, read, stop)))
        for thread in threads:
            thread.start()
        for _ in range(2):
            reached = len(read)
            eventually(lambda reached=reached: len(read) > reached + 200, "they are under way")
            broker.process.kill()
            broker.process.start()
        reached = len(read)
        eventually(lambda: len(read) > reached + 200, "they are under way again")
        stop.set()
        for thread in threads:
            thread.join()
        found = [record.value for record in drain(log, "t", 0)]
        assert read == found[: len(read)]
        for n, values in enumerate(sent):
            assert values == [value for value in found if value.startswith(b"%d/" % n)]


def _write(log: KafkaEventLog, writer: int, sent: list[bytes], stop: threading.Event) -> None:
    while not stop.is_set():
        values = [b"%d/%d" % (writer, len(sent) + i) for i in range(5)]
        log.append("t", [Outgoing(0, value) for value in values])
        sent += values


def _read_on(log: KafkaEventLog, read: list[bytes], stop: threading.Event) -> None:
    offset = 0
    while not stop.is_set():
        for record in log.read("t", 0, offset, max_bytes=10_000):
            read.append(record.value)
            offset = record.offset + 1


def test_a_broker_that_hangs_is_transient_and_then_all_goes_on(broker: KafkaServer):
    with opened(OnKafka(broker.port, timeout_s=1.5, options=_QUICK), "hangs") as log:
        log.create("in", 1)
        eventually(lambda: bool(log.append("in", [Outgoing(0, b"before")])), "the first append")
        with joined(log, "g", ["in"]) as member:
            eventually(lambda: _commits(member, 1), "the first transaction")
            end = log.spans("in")[0].end
            assert log.read("in", 0, end, max_bytes=100) == []
            broker.process.pause()
            try:
                eventually(lambda: not _answers(log), "all its threads stand still")
                _all_transient(log, member, end)
            finally:
                broker.process.go_on()
            eventually(lambda: bool(log.append("in", [Outgoing(0, b"after")])), "it answers again")
            values = [record.value for record in drain(log, "in")]
            assert list(dict.fromkeys(value for value in values if value != b"during")) == [b"before", b"after"]
            eventually(lambda: _IN in member.assigned() and _commits(member, 2), "the member is back")
            assert member.committed(_IN) == 2


def _answers(log: KafkaEventLog) -> bool:
    try:
        return bool(log.spans("in"))
    except Transient:
        return False


def _all_transient(log: KafkaEventLog, member: Member, end: int) -> None:
    for action in (
        lambda: log.read("in", 0, end, max_bytes=100),
        lambda: log.spans("in"),
        lambda: log.create("other", 1),
        lambda: member.commit([("in", Outgoing(0, b"during"))], {_IN: 9}),
        lambda: member.committed(_IN),
        lambda: log.append("in", [Outgoing(0, b"during")]),
    ):
        with pytest.raises(Transient):
            action()


def _commits(member: Member, offset: int) -> bool:
    try:
        member.commit([], {_IN: offset})
    except Conflict:
        return False
    return True


def test_nobody_there_is_transient_and_closing_is_possible(broker: KafkaServer):
    with opened(OnKafka(broker.port, timeout_s=2.5, options=_QUICK), "nobody") as log:
        log.create("in", 1)
        log.append("in", [Outgoing(0, b"before")])
        member = log.join("g", ["in"])
        eventually(lambda: bool(member.assigned()), "it has the partition")
        member.commit([("in", Outgoing(0, b"x"))], {_IN: 1})
        broker.process.kill()
        with pytest.raises(Transient):
            log.spans("in")
        with pytest.raises(Transient):
            member.commit([("in", Outgoing(0, b"x"))], {_IN: 2})
        eventually(lambda: not member.assigned(), "it knows that it is alone")
        member.close()
        log.close()
    with opened(OnKafka(broker.port, timeout_s=2.5, options=_QUICK), "nobody") as log:
        for action in (lambda: log.create("in", 1), lambda: log.spans("in"), lambda: log.join("g", ["in"])):
            with pytest.raises(Transient):
                action()
    broker.process.start()


def test_what_the_user_may_not_do_is_refused(broker: KafkaServer):
    factory = OnKafka(broker.port, timeout_s=2.0)
    with opened(factory, "refused") as log:
        log.create("in", 1)
        log.create("secret", 1)
        with joined(log, "g", ["in"]) as member:
            prefix = f"{factory.run}-refused"
            denied = [_deny(ResourceType.TOPIC, f"{prefix}.secret"), _deny(ResourceType.GROUP, f"{prefix}.none")]
            admin = AdminClient({"bootstrap.servers": broker.bootstrap})
            for future in admin.create_acls(denied).values():
                future.result(10)
            for action in (
                lambda: log.append("secret", [Outgoing(0, b"")]),
                lambda: log.read("secret", 0, 0, max_bytes=1),
                lambda: log.spans("secret"),
                lambda: member.commit([("secret", Outgoing(0, b"")), ("in", Outgoing(0, b"no"))], {_IN: 1}),
                lambda: eventually(lambda: bool(log.join("none", ["in"]).assigned()), "it is refused"),
            ):
                with pytest.raises(Refused, match="next:    give the user"):
                    action()
            assert member.committed(_IN) is None
            assert log.append("in", [Outgoing(0, b"yes")])
            assert [record.value for record in drain(log, "in")] == [b"yes"]


def _deny(kind: ResourceType, name: str) -> AclBinding:
    literal, every, deny = ResourcePatternType.LITERAL, AclOperation.ALL, AclPermissionType.DENY
    return AclBinding(kind, name, literal, "User:ANONYMOUS", "*", every, deny)


# ---- members go away -------------------------------------------------------------------------------

_PAUSED_AT = ("before", *COMMIT_POINTS[:3])


def test_a_zombie_commits_nothing(kafka: Kafka):
    """It is stopped before its commit, or in it, until another member has its partition and has committed."""
    factory = OnKafka(kafka.port, options=_QUICK)
    children = {point: _child(_zombie, factory, point) for point in _PAUSED_AT}
    for point in _PAUSED_AT:
        _settle_for_dead(factory, point, *children[point])
    for point, (process, heard) in children.items():
        os.kill(process.pid, signal.SIGCONT)
        assert heard.poll(60), f"the zombie {point} says what came of it"
        assert heard.recv() in ("Conflict", "Transient"), point
        process.join()
        with opened(factory, _name(point)) as log:
            assert [record.value for record in drain(log, "out")] == [b"heir"]
            with joined(log, "g", ["in"]) as member:
                assert member.committed(_IN) == 7


def test_a_member_that_was_killed_leaves_all_or_nothing(kafka: Kafka):
    """At each point of its commit: the next one waits for what is undecided, and goes on from what was."""
    factory = OnKafka(kafka.port, options=_QUICK)
    children = {point: _child(_killed, factory, point) for point in COMMIT_POINTS}
    for point, (process, _) in children.items():
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        whole = point == "commit.committed"
        with opened(factory, _name(point)) as log, joined(log, "g", ["in"]) as member:
            assert member.committed(_IN) == (1 if whole else None)
            eventually(lambda log=log, whole=whole: _values(log) == [b"dead"] * whole, f"the outputs, {point}")


def _values(log: KafkaEventLog) -> list[bytes]:
    return [record.value for record in drain(log, "out")]


def _name(point: str) -> str:
    return point.replace(".", "-")


def _child(target: Callable[..., None], factory: OnKafka, point: str) -> tuple[multiprocessing.Process, Connection]:
    """A member in a process of its own, alone in a log of its own."""
    with opened(factory, _name(point)) as log:
        log.create("in", 1)
        log.create("out", 1)
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(factory, point, there), daemon=True)
    process.start()
    return process, here


def _settle_for_dead(factory: OnKafka, point: str, process: multiprocessing.Process, heard: Connection) -> None:
    """Another member takes the partition of the one that stands still, and commits."""
    assert heard.poll(60), f"the zombie {point} stands still"
    heard.recv()
    with opened(factory, _name(point)) as log, joined(log, "g", ["in"]) as heir:
        assert heir.committed(_IN) is None, point
        eventually(lambda: bool(heir.commit([("out", Outgoing(0, b"heir"))], {_IN: 7})), f"the heir commits, {point}")


def _zombie(factory: OnKafka, point: str, out: Connection) -> None:
    def stop(passed: str, group: str) -> None:
        if passed == point:
            out.send("stops")
            os.kill(os.getpid(), signal.SIGSTOP)

    with opened(factory, _name(point), stop) as log, joined(log, "g", ["in"]) as member:
        stop("before", "g")
        try:
            member.commit([("out", Outgoing(0, b"zombie"))], {_IN: 3})
        except (Conflict, Transient) as problem:
            out.send(type(problem).__name__)
        else:
            out.send("committed")


def _killed(factory: OnKafka, point: str, out: Connection) -> None:
    with opened(factory, _name(point), KillAt(point)) as log, joined(log, "g", ["in"]) as member:
        member.commit([("out", Outgoing(0, b"dead"))], {_IN: 1})
