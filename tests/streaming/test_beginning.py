"""A group that lost its offsets goes on after the last answer; where nothing tells, nothing is guessed."""

import pytest

from gapless.errors import CorruptData
from gapless.ports.events import Outgoing, TopicPartition
from gapless.ports.topics import events_topic, predictions_topic
from gapless.serving.landing import definition_of
from gapless.streaming.beginning import begins_at
from gapless.streaming.settling import settle
from gapless.streaming.telling import decode_next, with_next
from tests.features.world import REQUESTS
from tests.streaming.memory import GroupedLog
from tests.streaming.stage import FEATURES, answered, drain

REQUESTED, ANSWERS = events_topic(REQUESTS), predictions_topic("m")


@pytest.fixture
def stage():
    """Twenty requests were answered; ten more wait, and the group has lost its offsets."""
    made, asks = answered(20)
    made.ask(asks[20:], 20)
    made.log.offsets.clear()
    return made


def goes_on(stage):
    drain(stage.processor())
    return [answer["request_id"] for answer in stage.answers()[0]]


def test_it_goes_on_after_the_last_answer(stage):
    assert goes_on(stage) == [f"r{i}" for i in range(30)]


def test_also_where_answers_were_moved_and_let_go_of(stage):
    settle(stage.log, stage.offline, "m", lambda entry: definition_of(FEATURES), trim_before_us=2**60)
    assert stage.log.spans(ANSWERS)[0].start == 19
    drain(stage.processor())
    told = stage.log.read(ANSWERS, 0, 20, max_bytes=1 << 20)
    assert [record.key for record in told] == [f"r{i}".encode() for i in range(20, 30)]


def test_answers_that_do_not_say_where_it_goes_on_are_not_guessed_from(stage):
    """As those of a version that wrote no such header."""
    for offset, record in enumerate(stage.log.read(ANSWERS, 0, 0, max_bytes=1 << 20)):
        headers = {name: value for name, value in record.headers.items() if name != "gapless-next"}
        stage.log._topics[ANSWERS][0][offset] = type(record)(0, offset, 0, record.value, record.key, headers)
    with pytest.raises(CorruptData, match="which requests of 'm' were answered") as error:
        goes_on(stage)
    assert "30 begins with what comes" in error.value.next_step
    assert len(stage.answers()[0]) == 20


# ---- the rule alone ------------------------------------------------------------------------------


@pytest.fixture
def log():
    """Requests in three partitions, answers in two: one was added later."""
    made = GroupedLog(gap=1)
    made.create(REQUESTED, 3)
    made.create(ANSWERS, 2)
    made.append(REQUESTED, [Outgoing(i % 3, b"{}") for i in range(30)])
    return made


def begins(log, partition):
    return begins_at(log, "m", TopicPartition(REQUESTED, partition))


def told(partition, offset, topic=REQUESTED):
    """An answer, in the partition of the answers that is shared."""
    return with_next(Outgoing(partition % 2, b"{}"), TopicPartition(topic, partition), offset)


def test_the_first_time_it_begins_with_what_comes(log):
    assert [begins(log, partition) for partition in range(3)] == [19, 19, 19]


def test_a_partition_that_was_added_is_answered_from_its_start(log):
    log.append(ANSWERS, [told(0, 4)])
    log.trim(REQUESTED, 2, 6)
    assert begins(log, 2) == 6


def test_a_partition_that_was_added_may_have_been_answered_once_answers_are_gone(log):
    log.append(ANSWERS, [told(2, 4), told(0, 4)])
    log.trim(ANSWERS, 0, 2)
    with pytest.raises(CorruptData, match="were answered") as error:
        begins(log, 2)
    assert "before offset 2 are gone" in error.value.seen


def test_answers_that_are_all_gone_are_not_taken_for_none(log):
    log.append(ANSWERS, [told(0, 4)])
    log.trim(ANSWERS, 0, 100)
    with pytest.raises(CorruptData, match="were answered"):
        begins(log, 0)


def test_the_last_answer_of_each_partition_is_found_however_far_back(log):
    """Partitions 0 and 2 share a partition of the answers."""
    log.append(ANSWERS, [told(0, 7), told(2, 5)])
    log.append(ANSWERS, [told(2, 9 + i % 10) for i in range(2_000)])
    assert begins(log, 0) == 7
    assert begins(log, 2) == 18
    assert begins(log, 1) == 19  # nothing of it was ever answered


def test_answers_to_another_topic_say_nothing_of_this_one(log):
    """The model has other requests now."""
    log.append(ANSWERS, [told(0, 5_000, "events.before")])
    assert begins(log, 0) == 19
    log.append(ANSWERS, [told(0, 3), told(0, 5_000, "events.before")])
    assert begins(log, 0) == 3


def test_a_topic_of_requests_that_was_made_anew_is_not_taken_for_the_old_one(log):
    log.append(ANSWERS, [told(0, 5_000)])
    with pytest.raises(CorruptData, match="were answered") as error:
        begins(log, 0)
    assert "beyond the end" in error.value.seen


def test_answers_without_a_word_after_the_last_one_that_has_it_are_not_passed_over(log):
    """An earlier version answered meanwhile."""
    log.append(ANSWERS, [told(0, 5), Outgoing(0, b"{}")])
    with pytest.raises(CorruptData, match="were answered"):
        begins(log, 0)


def test_what_is_trimmed_meanwhile_is_left_out(log):
    log.append(ANSWERS, [Outgoing(0, b"{}") for _ in range(40)] + [told(0, 7)])
    read, turns = log.read, []

    def trimmed_first(topic, partition, offset, *, max_bytes):
        if not turns:
            turns.append(offset)
            log.trim(ANSWERS, 0, 80)
        return read(topic, partition, offset, max_bytes=max_bytes)

    log.read = trimmed_first
    assert begins(log, 0) == 7
    assert turns == [17]


@pytest.mark.parametrize("header", [b"", b"1", b"t:1", b"t:1:", b":1:1", b"t:x:1", b"t:1:-2"])
def test_a_header_of_something_else_is_none(log, header):
    (place,) = log.append(ANSWERS, [Outgoing(1, b"{}", b"", {"gapless-next": header})])
    (record,) = log.read(ANSWERS, 1, place.offset, max_bytes=1)
    assert decode_next(record) is None
