"""What Kafka and the way to it refuse, said so that the operator knows what to do."""

from __future__ import annotations

from confluent_kafka import KafkaError

from gapless.errors import Conflict, GaplessError, InputError, NotFound, Refused, SettingsError, Transient
from gapless.ports.events import MAX_RECORD_BYTES

__all__ = [
    "bad_option",
    "before_the_start",
    "failed",
    "is_out_of_range",
    "no_partition",
    "no_topic",
    "not_yours",
    "too_large",
]

_AGAIN = "it is asked again by itself, or run the command again"
_SILENT = "see that the brokers run and can be reached from here; " + _AGAIN
_REFUSES = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "give the user READ, WRITE, DESCRIBE and CREATE on these topics",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "give the user READ on this group",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "give the user CREATE and IDEMPOTENT_WRITE on the cluster",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "give the user WRITE on transactional ids with this prefix",
    KafkaError.SASL_AUTHENTICATION_FAILED: "put user and password into the URL: kafka://USER:PASSWORD@HOST:PORT/",
    KafkaError._AUTHENTICATION: "put user and password into the URL: kafka://USER:PASSWORD@HOST:PORT/",
    KafkaError._SSL: "set ssl.ca.location or security.protocol in the URL",
    KafkaError.INVALID_REPLICATION_FACTOR: "set default.replication.factor of the brokers to what they can hold",
    KafkaError.POLICY_VIOLATION: "a policy of the brokers does not allow this topic or this change of it",
}
_NOT_THERE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
_TOO_LARGE = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE)
_NOT_A_MEMBER = (
    *(KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS),
    *(KafkaError.FENCED_INSTANCE_ID, KafkaError.FENCED_MEMBER_EPOCH, KafkaError.STALE_MEMBER_EPOCH),
)
_OUT_OF_RANGE = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)
_PASSES = (
    *(KafkaError._TIMED_OUT, KafkaError._MSG_TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN),
    *(KafkaError._TIMED_OUT_QUEUE, KafkaError._GAPLESS_GUARANTEE, KafkaError._FATAL, KafkaError._PURGE_QUEUE),
    *(KafkaError._PURGE_INFLIGHT, KafkaError._FENCED, KafkaError._STATE, KafkaError._INCONSISTENT),
    *(KafkaError._NOENT, KafkaError._RESOLVE, KafkaError._WAIT_COORD, KafkaError._WAIT_CACHE, KafkaError._QUEUE_FULL),
    *(KafkaError.REQUEST_TIMED_OUT, KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND),
    *(KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.BROKER_NOT_AVAILABLE),
    *(KafkaError.REPLICA_NOT_AVAILABLE, KafkaError.OFFSET_NOT_AVAILABLE, KafkaError.UNKNOWN_LEADER_EPOCH),
    *(KafkaError.FENCED_LEADER_EPOCH, KafkaError.NETWORK_EXCEPTION, KafkaError.INCONSISTENT_TOPIC_ID),
    *(KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR),
    *(KafkaError.UNSTABLE_OFFSET_COMMIT, KafkaError.CONCURRENT_TRANSACTIONS, KafkaError.KAFKA_STORAGE_ERROR),
    *(KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.INVALID_PRODUCER_ID_MAPPING, KafkaError.INVALID_TXN_STATE),
    *(KafkaError.PRODUCER_FENCED, KafkaError.UNKNOWN_PRODUCER_ID, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER),
    KafkaError._UNKNOWN_PARTITION,  # it was added, and the broker that was asked has not heard of it
    *(KafkaError._MAX_POLL_EXCEEDED, KafkaError.NOT_CONTROLLER, KafkaError.THROTTLING_QUOTA_EXCEEDED, *_OUT_OF_RANGE),
)
"""Also errors of the producer itself: the next call makes a new one."""


def failed(error: KafkaError, shown: str, doing: str, *, last: str = "") -> GaplessError:
    """The error to raise instead of the client library's own.

    Parameters:
        last — what the client complained of meanwhile: why a time ran out.
    """
    code, seen = error.code(), f"{error.str()} ({error.name()})" + (f"; {last}" if last else "")
    what = f"could not {doing}"
    if code in _NOT_THERE:
        return no_topic(doing, shown, seen)
    if code in _TOO_LARGE:
        step = "push smaller records, or raise max.message.bytes of the topic"
        return InputError("a record is larger than the brokers take", seen=seen, where=shown, next_step=step)
    if code in _NOT_A_MEMBER:
        return not_yours(seen, shown)
    if code in _PASSES or (error.retriable() and code not in _REFUSES):
        return Transient(what, seen=seen, where=shown, next_step=_SILENT)
    step = _REFUSES.get(code, "look at the brokers' logs and settings")
    return Refused(what, seen=seen, where=shown, next_step=step)


def is_out_of_range(error: KafkaError) -> bool:
    """Whether a partition does not begin as early, or not reach as far, as it was asked to be read."""
    return error.code() in _OUT_OF_RANGE


def no_topic(doing: str, shown: str, seen: str) -> NotFound:
    """Nobody created it, or somebody deleted it."""
    return NotFound(
        f"could not {doing}: there is no such topic", seen=seen, where=shown, next_step="create it, or mend the name"
    )


def no_partition(topic: str, partition: int, count: int, shown: str) -> InputError:
    """A partition beyond the topic's last one."""
    return InputError(
        f"topic {topic!r} has no such partition",
        seen=partition,
        allowed=f"0 to {count - 1}",
        where=shown,
        next_step="take the number of partitions from the log, not from the settings",
    )


def too_large(topic: str, seen: int, shown: str) -> InputError:
    """A value that no log takes."""
    return InputError(
        f"a record for topic {topic!r} is too large",
        seen=f"{seen} bytes",
        allowed=f"up to {MAX_RECORD_BYTES}",
        where=shown,
        next_step="push fewer rows at a time, or smaller ones",
    )


def before_the_start(topic: str, partition: int, offset: int, start: int, shown: str) -> NotFound:
    """The records asked for are not in the log any more."""
    return NotFound(
        f"partition {partition} of topic {topic!r} does not reach back so far",
        seen=f"offset {offset}",
        allowed=f"{start} and later ones",
        where=shown,
        next_step="go on from what was landed, and see that the brokers' retention is longer than landing takes",
    )


def not_yours(seen: str, shown: str) -> Conflict:
    """Another member of the group has the partition, or will have it in a moment."""
    return Conflict(
        "a partition is not this member's any more; nothing was done",
        seen=seen,
        where=shown,
        next_step="ask which partitions are assigned now, and go on from their last commits",
    )


def bad_option(shown: str, problem: Exception) -> SettingsError:
    """What follows the question mark in the URL is nothing that the client library takes."""
    return SettingsError(
        "the event log's URL has an option that cannot be",
        seen=str(problem),
        allowed="?prefix=NAME, and the options of librdkafka, such as ssl.ca.location=FILE",
        where=shown,
        next_step="mend [stores] log in gapless.toml",
    )
