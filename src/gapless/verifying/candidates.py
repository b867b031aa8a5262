"""What a group of views can have given for one answer: the honest ways, then the ways in which it can have gone wrong.

events of the key ─┬─ in, as the answer says, and visible ──► as the log was in            (always tried first)
                   ├─ damaged record ─────────────────────► null                           (where the answer says so)
                   ├─ in, not visible yet ────────────────► the state of a later instant    (where it says so)
                   └─ ingested, while a filling went on ──► the state of a key that is ahead
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, product
from typing import Any, NamedTuple

from gapless.features import Group
from gapless.online import Layout
from gapless.online.record import oldest_kept_us
from gapless.product import Trust
from gapless.schema import Type
from gapless.serving.entries import GroupSeen
from gapless.verifying.history import FILES, is_in
from gapless.verifying.naive import Event, Floor, Value, values_of
from gapless.windows import Window

__all__ = ["Asked", "Outcome", "honest", "part_of", "says", "wrong"]

_MOST = 100
"""Ways of one kind that are tried."""


class Outcome(NamedTuple):
    """What a group gives, one way of looking at it.

    Parameters:
        how — the name of the way; empty where no way gives what was served, and `values` are those of the first one.
        event — the one that it is about, where it is about one.
    """

    how: str
    values: Mapping[str, Value]
    event: Event | None = None


@dataclass(frozen=True)
class Asked:
    """One answer, as one group sees it.

    Parameters:
        events — of the request's key, all that the tables hold.
        seen — by partition, what the answer says of the parts of the group's state.
        early — whether it says that the state held events that were not visible; damaged — that it could not be read.
    """

    group: Group
    types: Mapping[str, Type]
    at_us: int
    events: Sequence[Event]
    seen: Mapping[int, GroupSeen]
    early: bool
    damaged: bool

    def is_in(self, event: Event) -> bool:
        """Whether the event was in the state, as the answer says."""
        seen = self.seen.get(event.partition)
        return seen is not None and is_in(seen, event.place, event.known)

    @property
    def inside(self) -> list[Event]:
        """The events that were in."""
        return [event for event in self.events if self.is_in(event)]

    @property
    def visible(self) -> list[Event]:
        """The events that were in and that a request at its instant may use."""
        return [event for event in self.inside if event.visible_from <= self.at_us]

    @property
    def missed(self) -> list[Event]:
        """The events that it may use and that were not in."""
        return [event for event in self.events if event.visible_from <= self.at_us and not self.is_in(event)]

    def outcome(self, how: str, events: Iterable[Event], *, event: Event | None = None) -> Outcome:
        """What these events give."""
        return Outcome(how, values_of(self.group, events, self.at_us, self.types), event)


def part_of(layout: Layout, seen: Iterable[GroupSeen]) -> dict[int, GroupSeen]:
    """By partition, the parts of a group's state among what an answer says."""
    found: dict[int, GroupSeen] = {}
    for one in seen:
        part = layout if one.partition == FILES else layout.of_partition(one.partition)
        if part.namespace == one.namespace:
            found[one.partition] = one
    return found


def says(reasons: Iterable[Mapping[str, Any]], code: str, views: Sequence[str], policy: Trust) -> bool:
    """Whether an answer gives a reason for one of these views, or its rules are not to say it."""
    if policy.level(code) == "ok":
        return True
    mine = [reason for reason in reasons if reason["code"] == code]
    return any("more" in reason or reason.get("view") in views for reason in mine)


def honest(asked: Asked) -> Iterator[Outcome]:
    """The ways in which a group gives what it is meant to give, the most likely one first."""
    yield asked.outcome("behind", asked.visible)
    if asked.damaged:
        yield Outcome("state_damaged", dict.fromkeys(asked.group.output_columns))
    if asked.early:
        yield from _early(asked, "asked_in_past")
    coming = sorted((e for e in asked.missed if e.partition == FILES), key=lambda e: _chunk_order(asked, e))
    for count in range(1, min(len(coming), _MOST) + 1):
        yield asked.outcome("being_filled", sorted([*asked.visible, *coming[:count]]))


def _chunk_order(asked: Asked, event: Event) -> tuple[bool, int]:
    """`gapless materialize` takes in what became known late of the places before its start, then the places behind."""
    seen = asked.seen.get(FILES)
    return seen is None or event.place >= seen.offset, event.place


def wrong(asked: Asked) -> Iterator[Outcome]:
    """The ways in which a group can have given something else."""
    visible = asked.visible
    if not asked.early:
        yield from _early(asked, "later_events")
    if not asked.damaged:
        yield Outcome("damaged_record", dict.fromkeys(asked.group.output_columns))
    for event in visible[::-1][:_MOST]:
        yield asked.outcome("event_not_applied", [one for one in visible if one is not event], event=event)
    for event in visible[::-1][:_MOST]:
        yield asked.outcome("event_applied_twice", sorted([*visible, event]), event=event)
    yield from _stopped(asked, visible)
    beyond = sorted((e for e in asked.missed if e.partition != FILES), key=lambda e: (e.partition, e.place))
    for count in range(1, min(len(beyond), _MOST) + 1):
        yield asked.outcome("beyond_offsets", sorted([*visible, *beyond[:count]]), event=beyond[count - 1])


def _stopped(asked: Asked, visible: Sequence[Event]) -> Iterator[Outcome]:
    """Without the last events of one partition: two of them, three, and so on."""
    for partition in sorted({event.partition for event in visible}):
        mine = sorted((e for e in visible if e.partition == partition), key=lambda e: e.place, reverse=True)
        for count in range(2, min(len(mine), _MOST) + 1):
            gone = set(mine[:count])
            yield asked.outcome("event_not_applied", [e for e in visible if e not in gone], event=mine[count - 1])


def _early(asked: Asked, how: str) -> Iterator[Outcome]:
    """The state with some later events of each part: all of some parts and none of others, which is the rule, then
    others, those with the most first."""
    inside = asked.inside
    parts = sorted({event.partition for event in inside})
    choices = [list(_later(asked.at_us, [e for e in inside if e.partition == part], part)) for part in parts]
    ends = product(*((found[0], found[-1]) if len(found) > 1 else found for found in choices))
    for chosen in dict.fromkeys(chain(islice(ends, _MOST), islice(product(*choices), _MOST))):
        later = frozenset[Event]().union(*chosen)
        if later:
            events = [event for event in inside if event.visible_from <= asked.at_us or event in later]
            values = values_of(asked.group, events, asked.at_us, asked.types, _floor(asked.group, events))
            yield Outcome(how, values, max(later))


def _later(at_us: int, events: Iterable[Event], partition: int) -> Iterable[frozenset[Event]]:
    """The sets of events after an instant that a record can hold: a part that nobody wrote since holds some back until
    they happen, and an answer may be from a record as it was at some place of the log."""
    later = [event for event in events if event.visible_from > at_us]
    instants = sorted({event.visible_from for event in later}, reverse=True)[:_MOST]
    places = sorted({event.place for event in later}, reverse=True)[: _MOST if partition != FILES else 0]
    by_instant = (frozenset(e for e in later if e.visible_from <= last) for last in instants)
    by_place = (frozenset(e for e in later if e.place <= last) for last in places)
    return dict.fromkeys([*by_instant, *by_place, frozenset()])


def _floor(group: Group, events: Iterable[Event]) -> Floor:
    """A record lets go of what no read at its newest event or later needs: of each part by itself."""
    newest: dict[int, int] = {}
    for event in events:
        newest[event.partition] = max(event.visible_from, newest.get(event.partition, event.visible_from))
    kept = {partition: oldest_kept_us(instant) for partition, instant in newest.items()}
    alike = {spec: _shared(group, spec.window) for spec, _ in group.specs}
    lowest = {
        (spec, partition): min(window.lower(at) for window in alike[spec])
        for spec in alike
        for partition, at in kept.items()
    }
    return lambda spec, event: lowest[spec, event.partition]


def _shared(group: Group, window: Window) -> list[Window]:
    """The windows that share tiles with this one: those that move in the same hops."""
    windows = [spec.window for spec, _ in group.specs]
    return [one for one in windows if _hop(one) == _hop(window)]


def _hop(window: Window) -> int | None:
    return None if window.width_us is None else window.hop_us or 1
