"""What decisions say when they are read one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from gapless.ports.metadata import Decision, Route

__all__ = ["bundle_hash_of", "earlier"]


def earlier(history: Sequence[Decision]) -> tuple[Route, ...] | None:
    """What was live before the newest promotion that still holds; None where there was nothing.

    A rollback takes the newest promotion back, so that a second rollback takes back the one before it, and never
    leads forward again:

        promote 1   promote 2   promote 3   rollback → 2   rollback → 1   rollback: nothing is left

    Parameters:
        history — decisions of one model, newest first.

    Examples:
        >>> def one(id, kind, version):
        ...     return Decision(id, "m", kind, id, "", "", (), (Route(version),), {})
        >>> history = [one(1, "promote", "1"), one(2, "promote", "2"), one(3, "promote", "3")]
        >>> earlier(history[::-1])[0].version
        '2'
        >>> history += [one(4, "rollback", "2")]
        >>> earlier(history[::-1])[0].version
        '1'
        >>> history += [one(5, "rollback", "1")]
        >>> earlier(history[::-1]) is None
        True
    """
    stack: list[tuple[Route, ...]] = []
    for decision in reversed(history):
        if decision.kind == "rollback":
            stack = stack[:-2]
        stack.append(decision.after)
    return stack[-2] if len(stack) > 1 else None


def bundle_hash_of(history: Sequence[Decision], version: str) -> str | None:
    """The hash of the bundle that a version had when it was decided on last; None where no decision says so."""
    for decision in history:
        hashes = decision.evidence.get("hashes", {}).get(version)
        if hashes:
            return str(hashes["bundle"])
    return None
