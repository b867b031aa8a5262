"""Expr, and the functions that make one."""

from __future__ import annotations

from datetime import datetime

from gapless.errors import TypeMismatch
from gapless.expr.methods import Nulls, Numbers, Strings, Times
from gapless.expr.nodes import Node, Operand, build, leaf, literal_of, postorder
from gapless.expr.operators import Operators
from gapless.schema import Type

__all__ = [
    "Expr",
    "When",
    "coalesce",
    "column",
    "columns_of",
    "concat",
    "fingerprint",
    "literal",
    "maximum",
    "minimum",
    "null",
    "when",
]

_TYPES = {float: Type.FLOAT, int: Type.FLOAT, bool: Type.BOOL, str: Type.STRING, datetime: Type.TIMESTAMP}


class Expr(Operators, Nulls, Numbers, Strings, Times):
    """A value per row, made of columns, literals and the operations of the table; what runs it is decided elsewhere.

    Guarantees: immutable, safe to share between threads, the same bits in every emitter.
    Examples:
        >>> delay = column("dep_delay", Type.FLOAT)
        >>> (delay > 15).type
        <Type.BOOL: 'bool'>
        >>> (delay + 1).clip(0, 60)
        minimum(maximum(r.dep_delay + 1.0, 0.0), 60.0)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        from gapless.expr.show import show

        return show(self)


def column(name: str, type: Type) -> Expr:
    """The column `name`; an INT column reads as FLOAT."""
    return leaf(Expr, "column", name=name, type=type.in_expressions.value)


def literal(value: float | bool | str | datetime | Expr) -> Expr:
    """The same value in every row.

    Raises: TypeMismatch for another type; DefinitionError for NaN, ±inf and whole numbers above 2^53.
    """
    return value if isinstance(value, Expr) else literal_of(Expr, value, "literal(value)")


def null(type: Type | type) -> Expr:
    """No value, of a stated type: `null(float)`."""
    kind = type.in_expressions if isinstance(type, Type) else _TYPES.get(type)
    if kind is None:
        raise TypeMismatch(
            "null needs a type", seen=type, allowed="float, bool, str, datetime", next_step="write null(float)"
        )
    return leaf(Expr, "null", type=kind.value)


class When:
    """Conditions with their values; `otherwise` ends it. The first condition that is true decides."""

    __slots__ = ("_cases",)

    def __init__(self, cases: tuple[tuple[Operand, Operand], ...]) -> None:
        self._cases = cases

    def when(self, condition: Operand, value: Operand) -> When:
        """A further case, tried when those before are not true."""
        return When((*self._cases, (condition, value)))

    def otherwise(self, value: Operand) -> Expr:
        """The value when no condition is true (a null condition is not)."""
        values = [*(then for _, then in self._cases), value]
        model = next((v for v in values if isinstance(v, Expr)), None)
        found = value if value is not None or model is None else null(model.type)
        for condition, then in reversed(self._cases):
            found = build(Expr, "if", (condition, then, found), {})
        return found if isinstance(found, Expr) else literal(found)  # type: ignore[arg-type]


def when(condition: Operand, value: Operand) -> When:
    """`when(p, x).when(q, y).otherwise(z)`: x where p is true, else y where q is true, else z."""
    return When(((condition, value),))


def coalesce(*values: Operand) -> Expr:
    """The first that is not null."""
    return _variadic("coalesce", values)


def minimum(*values: Operand) -> Expr:
    """The least of each row; null when any is null."""
    return _variadic("minimum", values)


def maximum(*values: Operand) -> Expr:
    """The greatest of each row; null when any is null."""
    return _variadic("maximum", values)


def concat(*values: Operand) -> Expr:
    """Texts one after the other; null when any is null."""
    return _variadic("concat", values)


def _variadic(op: str, values: tuple[Operand, ...]) -> Expr:
    if len(values) < 2:
        raise TypeMismatch(
            f"{op}() needs at least two values",
            seen=len(values),
            allowed=f"{op}(x, y, ...)",
            next_step="pass them as arguments",
        )
    return build(Expr, op, values, {})


def columns_of(*exprs: Expr) -> frozenset[str]:
    """The names of the columns that the expressions read."""
    return frozenset(str(node.param("name")) for node in postorder(*exprs) if node.op == "column")


def fingerprint(expr: Node) -> str:
    """A sha256 in hex that is equal for equal structure, whatever the formatting, process or machine.

    It covers operations with their versions, types, parameters and column names.
    """
    return expr.digest
