"""What a stream of a workspace follows: topics, groups of views, and its place among other processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from gapless.errors import Conflict
from gapless.features import plan_groups
from gapless.online import Layout
from gapless.ports.events import ConsumerGroups, EventLog, Member, TopicPartition
from gapless.ports.topics import events_topic, predictions_topic
from gapless.product import EventSource, stored_columns
from gapless.schema import Schema
from gapless.streaming.processor import Followed
from gapless.workspace.functions import runnable
from gapless.workspace.needed import feature_sets
from gapless.workspace.parts import Parts

__all__ = ["Members", "Turn", "create_topics", "followed", "sources", "stuck"]


class Turn:
    """This process among others that stream the same workspace.

    A broker deals partitions out to all of them. Embedded, one process has them all, state and requests alike, since
    only who reads both in one go can answer in their order; others wait until it is gone.
    """

    def __init__(self, parts: Parts) -> None:
        self._groups = consumer_groups(parts.events)
        topics = [events_topic(one) for one in sources(parts)]
        alone = parts.events.capabilities.transactions == "file"
        self._alone = self._groups.join("gapless.stream", topics) if alone else None

    def join(self, group: str, topics: Sequence[str]) -> Member:
        """A member that has partitions while it is this process's turn."""
        member = self._groups.join(group, topics)
        return member if self._alone is None else InTurn(member, self._alone)

    def members(self, parts: Parts) -> Members:
        """Of the groups that share the partitions of all sources."""
        return Members([self.join(f"gapless.state.{one.name}", [events_topic(one)]) for one in sources(parts)])

    def close(self) -> None:
        """It is somebody else's turn."""
        if self._alone is not None:
            self._alone.close()


class InTurn:
    """A member that holds nothing while another process has the turn."""

    def __init__(self, member: Member, turn: Member) -> None:
        self._member, self._turn = member, turn
        self.committed, self.commit, self.close = member.committed, member.commit, member.close

    def assigned(self) -> frozenset[TopicPartition]:
        """See Member.assigned."""
        return self._member.assigned() if self._turn.assigned() else frozenset()


class Members:
    """One member for each source: so every topic's partitions are dealt out evenly, whatever the other topics hold."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members

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

    A column that only a version in use reads is taken in with the product's own.

    Parameters:
        notes — takes what could not be looked at.
    """
    layouts: dict[str, dict[bytes, Layout]] = defaultdict(dict)
    for features in feature_sets(parts, None, None, notes):
        for group in runnable(plan_groups(features.views), notes):
            layout = Layout.of(group)
            layouts[group.source.origin.name][layout.namespace] = layout
    known = {source.name for source in sources(parts)}
    notes += [f"source {name!r} is not in the product any more: not streamed" for name in layouts.keys() - known]
    return {source.name: _followed(source, list(layouts[source.name].values()), notes) for source in sources(parts)}


def stuck(fault: str | None, lacking: Sequence[str], waits: Sequence[str] = ()) -> Conflict:
    """For a stream that does not come to the end of the log.

    Parameters:
        fault — what went wrong last.
        lacking — what this process has no partition of.
        waits — what it waits for.
    """
    nothing = f"no partition for this process of {', '.join(lacking)}" if lacking else ""
    return Conflict(
        "the stream does not come to the end of the log",
        seen=fault or nothing or ", ".join(waits) or "nothing to do",
        next_step="other processes may have the partitions: let them go on, or stop them first",
    )


def _followed(source: EventSource, layouts: Sequence[Layout], notes: list[str]) -> Followed:
    columns = dict(source.columns.columns)
    kept = []
    for layout in layouts:
        stored = stored_columns(layout.group.source, layout.group.columns)
        theirs = {name: kind for name, kind in layout.group.source.origin.columns.items() if name in stored}
        if any(columns.get(name, kind) is not kind for name, kind in theirs.items()):
            notes.append(f"{', '.join(layout.views)}: a version in use reads columns of {source.name!r} as other types")
            continue
        columns |= theirs
        kept.append(layout)
    whole = source if len(columns) == len(source.columns) else replace(source, schema=Schema(tuple(columns.items())))
    return Followed(whole, kept)


def consumer_groups(log: EventLog) -> ConsumerGroups:
    """Every adapter of the log is both."""
    return log  # type: ignore[return-value]
