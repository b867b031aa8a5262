"""Where answering goes on in a partition whose offset the consumer group does not know."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from gapless.errors import CorruptData, NotFound
from gapless.ports.events import EventLog, LogRecord, Span, TopicPartition
from gapless.ports.topics import answers_group, predictions_topic
from gapless.streaming.cursor import records_between
from gapless.streaming.telling import decode_next

__all__ = ["begins_at"]

_FIRST_LOOK, _WIDER, _READ_BYTES = 64, 8, 1 << 24


def begins_at(log: EventLog, model: str, partition: TopicPartition) -> int:
    """The offset of the first request to answer.

    A model that answers requests of a topic for the first time begins with what comes from now on. A partition that was
    added to the topic after that is answered from its start. Where there are answers already the group has lost its
    offsets, as brokers let go of those of a group without members after some days: every answer says where the group
    went on, so the last one is looked for from the end of the topic.

    Raises: CorruptData where requests may have been answered or not: the last answer does not say so, or says more than
        the topic of the requests holds, or answers are gone that may have been of this partition.

    Cost: one read where the last answer in the topic is the partition's own.
    """
    topic = predictions_topic(model)
    spans, requests = log.spans(topic), log.spans(partition.topic)[partition.partition]
    mine, topics = partition.partition % len(spans), set()
    for record in _backwards(log, TopicPartition(topic, mine), spans[mine]):
        told = decode_next(record)
        if told is None:
            raise _unknown(model, partition, requests, f"an answer without gapless-next at offset {record.offset}")
        where, offset = told
        if where == partition:
            if offset > requests.end:
                raise _unknown(model, partition, requests, f"an answer that goes on at {offset}, beyond the end")
            return offset
        topics.add(where.topic)
    answers_before = partition.topic in topics
    if spans[mine].start > 0 and (answers_before or not topics):
        raise _unknown(model, partition, requests, f"answers before offset {spans[mine].start} are gone")
    return requests.start if answers_before and partition.partition >= len(spans) else requests.end


def _unknown(model: str, partition: TopicPartition, requests: Span, seen: str) -> CorruptData:
    return CorruptData(
        f"the log does not know any more which requests of {model!r} were answered",
        seen=f"no offset of group {answers_group(model)}, and in {predictions_topic(model)}: {seen}",
        allowed=f"an offset from {requests.start} to {requests.end}",
        next_step=f"on Kafka set it with kafka-consumer-groups --reset-offsets --to-offset N; {requests.end} begins "
        "with what comes from now on, and the prefix of the URL stands before both names; embedded, put the log's "
        "folder groups back; or stream with --no-answers",
        where=f"{partition.topic}, partition {partition.partition}",
    )


def _backwards(log: EventLog, where: TopicPartition, span: Span) -> Iterator[LogRecord]:
    """The records of the span, last first; those that are trimmed meanwhile are left out."""
    start, end, reach = span.start, span.end, _FIRST_LOOK
    while end > start:
        begin = max(start, end - reach)
        try:
            records = records_between(partial(log.read, *where, max_bytes=_READ_BYTES), begin, end)
        except NotFound:
            start = log.spans(where.topic)[where.partition].start
            if start <= begin:
                raise
            continue
        yield from reversed(records)
        end, reach = begin, reach * _WIDER
