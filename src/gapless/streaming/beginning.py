"""Where answering goes on in a partition whose offset the consumer group does not know."""

from __future__ import annotations

from collections.abc import Iterator

from gapless.errors import CorruptData, NotFound
from gapless.ports.events import EventLog, LogRecord, Member, TopicPartition
from gapless.ports.topics import predictions_topic
from gapless.streaming.telling import decode_next

__all__ = ["begins_at"]

_FIRST_LOOK, _WIDER, _READ_BYTES = 64, 8, 1 << 24


def begins_at(log: EventLog, member: Member, model: str, partition: TopicPartition) -> int:
    """The offset of the first request to answer.

    A model that answers for the first time begins with what comes from now on. A partition that was added to the topic
    after that is answered from its start. Where there are answers already the group has lost its offsets, as brokers
    let go of those of a group without members after some days: every answer says where the group went on, so the
    last one is looked for from the end of the topic.

    Raises: CorruptData where there are answers and none of them says so: a request may have been answered or not.

    Cost: one read where the last answer in the topic is the partition's own.
    """
    topic = predictions_topic(model)
    spans, requests = log.spans(topic), log.spans(partition.topic)[partition.partition]
    mine = partition.partition % len(spans)
    for record in _backwards(log, topic, mine, spans[mine].start, spans[mine].end):
        told = decode_next(record)
        if told is not None and told[0] == partition.partition:
            return told[1]
    if partition.partition >= len(spans) and member.committed(TopicPartition(partition.topic, 0)) is not None:
        return requests.start
    if spans[mine].end == 0:
        return requests.end
    raise CorruptData(
        f"the log does not know any more which requests of {model!r} were answered",
        seen=f"answers in {topic}, partition {mine}, and no offset of the group gapless.answers.{model}",
        allowed=f"an offset of {partition.topic}, partition {partition.partition}: {requests.start} to {requests.end}",
        next_step=f"set it with kafka-consumer-groups --reset-offsets --to-offset, {requests.end} to begin with what "
        "comes from now on; or stream with --no-answers",
        where=f"{partition.topic}, partition {partition.partition}",
    )


def _backwards(log: EventLog, topic: str, partition: int, start: int, end: int) -> Iterator[LogRecord]:
    """The records with offset in [start, end), last first."""
    reach = _FIRST_LOOK
    while end > start:
        begin = max(start, end - reach)
        try:
            yield from reversed(_between(log, topic, partition, begin, end))
        except NotFound:  # it was trimmed meanwhile, and all before it
            return
        end, reach = begin, reach * _WIDER


def _between(log: EventLog, topic: str, partition: int, start: int, end: int) -> list[LogRecord]:
    records: list[LogRecord] = []
    while start < end and (found := log.read(topic, partition, start, max_bytes=_READ_BYTES)):
        records += [record for record in found if record.offset < end]
        start = found[-1].offset + 1
    return records
