"""A time zone as a call that TypeScript makes a table of: the transitions of the same database that Python reads.

A rule without an end is a few pairs of "seconds since the last transition" and "offset from then on", again and again.
So the pairs of the last transitions are written once and named by one digit each: 400 years take a thousand characters.
"""

from __future__ import annotations

from itertools import pairwise

from gapless.clock import SECOND
from gapless.expr.zones import load_zone

__all__ = ["zone_call"]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"

Pair = tuple[int, int]


def zone_call(name: str) -> str:
    """`zone(first offset, history, pairs, tail, whether the rule goes on)`, all in seconds.

    Examples:
        >>> zone_call("Asia/Kathmandu")
        'zone(20476, [-1577943676, 19800, 2082845476, 20700], [], "", false)'
    """
    found = load_zone(name)
    starts = [0, *(at // SECOND for at in found.starts[1:])]
    offsets = [offset // SECOND for offset in found.offsets]
    steps = [(later - before, offset) for (before, later), offset in zip(pairwise(starts), offsets[1:], strict=True)]
    history, pairs, tail = _split(steps) if found.ends is not None else (steps, [], "")
    return f'zone({offsets[0]}, {_flat(history)}, {_flat(pairs)}, "{tail}", {str(found.ends is not None).lower()})'


def _split(steps: list[Pair]) -> tuple[list[Pair], list[Pair], str]:
    """The last steps, as many as there are digits for their kinds, apart from those before."""
    kinds: dict[Pair, str] = {}
    tail: list[str] = []
    for step in reversed(steps):
        if step not in kinds and len(kinds) == len(_DIGITS):
            break
        tail.append(kinds.setdefault(step, _DIGITS[len(kinds) % len(_DIGITS)]))
    return steps[: len(steps) - len(tail)], list(kinds), "".join(reversed(tail))


def _flat(pairs: list[Pair]) -> str:
    return "[" + ", ".join(str(number) for pair in pairs for number in pair) + "]"
