"""What a stream of a workspace follows: topics, groups of views, and its place among other processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from gapless.features import plan_groups
from gapless.online import Layout
from gapless.ports.events import ConsumerGroups, EventLog, Member, TopicPartition
from gapless.ports.topics import events_topic, predictions_topic
from gapless.product import EventSource
from gapless.streaming.processor import Followed
from gapless.workspace.needed import feature_sets
from gapless.workspace.parts import Parts

__all__ = ["Members", "consumer_groups", "create_topics", "followed", "sources"]


class Members:
    """One member for each source: so every topic's partitions are dealt out evenly, whatever the other topics hold."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members

    @classmethod
    def of(cls, parts: Parts) -> Members:
        """Of the groups that share the partitions of all sources."""
        groups = consumer_groups(parts.events)
        return cls([groups.join(f"gapless.state.{one.name}", [events_topic(one)]) for one in sources(parts)])

    def assigned(self) -> frozenset[TopicPartition]:
        """Those of all members. Raises: Transient."""
        return frozenset(partition for member in self._members for partition in member.assigned())

    def close(self) -> None:
        """All leave their groups."""
        for member in self._members:
            member.close()


def sources(parts: Parts) -> list[EventSource]:
    """Every source of the product."""
    return list(parts.product.all_sources.values())


def create_topics(parts: Parts) -> None:
    """Every topic that the product may read or write is there. Raises: what the log raises."""
    log = parts.events
    for source in sources(parts):
        log.create(events_topic(source), parts.settings.partitions)
    for model in parts.product.models:
        if model.streaming:
            log.create(predictions_topic(model.name), len(log.spans(events_topic(model.requests))))


def followed(parts: Parts, notes: list[str]) -> dict[str, Followed]:
    """Every source of the product, with the groups of views that the product or a version in use reads.

    Parameters:
        notes — takes what could not be looked at.
    """
    layouts: dict[str, dict[bytes, Layout]] = defaultdict(dict)
    for features in feature_sets(parts, None, None, notes):
        for group in plan_groups(features.views):
            layout = Layout.of(group)
            layouts[group.source.name][layout.namespace] = layout
    return {source.name: Followed(source, list(layouts[source.name].values())) for source in sources(parts)}


def consumer_groups(log: EventLog) -> ConsumerGroups:
    """Every adapter of the log is both."""
    return log  # type: ignore[return-value]
