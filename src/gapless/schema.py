"""The types of columns, and schemas made of them. Plain values: no Arrow, no NumPy."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from gapless.errors import DefinitionError, TypeMismatch, UnknownName

__all__ = ["Schema", "Type"]


class Type(enum.Enum):
    """What a column holds. Expressions know four kinds; INT is a FLOAT that is checked to be whole at ingest."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    STRING = "string"
    TIMESTAMP = "timestamp"

    @property
    def in_expressions(self) -> Type:
        """The kind an expression sees: INT reads as FLOAT (exact to 2^53)."""
        return Type.FLOAT if self is Type.INT else self

    @property
    def is_numeric(self) -> bool:
        return self in (Type.FLOAT, Type.INT, Type.BOOL)


_FROM_PYTHON: dict[object, Type] = {
    float: Type.FLOAT,
    int: Type.INT,
    bool: Type.BOOL,
    str: Type.STRING,
    datetime: Type.TIMESTAMP,
}


@dataclass(frozen=True)
class Schema(Mapping[str, Type]):
    """Ordered column names with their types.

    Examples:
        >>> s = Schema.of({"origin": str, "dep_delay": float})
        >>> s["origin"], list(s)
        (<Type.STRING: 'string'>, ['origin', 'dep_delay'])
    """

    columns: tuple[tuple[str, Type], ...]

    @classmethod
    def of(cls, columns: Mapping[str, object]) -> Schema:
        """From `{"name": float | int | bool | str | datetime}` or Type values.

        Raises: DefinitionError for no columns, or a name that is not an identifier or starts with "_"; TypeMismatch for
            another type.
        """
        if not columns:
            raise DefinitionError("a schema without columns", seen=dict(columns), next_step="name at least one column")
        return cls(tuple((_checked_name(name), _checked_type(name, kind)) for name, kind in columns.items()))

    def __getitem__(self, name: str) -> Type:
        for column, kind in self.columns:
            if column == name:
                return kind
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def require(self, name: str, what: str, *kinds: Type) -> None:
        """Raises UnknownName or TypeMismatch unless the column exists and has one of `kinds` (any, where none is)."""
        if name not in self:
            raise UnknownName(f"column for {what}", name, self)
        if kinds and self[name] not in kinds:
            raise TypeMismatch(
                f"{what} needs another type of column",
                seen=f"{name}: {self[name].value}",
                allowed=" or ".join(kind.value for kind in kinds),
                next_step=f"name a column of that type, or change the type of {name!r} in the schema",
            )


def _checked_name(name: object) -> str:
    if isinstance(name, str) and name.isidentifier() and not name.startswith("_") and "__" not in name:
        return name
    raise DefinitionError(
        "a column needs a plain name",
        seen=name,
        allowed="a Python identifier that does not start with '_' and holds no '__'",
        next_step="leave the column out of the schema, or rename it where the file is written",
    )


def _checked_type(name: str, kind: object) -> Type:
    if isinstance(kind, Type):
        return kind
    try:
        return _FROM_PYTHON[kind]
    except (KeyError, TypeError):
        raise TypeMismatch(
            f"column {name!r} has a type that gapless does not hold",
            seen=kind,
            allowed="float, int, bool, str, datetime",
            next_step="ids are str, amounts are float, moments are datetime",
        ) from None
