"""Reads from any place of any partition, by followers that are kept where the next read will probably begin."""

from __future__ import annotations

import threading

from confluent_kafka import KafkaError

from gapless.adapters.kafka.failures import before_the_start, failed, is_out_of_range
from gapless.adapters.kafka.following import Follower
from gapless.adapters.kafka.topics import Topics
from gapless.adapters.kafka.urls import Target
from gapless.errors import NotFound, Transient
from gapless.ports.events import LogRecord, TopicPartition

__all__ = ["MAX_FOLLOWERS", "Reader"]

_WAIT_S = 0.1
MAX_FOLLOWERS = 128
"""Each holds up to 8 MB that it read ahead, and two or three connections."""
_PER_PARTITION = 2
"""So that two readers of a partition do not take one another's place."""


class Reader:
    """Reads. Safe to share between threads: each read has its follower to itself.

    Parameters:
        followers — so many are kept between reads.
    """

    def __init__(self, target: Target, topics: Topics, timeout_s: float, *, followers: int = MAX_FOLLOWERS) -> None:
        self._target, self._topics, self._timeout_s, self._most = target, topics, timeout_s, followers
        self._lock = threading.Lock()
        self._idle: list[Follower] = []  # the one that was used last comes last
        self._closed = False

    def read(self, partition: TopicPartition, offset: int, max_bytes: int) -> list[LogRecord]:
        """Records from the offset on; none only where the brokers say that there is none."""
        self._topics.check(*partition)
        follower = self._lend(partition, offset) or self._follow(partition, offset)
        if follower is None:
            return []
        kept = False
        try:
            records = follower.take(max_bytes) or self._waited(follower, offset, max_bytes)
            kept = True
        finally:
            self._give_back(follower, kept)
        return records

    def close(self) -> None:
        """All followers end, those that are lent when they come back."""
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for follower in idle:
            follower.close()

    def _lend(self, partition: TopicPartition, offset: int) -> Follower | None:
        with self._lock:
            for place, follower in enumerate(self._idle):
                if follower.stands_at(partition, offset):
                    return self._idle.pop(place)
        return None

    def _give_back(self, follower: Follower, kept: bool) -> None:
        with self._lock:
            if kept and not self._closed:
                self._idle.append(follower)
            leave = self._leaving(follower.partition) if kept and not self._closed else follower
        if leave is not None:
            leave.close()

    def _leaving(self, partition: TopicPartition) -> Follower | None:
        """The one that was not used for the longest time, where there are too many."""
        same = [one for one in self._idle if one.partition == partition]
        few = len(same) <= _PER_PARTITION
        if few and len(self._idle) <= self._most:
            return None
        leave = self._idle[0] if few else same[0]
        self._idle.remove(leave)
        return leave

    def _follow(self, partition: TopicPartition, offset: int) -> Follower | None:
        """A new follower; None for a place beyond the end, where there is nothing to follow yet."""
        span = self._topics.span(*partition)
        self._check_start(partition, offset, span.start)
        return Follower(self._target, partition, offset) if offset <= span.end else None

    def _check_start(self, partition: TopicPartition, offset: int, start: int) -> None:
        if offset < start:
            raise before_the_start(*partition, offset, start, self._target.shown)

    def _waited(self, follower: Follower, offset: int, max_bytes: int) -> list[LogRecord]:
        """What the follower is about to get; nothing where it has passed all that is there by now."""
        end = self._topics.end(*follower.partition)
        for _ in range(max(1, int(self._timeout_s / _WAIT_S))):
            if follower.passed >= end:
                return []
            records = follower.take(max_bytes, wait_s=_WAIT_S)
            if records:
                return records
            error = follower.pop_error()
            if error is not None:
                self._raise_lasting(error, follower, offset)
        error = KafkaError(KafkaError._TIMED_OUT)
        raise failed(error, self._target.shown, _doing(follower), last=follower.troubles.last)

    def _raise_lasting(self, error: KafkaError, follower: Follower, offset: int) -> None:
        """What will not pass is raised; the rest is left to the client, which tries again."""
        if is_out_of_range(error):
            self._check_start(follower.partition, offset, self._topics.span(*follower.partition).start)
        problem = failed(error, self._target.shown, _doing(follower))
        if isinstance(problem, NotFound):
            self._topics.forget(follower.partition.topic)
            self._topics.count(follower.partition.topic)
        elif is_out_of_range(error) or not isinstance(problem, Transient):
            raise problem


def _doing(follower: Follower) -> str:
    return f"read partition {follower.partition.partition} of topic {follower.partition.topic}"
