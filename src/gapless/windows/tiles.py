"""The state of one key, as tiles: what an online store keeps, small and merged at the instant of reading.

    hop 1 h      | 08:00 | 09:00 | 10:00 | 11:00 |         a tile holds the events of one hop, as states of parts
    3 h at 11:20         [-------|-------|---]             lower(t) falls on a tile's start: the tail is whole tiles,
                         08:00 ... lower = 08:00           the head is what has arrived
    exact                . .  .      ..  .                 a window that moves with t keeps a tile per event time
    forever      [-------------------------]               one tile

Reading merges tiles that start at lower(t) or later. Merging is exact, associative and commutative, so the value
depends on which events arrived and not on when: it equals the batch kernel's, to the bit, for t with every event of
visible_from <= t and no other taken in.

Everything here is a pure value: no clock, no I/O; a state is never changed, a new one is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from gapless.windows.codec import Reader, Value, Writer, corrupt, seal, unseal
from gapless.windows.functions import FUNCTIONS, Algebra
from gapless.windows.parts import Part, Point
from gapless.windows.window import BEGINNING, Spec, Window

__all__ = ["Arrival", "TilePlan", "Tiles"]

_Slot = tuple[int | None, str]  # input, name of a part: what tiles share between specs
_Place = tuple[int, int]  # tier, start of the tile
_Tile = tuple[Any, ...]  # one state per part of the tier


@dataclass(frozen=True)
class Arrival:
    """One event of one key as it arrives.

    Parameters:
        order — (event_time, known_at, offset), int microseconds and the place in the log; no two events of a key share
        one.
        values — one per input: float, bool, int or str, None for null; the same type for every event.
    """

    order: tuple[int, int, int]
    values: tuple[Value | None, ...] = ()


@dataclass(frozen=True)
class _Tier:
    """The windows that move in the same hops share tiles; forever is a tier of one tile that never ends."""

    hop_us: int | None
    slots: tuple[tuple[_Slot, Part[Any]], ...]
    windows: tuple[Window, ...]

    def start(self, event_time: int) -> int:
        return BEGINNING if self.hop_us is None else event_time // self.hop_us * self.hop_us

    def oldest(self, at_us: int) -> int:
        """The first tile that a read at `at_us` or later may still need."""
        return min(window.lower(at_us) for window in self.windows)

    @cached_property
    def identity(self) -> _Tile:
        return tuple(each.identity for _, each in self.slots)

    def prepare(self, arrival: Arrival) -> _Tile:
        return tuple(_prepared(slot, each, arrival) for slot, each in self.slots)

    def merge(self, a: _Tile, b: _Tile) -> _Tile:
        return tuple(each.merge(x, y) for (_, each), x, y in zip(self.slots, a, b, strict=True))


def _prepared(slot: _Slot, each: Part[Any], arrival: Arrival) -> Any:
    value = True if slot[0] is None else arrival.values[slot[0]]
    return each.identity if value is None else each.prepare(Point(arrival.order, value))


@dataclass(frozen=True)
class TilePlan:
    """Which tiles a set of specs needs; compiled once, shared by all keys.

    Examples:
        >>> window = Window(10, 5)
        >>> plan = TilePlan((Spec("sum", 0, window), Spec("mean", 0, window), Spec("last", 0, Window(None, 0))))
        >>> tiles = plan.empty().add([Arrival((12, 12, 0), (1.5,)), Arrival((3, 13, 1), (2.5,))])
        >>> tiles.read(15), tiles.read(22)
        (((1.5,), (1.5,), (1.5,)), ((1.5,), (1.5,), (1.5,)))
        >>> tiles.read(13)
        ((4.0,), (2.0,), (1.5,))
        >>> Tiles.from_bytes(plan, tiles.to_bytes()) == tiles
        True
    """

    specs: tuple[Spec, ...]

    def empty(self) -> Tiles:
        """The state of a key without events."""
        return Tiles(self, MappingProxyType({}))

    @cached_property
    def fingerprint(self) -> bytes:
        """Eight bytes that differ where the specs do: a state is only read with the plan it was written with."""
        text = repr(
            [(spec.function, spec.input, spec.window.width_us, spec.window.hop_us, spec.n) for spec in self.specs]
        )
        return sha256(text.encode()).digest()[:8]

    @cached_property
    def tiers(self) -> tuple[_Tier, ...]:
        """The specs by the hop of their windows."""
        hops = dict.fromkeys(_hop(spec.window) for spec in self.specs)
        return tuple(_tier(hop, [spec for spec in self.specs if _hop(spec.window) == hop]) for hop in hops)

    @cached_property
    def readers(self) -> tuple[_Reading, ...]:
        """Per spec: its tier, window, the places of its parts in a tile, and how to finish."""
        hops = [tier.hop_us for tier in self.tiers]
        return tuple(_reading(spec, hops.index(_hop(spec.window)), self.tiers) for spec in self.specs)


@dataclass(frozen=True)
class _Reading:
    tier: int
    window: Window
    places: tuple[int, ...]
    algebra: Algebra


def _hop(window: Window) -> int | None:
    return None if window.width_us is None else window.hop_us or 1


def _algebra(spec: Spec) -> Algebra:
    return FUNCTIONS[spec.function].algebra(spec.n)


def _tier(hop: int | None, specs: Sequence[Spec]) -> _Tier:
    slots = {(spec.input, each.name): each for spec in specs for each in _algebra(spec).parts}
    return _Tier(hop, tuple(slots.items()), tuple(dict.fromkeys(spec.window for spec in specs)))


def _reading(spec: Spec, tier: int, tiers: tuple[_Tier, ...]) -> _Reading:
    algebra, slots = _algebra(spec), [slot for slot, _ in tiers[tier].slots]
    return _Reading(tier, spec.window, tuple(slots.index((spec.input, each.name)) for each in algebra.parts), algebra)


@dataclass(frozen=True)
class Tiles:
    """The state of one key: tiles by (tier, start). Equal for the same events, whatever order they came in."""

    plan: TilePlan
    tiles: Mapping[_Place, _Tile]

    def add(self, arrivals: Iterable[Arrival]) -> Tiles:
        """The state with these events too. An event must be added once."""
        tiles = dict(self.tiles)
        for arrival in arrivals:
            for number, tier in enumerate(self.plan.tiers):
                place = number, tier.start(arrival.order[0])
                tiles[place] = tier.merge(tiles.get(place, tier.identity), tier.prepare(arrival))
        return Tiles(self.plan, MappingProxyType(tiles))

    def merge(self, other: Tiles) -> Tiles:
        """The state of the events of both; no event may be in both."""
        tiles = dict(self.tiles)
        for place, tile in other.tiles.items():
            tiles[place] = self.plan.tiers[place[0]].merge(tiles[place], tile) if place in tiles else tile
        return Tiles(self.plan, MappingProxyType(tiles))

    def read(self, at_us: int) -> tuple[tuple[Value | None, ...], ...]:
        """Per spec the value as of `at_us`: a tuple of one, or of n for last_n; None is null.

        Every event that was added must be visible at `at_us`. Cost: one merge per tile inside the window and part.
        """
        return tuple(reading.algebra.finalize(self._state(reading, at_us)) for reading in self.plan.readers)

    def _state(self, reading: _Reading, at_us: int) -> tuple[Any, ...]:
        lower = reading.window.lower(at_us)
        state = reading.algebra.identity()
        for (tier, start), tile in self.tiles.items():
            if tier == reading.tier and start >= lower:
                state = reading.algebra.merge(state, tuple(tile[place] for place in reading.places))
        return state

    def prune(self, at_us: int) -> Tiles:
        """The state without tiles that no read at `at_us` or later looks at."""
        oldest = [tier.oldest(at_us) for tier in self.plan.tiers]
        kept = {place: tile for place, tile in self.tiles.items() if place[1] >= oldest[place[0]]}
        return Tiles(self.plan, MappingProxyType(kept))

    def retained(self, event_time: int, at_us: int) -> bool:
        """Whether a window at `at_us` or later covers an event of that time; if not it came too late to matter."""
        return any(tier.start(event_time) >= tier.oldest(at_us) for tier in self.plan.tiers)

    def to_bytes(self) -> bytes:
        """A compact, versioned, checksummed form; equal states have equal bytes."""
        out = Writer()
        out.blob(self.plan.fingerprint)
        out.count(len(self.tiles))
        for (tier, start), tile in sorted(self.tiles.items(), key=lambda entry: entry[0]):
            out.count(tier)
            out.signed(start)
            for (_, each), state in zip(self.plan.tiers[tier].slots, tile, strict=True):
                each.write(out, state)
        return seal(bytes(out))

    @staticmethod
    def from_bytes(plan: TilePlan, data: bytes) -> Tiles:
        """The state that `to_bytes` wrote under this plan.

        Raises: CorruptData for other bytes, and for the state of another plan.
        """
        source = Reader(unseal(data))
        if source.blob() != plan.fingerprint:
            raise corrupt("it was written for other specs", plan.specs)
        tiles = dict(_tiles(plan, source))
        source.end()
        return Tiles(plan, MappingProxyType(tiles))


def _tiles(plan: TilePlan, source: Reader) -> Iterator[tuple[_Place, _Tile]]:
    for _ in range(source.count()):
        tier, start = source.count(), source.signed()
        if tier >= len(plan.tiers):
            raise corrupt("a tile of no tier", tier)
        yield (tier, start), tuple(each.read(source) for _, each in plan.tiers[tier].slots)
