"""An expression as Python that an author could have written, and that reads back as the same expression."""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gapless.clock import format_duration
from gapless.expr import Expr
from gapless.expr.nodes import postorder
from gapless.schema import Type

__all__ = ["Written", "write", "write_all"]

_INFIX = {
    "add": ("+", 6), "subtract": ("-", 6), "multiply": ("*", 7), "divide": ("/", 7), "floor_divide": ("//", 7),
    "modulo": ("%", 7), "eq": ("==", 2), "ne": ("!=", 2), "lt": ("<", 2), "le": ("<=", 2), "gt": (">", 2),
    "ge": (">=", 2), "and": ("&", 5), "or": ("|", 3), "power": ("**", 9),
}  # fmt: skip
_FUNCTIONS = ("minimum", "maximum", "coalesce", "concat")
_TYPES = {Type.FLOAT: "float", Type.BOOL: "bool", Type.STRING: "str", Type.TIMESTAMP: "datetime"}
_NAMES = {
    "add": "total", "subtract": "difference", "multiply": "product", "divide": "ratio", "floor_divide": "quotient",
    "modulo": "remainder", "if": "choice", "coalesce": "filled", "is_null": "missing", "is_not_null": "present",
    "and": "both", "or": "either", "not": "other", "eq": "same", "ne": "different", "lt": "below", "le": "at_most",
    "gt": "above", "ge": "at_least", "elapsed": "elapsed", "is_in": "listed", "floor": "whole",
}  # fmt: skip
_SIZE = 4
"""A part that is used twice gets a name from so many nodes on."""
_DEPTH = 40
"""A part at each multiple of so many levels gets one too: nobody reads deeper parentheses."""
_INLINE = 40
"""So many nodes are written in one piece."""


@dataclass(frozen=True)
class Written:
    """Lines that name shared parts, then the text of each expression."""

    lines: tuple[str, ...]
    texts: Mapping[str, str]


def write(expr: Expr, row: str = "r") -> str:
    """One expression; a long one after lines that name its shared parts."""
    if _sizes(postorder(expr))[expr.digest] <= _INLINE:
        return _Writer(row, {}).text(expr)
    written = write_all({"": expr}, row)
    return "\n".join([*written.lines, written.texts[""]])


def write_all(exprs: Mapping[str, Expr], row: str = "r") -> Written:
    """Expressions of one row; what several of them or one of them twice need is named once."""
    order = list(postorder(*exprs.values()))
    uses = Counter(arg.digest for node in order for arg in node.args)
    uses.update(expr.digest for expr in exprs.values())
    sizes = _sizes(order)
    taken = {row, "gl", "datetime", "UTC"}
    names: dict[str, str] = {}
    lines = []
    for node in order:
        shared = uses[node.digest] > 1 and sizes[node.digest] >= _SIZE
        if node.args and (shared or node.depth % _DEPTH == 0):
            text = _Writer(row, names).text(node)
            names[node.digest] = _free(_name_of(node, exprs), taken)
            lines.append(f"{names[node.digest]} = {text}")
    return Written(tuple(lines), {name: _Writer(row, names).text(expr) for name, expr in exprs.items()})


def _sizes(order: Iterable[Expr]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for node in order:
        sizes[node.digest] = min(1 + sum(sizes[arg.digest] for arg in node.args), 1 << 30)
    return sizes


def _name_of(node: Expr, exprs: Mapping[str, Expr]) -> str:
    """The name of the feature that it is, or one that says what it does."""
    own = next((name for name, expr in exprs.items() if expr.digest == node.digest), None)
    return own if own and own.isidentifier() and not keyword.iskeyword(own) else _NAMES.get(node.op, node.op)


def _free(name: str, taken: set[str]) -> str:
    number, found = 2, name
    while found in taken or keyword.iskeyword(found):
        found, number = f"{name}_{number}", number + 1
    taken.add(found)
    return found


@dataclass(frozen=True)
class _Writer:
    row: str
    names: Mapping[str, str] = field(default_factory=dict)

    def text(self, node: Expr) -> str:
        return self._at(node)[0]

    def _at(self, node: Expr) -> tuple[str, int]:
        """The text and how tightly it binds."""
        if node.digest in self.names:
            return self.names[node.digest], 10
        if not node.args:
            return self._leaf(node)
        if node.op in _INFIX:
            return self._infix(node)
        if node.op in ("negate", "not"):
            return ("-" if node.op == "negate" else "~") + self._operand(node.args[0]), 8
        if node.op == "coalesce" and len(node.args) == 2 and not _is_literal(node.args[0]):
            return f"{self._inner(node.args[0], 10)}.fill_null({self.text(node.args[1])})", 10
        if node.op in _FUNCTIONS:
            return f"gl.{node.op}({', '.join(self._args(node))})", 10
        return self._if(node) if node.op == "if" else self._method(node)

    def _args(self, node: Expr) -> list[str]:
        """The first as an expression: Python values turn into literals beside one only."""
        first, *rest = node.args
        return [self._receiver(first), *(self.text(arg) for arg in rest)]

    def _receiver(self, node: Expr) -> str:
        return f"gl.literal({self.text(node)})" if _is_literal(node) else self.text(node)

    def _operand(self, node: Expr) -> str:
        return f"gl.literal({self.text(node)})" if _is_literal(node) else self._inner(node, 8)

    def _infix(self, node: Expr) -> tuple[str, int]:
        sign, level = _INFIX[node.op]
        left, right = node.args
        comparing = level == 2  # Python would chain comparisons, and turn one around that a literal begins
        if _is_literal(left) and (comparing or _is_literal(right)):
            first = f"gl.literal({self.text(left)})"
        else:
            first = self._inner(left, level + (comparing or node.op == "power"))
        return f"{first} {sign} {self._inner(right, level + 1)}", level

    def _inner(self, node: Expr, level: int) -> str:
        text, binds = self._at(node)
        return text if binds >= level else f"({text})"

    def _if(self, node: Expr) -> tuple[str, int]:
        text = "gl"
        while node.op == "if" and (text == "gl" or node.digest not in self.names):
            condition, value, otherwise = node.args
            text += f".when({self.text(condition)}, {self.text(value)})"
            node = otherwise
        return f"{text}.otherwise({self.text(node)})", 10

    def _method(self, node: Expr) -> tuple[str, int]:
        params = dict(node.params)
        name, rest = node.op, [self.text(arg) for arg in node.args[1:]]
        of = f"gl.literal({self.text(node.args[0])})" if _is_literal(node.args[0]) else self._inner(node.args[0], 10)
        if name == "shift":
            by = int(str(params["by"]))
            return f"{of}.{'minus' if by < 0 else 'plus'}({_duration(abs(by))})", 10
        if name == "slice":
            start, stop = params["start"], params["stop"]
            return f"{of}[{start or ''}:{'' if stop is None else stop}]", 10
        if name == "elapsed":
            name = f"{params.pop('unit')}s_since"
        if "_to_" in name:
            name = name[name.index("to_") :]
        if params.get("zone") == "UTC":
            del params["zone"]
        values = [_value(value) for key, value in params.items() if key != "seed"]
        values += [f"seed={params['seed']}"] if params.get("seed") else []
        return f"{of}.{name}({', '.join([*rest, *values])})", 10

    def _leaf(self, node: Expr) -> tuple[str, int]:
        if node.op == "column":
            name = str(node.param("name"))
            return (f"{self.row}.{name}" if not keyword.iskeyword(name) else f"{self.row}[{name!r}]"), 10
        if node.op == "null":
            return f"gl.null({_TYPES[node.type]})", 10
        value = node.param("value")
        if node.type is Type.TIMESTAMP:
            return _instant(int(str(value))), 10
        text = _value(value)
        return text, 8 if text.startswith("-") else 10


def _is_literal(node: Expr) -> bool:
    return node.op == "literal"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 and str(value) != "-0.0":
        return str(int(value))
    if isinstance(value, str):
        return _quoted(value)
    return repr(value)


def _quoted(text: str) -> str:
    plain = repr(text)
    return f'"{text}"' if plain[1:-1] == text and '"' not in text else plain


def _duration(us: int) -> str:
    return f'"{format_duration(us)}"'


def _instant(us: int) -> str:
    at = datetime(1970, 1, 1) + timedelta(microseconds=us)
    parts = [at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond]
    while len(parts) > 3 and not parts[-1]:
        parts.pop()
    return f"datetime({', '.join(map(str, parts))}, tzinfo=UTC)"
