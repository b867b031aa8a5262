"""What aggregations are made of. Each part is an algebra over pure values: identity, prepare, merge, sometimes remove.

    events      (1.5)      (2.5)      (0.5)           prepare: one event
                  \\__________/          |
                    4.0 of 2            0.5 of 1      merge: states of disjoint events, in any order
                        \\______________/
                            4.5 of 3                  merged again; finalize rounds

mean and sum of one input share the part `total`, so a tile keeps it once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import copysign
from typing import Any, Generic, NamedTuple, TypeVar

from gapless.windows.codec import Reader, Value, Writer
from gapless.windows.exact import scaled

__all__ = ["Part", "Point", "part"]

S = TypeVar("S")


class Point(NamedTuple):
    """One event as one aggregation sees it: its place in the total order of events, and its input, never null.

    The order is (event_time, known_at, offset). Two events never share one.
    """

    order: tuple[int, int, int]
    value: Value


@dataclass(frozen=True)
class Part(Generic[S]):
    """One algebra: `merge` associative and commutative, `identity` neutral, `remove(merge(a, b), b) == a` if there."""

    name: str
    identity: S
    prepare: Callable[[Point], S]
    merge: Callable[[S, S], S]
    write: Callable[[Writer, S], None]
    read: Callable[[Reader], S]
    remove: Callable[[S, S], S] | None = None


Points = tuple[Point, ...]
Ranked = tuple[float, float]  # a value, and its sign where the value is zero: -0.0 below +0.0


def _add(a: int, b: int) -> int:
    return a + b


def _subtract(a: int, b: int) -> int:
    return a - b


def _counter(name: str, prepare: Callable[[Point], int]) -> Part[int]:
    return Part(name, 0, prepare, _add, Writer.count, Reader.count, _subtract)


def _accumulator(name: str, prepare: Callable[[Point], int]) -> Part[int]:
    return Part(name, 0, prepare, _add, Writer.limbs, Reader.limbs, _subtract)


def _ranked(value: float) -> Ranked:
    return value, copysign(1.0, value)


def _extreme(name: str, better: Callable[[Ranked, Ranked], Ranked]) -> Part[Value | None]:
    def merge(a: Any, b: Any) -> Any:
        if a is None or b is None:
            return b if a is None else a
        return a if better(_ranked(a), _ranked(b)) == _ranked(a) else b

    return Part(name, None, lambda point: point.value, merge, _write_optional, _read_optional)


def _write_optional(out: Writer, value: Value | None) -> None:
    out.count(value is not None)
    if value is not None:
        out.value(value)


def _read_optional(data: Reader) -> Value | None:
    return data.value() if data.count() else None


def _ordered(name: str, n: int, *, latest: bool) -> Part[Points]:
    def merge(a: Points, b: Points) -> Points:
        return tuple(sorted(a + b, key=lambda point: point.order, reverse=latest)[:n])

    return Part(name, (), lambda point: (point,), merge, _write_points, _read_points)


def _write_points(out: Writer, points: Points) -> None:
    out.count(len(points))
    for point in points:
        for number in point.order:
            out.signed(number)
        out.value(point.value)


def _read_points(data: Reader) -> Points:
    return tuple(_read_point(data) for _ in range(data.count()))


def _read_point(data: Reader) -> Point:
    return Point((data.signed(), data.signed(), data.signed()), data.value())


def _member(point: Point) -> frozenset[Value]:
    value = point.value
    return frozenset([value + 0.0 if isinstance(value, float) else value])  # -0.0 counts as 0.0


def _write_members(out: Writer, members: frozenset[Value]) -> None:
    out.count(len(members))
    for value in sorted(members):  # values of one input share a type
        out.value(value)


def _read_members(data: Reader) -> frozenset[Value]:
    return frozenset(data.value() for _ in range(data.count()))


def _square(point: Point) -> int:
    return scaled(point.value) ** 2  # type: ignore[arg-type]  # the specs of an input are checked against its type


_PARTS: dict[str, Part[Any]] = {
    "count": _counter("count", lambda point: 1),
    "true": _counter("true", lambda point: int(point.value != 0)),
    "total": _accumulator("total", lambda point: scaled(point.value)),  # type: ignore[arg-type]
    "squares": _accumulator("squares", _square),
    "min": _extreme("min", min),
    "max": _extreme("max", max),
    "first": _ordered("first", 1, latest=False),
    "members": Part("members", frozenset(), _member, frozenset.union, _write_members, _read_members),
}


def part(name: str, n: int = 1) -> Part[Any]:
    """The part of that name; `latest` keeps the n latest events.

    Examples:
        >>> total = part("total")
        >>> total.merge(total.prepare(Point((0, 0, 0), 1.5)), total.identity) == total.prepare(Point((0, 0, 0), 1.5))
        True
    """
    return _ordered(f"latest:{n}", n, latest=True) if name == "latest" else _PARTS[name]
