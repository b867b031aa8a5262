"""What Python's own operators mean on an expression, and what they refuse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NoReturn, Self

from gapless.clock import parse_duration
from gapless.errors import TypeMismatch
from gapless.expr.hints import ANYTHING_ELSE, RANGE, of_line, of_numpy
from gapless.expr.nodes import Node, Operand, build
from gapless.schema import Type

__all__ = ["Operators"]


class Operators(Node):
    """Arithmetic, comparison and three-valued logic; everything that would need one value for all rows is refused."""

    __slots__ = ()

    def __add__(self, other: Operand) -> Self:
        return self._shifted(other, 1) if _is_shift(self, other) else self.apply("add", other)

    def __radd__(self, other: Operand) -> Self:
        return self._shifted(other, 1) if _is_shift(self, other) else self._reflected("add", other)

    def __sub__(self, other: Operand) -> Self:
        return self._shifted(other, -1) if _is_shift(self, other) else self.apply("subtract", other)

    def __rsub__(self, other: Operand) -> Self:
        return self._reflected("subtract", other)

    def __mul__(self, other: Operand) -> Self:
        return self.apply("multiply", other)

    def __rmul__(self, other: Operand) -> Self:
        return self._reflected("multiply", other)

    def __truediv__(self, other: Operand) -> Self:
        return self.apply("divide", other)

    def __rtruediv__(self, other: Operand) -> Self:
        return self._reflected("divide", other)

    def __floordiv__(self, other: Operand) -> Self:
        return self.apply("floor_divide", other)

    def __rfloordiv__(self, other: Operand) -> Self:
        return self._reflected("floor_divide", other)

    def __mod__(self, other: Operand) -> Self:
        return self.apply("modulo", other)

    def __rmod__(self, other: Operand) -> Self:
        return self._reflected("modulo", other)

    def __pow__(self, other: Operand) -> Self:
        return self.apply("power", other)

    def __rpow__(self, other: Operand) -> Self:
        return self._reflected("power", other)

    def __neg__(self) -> Self:
        return self.apply("negate")

    def __pos__(self) -> Self:
        return self

    def __eq__(self, other: Operand) -> Self:  # type: ignore[override]  # a comparison per row, as in every frame library
        return self.apply("eq", other)

    def __ne__(self, other: Operand) -> Self:  # type: ignore[override]
        return self.apply("ne", other)

    def __lt__(self, other: Operand) -> Self:
        return self.apply("lt", other)

    def __le__(self, other: Operand) -> Self:
        return self.apply("le", other)

    def __gt__(self, other: Operand) -> Self:
        return self.apply("gt", other)

    def __ge__(self, other: Operand) -> Self:
        return self.apply("ge", other)

    __hash__ = Node.__hash__

    def __and__(self, other: Operand) -> Self:
        return self.apply("and", other)

    def __rand__(self, other: Operand) -> Self:
        return self._reflected("and", other)

    def __or__(self, other: Operand) -> Self:
        return self.apply("or", other)

    def __ror__(self, other: Operand) -> Self:
        return self._reflected("or", other)

    def __invert__(self) -> Self:
        return self.apply("not")

    def _reflected(self, op: str, other: Operand) -> Self:
        return build(type(self), op, (other, self), {})

    def _shifted(self, duration: Any, sign: int) -> Self:
        return self.apply("shift", by=sign * parse_duration(duration))

    def __bool__(self) -> NoReturn:
        _refuse(
            "an expression is neither true nor false: it has a value per row",
            self,
            "& | ~, when(), minimum(), maximum(), .is_in()",
        )

    def __float__(self) -> NoReturn:
        _refuse(
            "an expression is not a number: it has a value per row", self, "the methods of expressions, such as x.log()"
        )

    __int__ = __index__ = __complex__ = __float__

    def __iter__(self) -> NoReturn:
        _refuse("an expression cannot be iterated", self, "is_in(), minimum(), maximum(), concat()")

    def __len__(self) -> NoReturn:
        _refuse("an expression has no length while the product is read", self, "s.length()")

    def __contains__(self, item: object) -> NoReturn:
        _refuse("'in' needs an answer for all rows at once", self, 's.contains("…")')

    def __format__(self, spec: str) -> NoReturn:
        _refuse(
            "an expression cannot be put into a text: it has a value per row",
            self,
            "concat(s, t), and x.to_string() for numbers",
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: object, **options: object) -> NoReturn:
        _refuse_numpy(str(ufunc.__name__), self)

    def __array_function__(self, func: Any, types: object, args: object, kwargs: object) -> NoReturn:
        _refuse_numpy(str(func.__name__), self)


def _is_shift(node: Node, other: object) -> bool:
    return node.type is Type.TIMESTAMP and isinstance(other, timedelta | str)


def _refuse_numpy(name: str, node: Node) -> NoReturn:
    raise TypeMismatch(
        f"np.{name} does not take an expression",
        seen=node,
        allowed="the operators, methods and functions of expressions",
        next_step=of_numpy(name),
    )


def _refuse(what: str, node: Node, allowed: str) -> NoReturn:
    default = RANGE if node.op in ("lt", "le", "gt", "ge") else ANYTHING_ELSE
    raise TypeMismatch(what, seen=node, allowed=allowed, next_step=of_line(default))
