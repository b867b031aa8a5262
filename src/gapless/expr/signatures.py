"""What an operation takes and gives, written the way the documentation shows it: "float, float -> float"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gapless.schema import Type

__all__ = ["Signature", "parse_signatures"]

_KINDS = {kind.value: kind for kind in (Type.FLOAT, Type.BOOL, Type.STRING, Type.TIMESTAMP)}
_ANY = "T"


@dataclass(frozen=True)
class Signature:
    """Argument types and the result type.

    `T` is any one type, the same wherever it stands, and `...` repeats the last argument.

    Examples:
        >>> same = Signature.parse("bool, T, T -> T")
        >>> same.result_of([Type.BOOL, Type.STRING, Type.STRING])
        <Type.STRING: 'string'>
        >>> same.result_of([Type.BOOL, Type.STRING, Type.FLOAT]) is None
        True
    """

    args: tuple[str, ...]
    result: str
    repeats: bool

    @classmethod
    def parse(cls, text: str) -> Signature:
        """From "float, float -> float"."""
        left, _, result = text.partition(" -> ")
        repeats = left.endswith("...")
        args = tuple(left.removesuffix("...").split(", ")) if left else ()
        return cls(args, result, repeats)

    def __str__(self) -> str:
        return f"{', '.join(self.args)}{'...' if self.repeats else ''} -> {self.result}"

    def kinds(self, count: int) -> tuple[str, ...] | None:
        """The kind of each of `count` arguments, or None where so many are not taken."""
        if self.repeats and count >= len(self.args):
            return self.args + (self.args[-1],) * (count - len(self.args))
        return self.args if count == len(self.args) else None

    def result_of(self, types: Sequence[Type]) -> Type | None:
        """The type of the result, or None where the arguments do not fit."""
        kinds = self.kinds(len(types))
        if kinds is None:
            return None
        free = {kind for name, kind in zip(kinds, types, strict=True) if name == _ANY}
        fits = all(name == _ANY or _KINDS[name] is kind for name, kind in zip(kinds, types, strict=True))
        if not fits or len(free) > 1:
            return None
        return free.pop() if self.result == _ANY else _KINDS[self.result]

    def fill(self, types: Sequence[Type | None]) -> list[Type | None]:
        """`types` with each None (a null literal) replaced by the type that its place asks for, where that is known."""
        kinds = self.kinds(len(types)) or ()
        free = next((kind for name, kind in zip(kinds, types, strict=False) if name == _ANY and kind), None)
        return [
            free if kind is None and name == _ANY else kind for name, kind in zip(kinds, types, strict=False)
        ] or list(types)


def parse_signatures(text: str) -> tuple[Signature, ...]:
    """From signatures with " | " between them."""
    return tuple(Signature.parse(part) for part in text.split(" | "))
