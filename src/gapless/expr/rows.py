"""The row that an author's function receives: attributes are expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from gapless.errors import UnknownName
from gapless.expr.expression import Expr, column
from gapless.schema import Type

__all__ = ["Row"]

Fields = Mapping[str, "Type | Fields"]


class Row:
    """Columns by name, as expressions; a group of columns is a Row itself.

    Parameters:
        fields — name → Type, or name → such a mapping; `r.sky.gust` is the column `sky__gust`.
        what — whose row it is, for messages.

    Raises: UnknownName, with the name that was probably meant.
    Examples:
        >>> r = Row({"delay": Type.FLOAT, "sky": {"gust": Type.FLOAT}}, what="request")
        >>> r.delay > r.sky.gust
        r.delay > r.sky.gust
    """

    __slots__ = ("_fields", "_prefix", "_what")

    _fields: dict[str, Any]
    _prefix: str
    _what: str

    def __init__(self, fields: Fields, *, what: str, prefix: str = "") -> None:
        for name, value in (("_fields", dict(fields)), ("_what", what), ("_prefix", prefix)):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:  # an Expr or a Row; Any, so that authors need not tell a checker which
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Expr | Row:
        if name not in self._fields:
            raise UnknownName(f"column of {self._what}", name, self._fields)
        found, full = self._fields[name], self._prefix + name
        if isinstance(found, Type):
            return column(full, found)
        return Row(found, what=f"{self._what}, group {name!r}", prefix=full + "__")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a row cannot be changed: return {name!r} under a name of its own instead")

    def __dir__(self) -> list[str]:
        return sorted(self._fields)

    def __repr__(self) -> str:
        return f"Row({', '.join(self._fields)})"
