"""A function of one value or one row, followed along each of its branches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from gapless.adopting.arithmetic import RULES as ARITHMETIC
from gapless.adopting.choices import is_missing, is_present
from gapless.adopting.constants import lift
from gapless.adopting.numpy_rules import UFUNCS
from gapless.adopting.symbols import Reason, Symbol, Unexpressed, choose, unexpressed
from gapless.adopting.texts import RULES as TEXTS
from gapless.adopting.times import RULES as TIMES
from gapless.adopting.times import TAKEN
from gapless.errors import UserCodeError
from gapless.product.boundary import call_author

__all__ = ["MOST_PATHS", "RowView", "Scalar", "explored"]

MOST_PATHS = 64
_STR = {"lower": "lower", "upper": "upper", "strip": "strip", "startswith": "startswith", "endswith": "endswith"}


class _Path:
    """One way through the function: what was decided at each branch."""

    def __init__(self, decided: list[bool]) -> None:
        self.decided = decided
        self.conditions: list[Symbol] = []

    def decide(self, condition: Symbol) -> bool:
        if condition.kind != "bool":
            condition = ARITHMETIC["__ne__"](condition, lift("" if condition.kind == "string" else 0))
        place = len(self.conditions)
        self.conditions.append(condition)
        if place == len(self.decided):
            self.decided.append(True)
        return self.decided[place]


def explored(function: Callable[[Any], Any], argument: Symbol | Mapping[str, Any]) -> Symbol:
    """What the function gives for every value, as one symbol with a choice for each branch.

    Raises: Unexpressed, also for more than MOST_PATHS ways through it.
    """
    paths: list[tuple[list[Symbol], list[bool], Symbol]] = []
    pending: list[list[bool]] = [[]]
    while pending:
        path = _Path(pending.pop())
        fixed = len(path.decided)
        value = _run(function, argument, path)
        paths.append((path.conditions, list(path.decided), value))
        pending += [[*path.decided[:i], False] for i in range(fixed, len(path.decided))]
        if len(paths) > MOST_PATHS:
            raise unexpressed(f"a function with more than {MOST_PATHS} branches")
    return _joined(paths, 0)


def _run(function: Callable[[Any], Any], argument: Symbol | Mapping[str, Any], path: _Path) -> Symbol:
    given = Scalar(argument, path) if isinstance(argument, Symbol) else RowView(argument, path)
    try:
        result = call_author("a function of one row", function, given)
    except UserCodeError as error:
        cause = error.__cause__
        if isinstance(cause, Unexpressed):
            raise Unexpressed(Reason(cause.reason.what, _line(error), cause.reason.hint)) from None
        what = f"a function of one row, which raised {type(cause).__name__} while it was followed: {cause}"
        raise Unexpressed(Reason(what, _line(error))) from None
    return lift(result.symbol if isinstance(result, Scalar) else result)


def _line(error: UserCodeError) -> str | None:
    return None if error.where is None else str(error.where).rsplit("/", 1)[-1]


def _joined(paths: list[tuple[list[Symbol], list[bool], Symbol]], depth: int) -> Symbol:
    if len(paths) == 1:
        return paths[0][2]
    condition = paths[0][0][depth]
    yes = [p for p in paths if p[1][depth]]
    no = [p for p in paths if not p[1][depth]]
    return choose([(condition.expr, _joined(yes, depth + 1))], _joined(no, depth + 1))


class RowView:
    """One row, as `apply(axis=1)` hands it over."""

    def __init__(self, columns: Mapping[str, Any], path: _Path) -> None:
        self._columns, self._path = columns, path

    def __getitem__(self, name: str) -> Scalar:
        found = self._columns.get(name)
        if isinstance(found, Symbol):
            return Scalar(found, self._path)
        raise Unexpressed(found if isinstance(found, Reason) else Reason(f"column {name!r}, which is not there"))

    def __getattr__(self, name: str) -> Scalar:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def get(self, name: str, default: object = None) -> Any:
        """The value, or the default where there is no such column."""
        return self[name] if name in self._columns else default


class Scalar:
    """One value of a column; a branch on it is followed both ways."""

    __slots__ = ("_path", "symbol")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, symbol: Symbol, path: _Path) -> None:
        self.symbol, self._path = symbol, path

    def __bool__(self) -> bool:
        return self._path.decide(self.symbol)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or (name not in _STR and name not in TAKEN and name not in TIMES):
            raise unexpressed(f"{self.symbol.kind}.{name}")
        if name in TAKEN:
            return self._of(TAKEN[name](self.symbol))
        rule = TEXTS[_STR[name]] if name in _STR else TIMES[name]
        return lambda *args, **kwargs: self._of(rule(self.symbol, *args, **kwargs))

    def __getitem__(self, item: Any) -> Scalar:
        if isinstance(item, slice):
            return self._of(TEXTS["__getitem__"](self.symbol, item))
        raise unexpressed("one character of a text, which Python refuses in an empty one", "take a slice")

    def __contains__(self, text: Any) -> bool:
        return self._path.decide(TEXTS["contains"](self.symbol, text, regex=False))

    def __round__(self, digits: int | None = None) -> Scalar:
        return self._of(ARITHMETIC["round"](self.symbol, digits or 0))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Scalar:
        rule = UFUNCS.get(ufunc.__name__)
        if rule is None or method != "__call__" or options:
            raise unexpressed(f"np.{ufunc.__name__}")
        return self._of(rule(*(_symbol(x) for x in inputs)))

    def is_missing(self) -> Scalar:
        """`pd.isna(x)`"""
        return self._of(is_missing(self.symbol))

    def is_present(self) -> Scalar:
        """`pd.notna(x)`"""
        return self._of(is_present(self.symbol))

    def _refused(self, *args: object) -> NoReturn:
        raise unexpressed("int(), float(), str(), len() or math of one value", "use the function of NumPy or pandas")

    __float__ = __int__ = __index__ = __str__ = __len__ = __iter__ = __format__ = _refused

    def _of(self, symbol: Symbol) -> Scalar:
        return Scalar(symbol, self._path)


def _symbol(value: Any) -> Symbol:
    return value.symbol if isinstance(value, Scalar) else lift(value)


def _operator(name: str) -> Callable[..., Scalar]:
    rule = ARITHMETIC[name]

    def operate(self: Scalar, *others: Any) -> Scalar:
        if name in ("__mod__", "__rmod__") and self.symbol.kind == "string":
            raise unexpressed("a text formatted with %")
        return self._of(rule(self.symbol, *(_symbol(other) for other in others)))

    return operate


for _name in ARITHMETIC:
    if _name.startswith("__"):
        setattr(Scalar, _name, _operator(_name))
