"""The aggregations: algebras with the verbs prepare, update, merge, finalize, and remove where an inverse exists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from gapless.errors import BugError
from gapless.windows.codec import Reader, Value, Writer, seal, unseal
from gapless.windows.exact import mean_of, rounded_sum, std_of, variance_of
from gapless.windows.parts import Part, Point, part

__all__ = ["FUNCTIONS", "Aggregation", "Algebra", "State"]

State = tuple[Any, ...]  # one value per part; immutable, and equal where the events were the same
Kind = Literal["float", "bool", "opaque"]
Result = Literal["float", "bool", "same"]


@dataclass(frozen=True)
class Algebra:
    """How one aggregation turns events into a value, over pure states.

    Laws (tested as properties): merge is associative and commutative, identity() is its neutral element,
    update(state, point) == merge(state, prepare(point)), remove(merge(a, b), b) == a, from_bytes(to_bytes(s)) == s.

    Examples:
        >>> mean = FUNCTIONS["mean"].algebra()
        >>> state = mean.merge(mean.prepare(Point((1, 2, 0), 1.0)), mean.prepare(Point((5, 6, 1), 2.0)))
        >>> mean.finalize(state)
        (1.5,)
    """

    name: str
    parts: tuple[Part[Any], ...]
    finish: Callable[..., tuple[Value | None, ...]]

    def identity(self) -> State:
        """The state of no events."""
        return tuple(part.identity for part in self.parts)

    def prepare(self, point: Point) -> State:
        """The state of one event."""
        return tuple(part.prepare(point) for part in self.parts)

    def update(self, state: State, point: Point) -> State:
        """The state with one event more."""
        return self.merge(state, self.prepare(point))

    def merge(self, a: State, b: State) -> State:
        """The state of the events of both; no event may be in both."""
        return tuple(part.merge(x, y) for part, x, y in zip(self.parts, a, b, strict=True))

    def remove(self, whole: State, piece: State) -> State:
        """The state of the events in `whole` that are not in `piece`.

        Raises: BugError for an aggregation without an inverse (`FUNCTIONS[name].invertible` is False).
        """
        return tuple(_inverse(part)(x, y) for part, x, y in zip(self.parts, whole, piece, strict=True))

    def finalize(self, state: State) -> tuple[Value | None, ...]:
        """The value: a tuple of one, or of n for last_n; None is null."""
        return self.finish(*state)

    def to_bytes(self, state: State) -> bytes:
        """A compact, versioned, checksummed form; equal states have equal bytes."""
        out = Writer()
        for each, value in zip(self.parts, state, strict=True):
            each.write(out, value)
        return seal(bytes(out))

    def from_bytes(self, data: bytes) -> State:
        """The state that `to_bytes` wrote.

        Raises: CorruptData for anything else.
        """
        source = Reader(unseal(data))
        state = tuple(part.read(source) for part in self.parts)
        source.end()
        return state


def _inverse(each: Part[Any]) -> Callable[[Any, Any], Any]:
    if each.remove is None:
        raise BugError(f"{each.name} has no inverse")
    return each.remove


@dataclass(frozen=True)
class Aggregation:
    """What is known about one aggregation before any event is seen.

    Parameters:
        accepts — kinds of input: "float", "bool" (0.0 and 1.0 in kernels), "opaque" (codes of strings, instants).
        result — "float", "bool", or "same" as the input.
        invertible — events can be taken out again.
        commutative — the order of merging does not matter. All are: what depends on the order of events carries it.
    """

    name: str
    needs_input: bool
    accepts: frozenset[Kind]
    result: Result
    invertible: bool
    commutative: bool
    parts: tuple[str, ...]
    finish: Callable[..., Callable[..., tuple[Value | None, ...]]]

    def algebra(self, n: int = 1) -> Algebra:
        """Its verbs; n is the number of values of last_n."""
        return Algebra(self.name, tuple(part(name, n) for name in self.parts), self.finish(n))


_Finish = Callable[..., Value | None]


def _one(finish: _Finish) -> Callable[..., Callable[..., tuple[Value | None, ...]]]:
    return lambda n: lambda *state: (finish(*state),)


def _earliest(points: tuple[Point, ...]) -> Value | None:
    return points[0].value if points else None


def _padded(n: int) -> Callable[..., tuple[Value | None, ...]]:
    return lambda points: tuple(point.value for point in points) + (None,) * (n - len(points))


def _numeric(name: str, finish: _Finish, *parts: str) -> Aggregation:
    return Aggregation(name, True, frozenset(["float", "bool"]), "float", True, True, parts, _one(finish))


def _logical(name: str, finish: _Finish) -> Aggregation:
    return Aggregation(name, True, frozenset(["bool"]), "bool", True, True, ("count", "true"), _one(finish))


def _extreme(name: str) -> Aggregation:
    finish = _one(lambda value: value)
    return Aggregation(name, True, frozenset(["float", "bool"]), "same", False, True, (name,), finish)


_ANY_KIND: frozenset[Kind] = frozenset(["float", "bool", "opaque"])

_ALL = (
    Aggregation("count", False, _ANY_KIND, "float", True, True, ("count",), _one(float)),
    _numeric("sum", lambda count, total: rounded_sum(total) if count else None, "count", "total"),
    _numeric("mean", mean_of, "count", "total"),
    _numeric("var", variance_of, "count", "total", "squares"),
    _numeric("std", std_of, "count", "total", "squares"),
    _extreme("min"),
    _extreme("max"),
    Aggregation("first", True, _ANY_KIND, "same", False, True, ("first",), _one(_earliest)),
    Aggregation("last", True, _ANY_KIND, "same", False, True, ("latest",), _one(_earliest)),
    Aggregation(
        "n_unique", True, _ANY_KIND, "float", False, True, ("members",), _one(lambda members: float(len(members)))
    ),
    Aggregation("last_n", True, _ANY_KIND, "same", False, True, ("latest",), _padded),
    _logical("any", lambda count, true: true > 0 if count else None),
    _logical("all", lambda count, true: true == count if count else None),
)

FUNCTIONS: Mapping[str, Aggregation] = MappingProxyType({each.name: each for each in _ALL})
