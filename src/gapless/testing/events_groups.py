"""What every group of consumers must do: each partition has one member at most, outputs and offsets are one step."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from gapless.errors import Conflict, Transient
from gapless.faults import Fault
from gapless.ports.events import MAX_RECORD_BYTES, EventLog, LogRecord, Member, Outgoing, TopicPartition
from gapless.testing.events_factory import Factory, Log, drain, eventually, joined, opened, partitions, refuses
from gapless.testing.faults import Crash, CrashAtCall

__all__ = ["GROUP_CHECKS", "crash_in_commits"]

_IN, _OUT, _GROUP = "in", "out", "group"
_FIRST, _SECOND = TopicPartition(_IN, 0), TopicPartition(_IN, 1)


def _ready(log: Log, partitions: int = 2) -> None:
    log.create(_IN, partitions)
    log.create(_OUT, 2)


def _outputs(*values: bytes) -> list[tuple[str, Outgoing]]:
    """To both partitions, one after the other."""
    return [(_OUT, Outgoing(i % 2, value, b"", {"n": b"%d" % i})) for i, value in enumerate(values)]


def _out(log: EventLog) -> list[list[bytes]]:
    return [[record.value for record in drain(log, _OUT, partition)] for partition in (0, 1)]


def _shows(log: EventLog, expected: list[list[bytes]]) -> None:
    """By now; readers of a broker may see a commit a moment after it returned."""
    eventually(lambda: _out(log) == expected, f"readers see {expected}")


def _conflict(action: Callable[[], object]) -> None:
    """The action raises Conflict, at last: a broker may be busy with moving partitions."""

    def conflicts() -> bool:
        try:
            action()
        except Conflict:
            return True
        return False

    eventually(conflicts, "a commit for a partition of somebody else is a Conflict")


def a_member_alone_has_every_partition(factory: Factory) -> None:
    with opened(factory, "alone") as log:
        _ready(log, 3)
        log.create("more", 2)
        with joined(log, _GROUP, [_IN, "more"]) as member:
            assert len(member.assigned()) == 5
            assert [member.committed(partition) for partition in sorted(member.assigned())] == [None] * 5


def outputs_and_offsets_are_committed_together(factory: Factory) -> None:
    with opened(factory, "together") as log:
        _ready(log)
        with joined(log, _GROUP, [_IN]) as member:
            places = member.commit(_outputs(b"a", b"b", b"c"), {_FIRST: 3})
            assert [place.partition for place in places] == [0, 1, 0]
            assert (member.committed(_FIRST), member.committed(_SECOND)) == (3, None)
            _shows(log, [[b"a", b"c"], [b"b"]])
            record = log.read(_OUT, 0, places[2].offset, max_bytes=100)[0]
            assert (record.offset, record.value, record.headers["n"]) == (places[2].offset, b"c", b"2")
            assert member.commit([], {_FIRST: 5, _SECOND: 1}) == []
            member.commit(_outputs(b"d"), {})
            assert (member.committed(_FIRST), member.committed(_SECOND)) == (5, 1)
            _shows(log, [[b"a", b"c", b"d"], [b"b"]])


def the_next_member_goes_on_where_the_last_committed(factory: Factory) -> None:
    for attempt in range(3):
        with opened(factory, "next") as log:
            _ready(log)
            with joined(log, _GROUP, [_IN]) as member:
                assert member.committed(_FIRST) == (attempt or None)
                member.commit(_outputs(b"%d" % attempt), {_FIRST: attempt + 1})
    with opened(factory, "next") as log:
        _shows(log, [[b"0", b"1", b"2"], []])


def an_offset_may_go_back(factory: Factory) -> None:
    with opened(factory, "back") as log:
        _ready(log)
        with joined(log, _GROUP, [_IN]) as member:
            member.commit([], {_FIRST: 7})
            member.commit([], {_FIRST: 0})
            assert member.committed(_FIRST) == 0


def groups_are_apart(factory: Factory) -> None:
    with opened(factory, "apart") as log:
        _ready(log)
        with joined(log, "one", [_IN]) as one, joined(log, "two", [_IN]) as two:
            assert one.assigned() == two.assigned()
            one.commit([], {_FIRST: 4})
            two.commit([], {_FIRST: 9})
            assert (one.committed(_FIRST), two.committed(_FIRST)) == (4, 9)


def a_closed_member_frees_its_partitions(factory: Factory) -> None:
    with opened(factory, "closed") as log, opened(factory, "closed") as other:
        _ready(log)
        for holder in (log, other, log):
            with joined(holder, _GROUP, [_IN]) as member:
                assert member.assigned() == partitions(log, _IN)


def two_members_share_no_partition(factory: Factory) -> None:
    """And a commit for what is not one's own is refused, with nothing done."""
    with opened(factory, "share") as log, opened(factory, "share") as other:
        _ready(log, 4)
        every = partitions(log, _IN)
        with joined(log, _GROUP, [_IN]) as first:
            first.commit(_outputs(b"a"), dict.fromkeys(every, 1))
            second = other.join(_GROUP, [_IN])
            _settle(log, first, second, every)
            for member in (first, second):
                for partition in every - member.assigned():
                    _conflict(lambda m=member, p=partition: m.commit(_outputs(b"no"), {p: 9}))  # type: ignore[misc]
            _settle(log, first, second, every)
            _shows(log, [[b"a"], []])
        eventually(lambda: second.assigned() == every, "what a closed member had goes to the other")
        assert [second.committed(partition) for partition in every] == [1] * 4
        second.commit(_outputs(b"b"), dict.fromkeys(every, 2))
        _shows(log, [[b"a", b"b"], []])
        second.close()


def _settle(log: Log, first: Member, second: Member, every: frozenset[TopicPartition]) -> None:
    """Until all partitions are somebody's, and both have some where the log can share them out."""
    both = log.capabilities.transactions == "broker"

    def settled() -> bool:
        one, two = first.assigned(), second.assigned()
        assert not one & two, f"two members have {one & two}"
        return one | two == every and (bool(one and two) or not both)

    eventually(settled, "every partition has a member")


def a_closed_member_commits_nothing(factory: Factory) -> None:
    with opened(factory, "closed_commit") as log:
        _ready(log)
        with joined(log, _GROUP, [_IN]) as member:
            member.commit([], {_FIRST: 1})
        member.close()
        _conflict(lambda: member.commit(_outputs(b"no"), {_FIRST: 2}))
        with joined(log, _GROUP, [_IN]) as member:
            assert member.committed(_FIRST) == 1
        assert _out(log) == [[], []]


def a_commit_of_what_is_out_of_range_does_nothing(factory: Factory) -> None:
    wrong = (Outgoing(2, b""), Outgoing(-1, b""), Outgoing(0, bytes(MAX_RECORD_BYTES + 1)))
    with opened(factory, "refused") as log:
        _ready(log)
        with joined(log, _GROUP, [_IN]) as member:
            for output in wrong:
                commit = [*_outputs(b"good"), (_OUT, output)]
                refuses(lambda commit=commit: member.commit(commit, {_FIRST: 1}))  # type: ignore[misc]
            assert member.committed(_FIRST) is None
            member.commit(_outputs(b"a"), {_FIRST: 1})
            _shows(log, [[b"a"], []])


def a_crash_in_a_commit_leaves_all_or_nothing(factory: Factory) -> None:
    """At each point of one commit."""
    crash_in_commits(factory, "commit_crashes", crashes=1)


def crash_in_commits(factory: Factory, name: str, *, crashes: int, seed: int = 0) -> int:
    """A processor that answers each record of a topic, and crashes at each point of a commit, then of the next.

    Each life of it goes on where `committed` says. The answers are those to the records before it, each once and in
    order: nothing more is ever seen, and nothing less once the next life has its partitions.

    Parameters:
        crashes — whole commits are crashed through until there were so many.

    Returns: how many there were; 0 for a log that has no points.
    """
    chance, count, call, crashed = random.Random(seed), 0, 0, True
    with opened(factory, name) as log:
        _ready(log, 1)
    while crashed or (count < crashes and call > 1):
        call = call + 1 if crashed else 1
        crashed = _live(factory, name, CrashAtCall(call), chance.randint(1, 5))
        count += crashed
    with opened(factory, name) as log, joined(log, _GROUP, [_IN]) as member:
        _check_answers(log, member)
    return count


def _live(factory: Factory, name: str, fault: Fault, take: int) -> bool:
    """One life of the processor, which ends in its first commit; whether it crashed there."""
    with opened(factory, name) as log:
        log.append(_IN, [Outgoing(0, b"%d" % i) for i in range(take)])
    with opened(factory, name, fault) as log:
        member = log.join(_GROUP, [_IN])
        try:
            eventually(lambda: bool(member.assigned()), "the next life has the partition")
            records = _check_answers(log, member)[:take]
            offsets = {_FIRST: records[-1].offset + 1}
            _commit(member, [output for record in records for output in _answers(record)], offsets)
        except Crash:
            return True
        finally:
            member.close()
    return False


def _commit(member: Member, outputs: Sequence[tuple[str, Outgoing]], offsets: dict[TopicPartition, int]) -> None:
    """As often as the broker is not there in time; what it did is seen by the next life."""

    def done() -> bool:
        try:
            member.commit(outputs, offsets)
        except Transient:
            return all(member.committed(partition) == offset for partition, offset in offsets.items())
        return True

    eventually(done, "the commit comes to its end")


def _answers(record: LogRecord) -> list[tuple[str, Outgoing]]:
    """One to each partition, and a second to one of them."""
    texts = (b"a" + record.value, b"b" + record.value, b"c" + record.value)
    return [(_OUT, Outgoing(i % 2, text)) for i, text in enumerate(texts)]


def _check_answers(log: Log, member: Member) -> list[LogRecord]:
    """The answers that are out are those to the records before the group's offset. Gives the records from there on."""
    offset = member.committed(_FIRST)
    every = drain(log, _IN)
    done = [record for record in every if offset is not None and record.offset < offset]
    answers = [output.value for record in done for _, output in _answers(record)]
    expected = [[text for text in answers if text[:1] in kinds] for kinds in ((b"a", b"c"), (b"b",))]
    eventually(lambda: _out(log) == expected, f"the answers to the first {len(done)} records, each once")
    return every[len(done) :]


GROUP_CHECKS: tuple[Callable[[Factory], None], ...] = (
    a_member_alone_has_every_partition,
    outputs_and_offsets_are_committed_together,
    the_next_member_goes_on_where_the_last_committed,
    an_offset_may_go_back,
    groups_are_apart,
    a_closed_member_frees_its_partitions,
    two_members_share_no_partition,
    a_closed_member_commits_nothing,
    a_commit_of_what_is_out_of_range_does_nothing,
    a_crash_in_a_commit_leaves_all_or_nothing,
)
