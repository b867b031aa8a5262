"""Row expressions as Spark SQL: to be read by a person, and for a filter or a column of a scan.

Values are computed by our own code everywhere; SQL stands beside it for what SQL gives to the bit. Every node is bound
to a name once (a lateral column alias), since nested text would grow with every use of a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gapless.errors import DefinitionError
from gapless.expr.nodes import Node, postorder
from gapless.expr.sql_templates import LAST, MISSING, quoted, steps_of

__all__ = ["SqlText", "pushable", "spark_sql"]

PREFIX = "_e"
LONGEST_CHAIN = 40
"""Steps that stand on one another: Spark resolves one alias in two passes, and makes 100 passes by default."""


@dataclass(frozen=True)
class SqlText:
    """Expressions as named steps, each a SQL expression over columns and earlier steps.

    Parameters:
        steps — alias → text, in order; outputs — name of an expression → its alias.
        missing — operations that SQL does not give to the bit; their steps name a function that no engine has.
        chain — the longest chain of steps of which each stands on the one before.

    Examples:
        >>> from gapless.expr import column
        >>> from gapless.schema import Type
        >>> late = spark_sql({"late": column("status", Type.STRING) == "late"})
        >>> print(late.select("flights", keep=["id"]))
        SELECT
          `id`,
          `status` AS `_e1`,
          'late' AS `_e2`,
          `_e1` = `_e2` AS `_e3`,
          `_e3` AS `late`
        FROM flights
    """

    steps: Mapping[str, str]
    outputs: Mapping[str, str]
    missing: tuple[str, ...]
    chain: int

    @property
    def is_pushable(self) -> bool:
        """Whether Spark takes the text, with its default settings, and gives the bits."""
        return not self.missing and self.chain <= LONGEST_CHAIN

    def select(self, source: str, *, keep: Sequence[str] = ()) -> str:
        """A SELECT of the kept columns, the steps and the outputs; `source` is a table or a subquery."""
        bound = [f"{text} AS {quoted(alias)}" for alias, text in self.steps.items()]
        named = [f"{quoted(alias)} AS {quoted(name)}" for name, alias in self.outputs.items()]
        return _select([*map(quoted, keep), *bound, *named], source)

    def filtered(self, source: str, predicate: str, *, keep: Sequence[str]) -> str:
        """The kept columns of the rows for which the output `predicate` is true.

        Raises: DefinitionError where it is not pushable: a filter that drops other rows is refused.
        """
        if not self.is_pushable:
            raise DefinitionError(
                "a filter that SQL does not give to the bit",
                seen=", ".join(self.missing) or f"a chain of {self.chain} steps",
                allowed=f"operations that Spark has, in a chain of up to {LONGEST_CHAIN} steps",
                next_step="filter by the expression itself, with `with_expressions`",
            )
        inner = self.select(source, keep=keep).replace("\n", "\n  ")
        return _select(map(quoted, keep), f"(\n  {inner}\n)") + f"\nWHERE {quoted(predicate)}"


def spark_sql(exprs: Mapping[str, Node]) -> SqlText:
    """The expressions as SQL of Spark 4.

    The rules of the operation table are spelled out, so that session time zone and ANSI mode change nothing: x / 0,
    NaN, overflow, the sign of zero, ASCII case. A timestamp column is Spark's `timestamp` (not `timestamp_ntz`).

    Guarantees: for pushable expressions the same bits as everywhere; text of a size linear in the number of nodes.
    """
    steps: dict[str, str] = {}
    names: dict[str, str] = {}
    chains: dict[str, int] = {}
    for node in postorder(*exprs.values()):
        texts = steps_of(node, [names[arg.digest] for arg in node.args])
        chains[node.digest] = max((chains[arg.digest] for arg in node.args), default=0) + len(texts)
        for text in texts:
            steps[f"{PREFIX}{len(steps) + 1}"] = text.replace(LAST, quoted(f"{PREFIX}{len(steps)}"))
        names[node.digest] = quoted(f"{PREFIX}{len(steps)}")
    outputs = {name: names[expr.digest][1:-1] for name, expr in exprs.items()}
    missing = {node.op: None for node in postorder(*exprs.values()) if _is_missing(node)}
    return SqlText(steps, outputs, tuple(missing), max(chains.values(), default=0))


def pushable(expr: Node) -> bool:
    """Whether Spark's own SQL gives the expression's bits.

    Not so: exp, log, log1p, power, hash_bucket, text of a number, calendars of other zones than UTC, and a tree so deep
    that Spark gives up on it.

    Examples:
        >>> from gapless.expr import column
        >>> from gapless.schema import Type
        >>> x = column("x", Type.FLOAT)
        >>> pushable(x / 3 > 1), pushable(x.log() > 1)
        (True, False)
    """
    return spark_sql({"expr": expr}).is_pushable


def _is_missing(node: Node) -> bool:
    return node.op in MISSING or dict(node.params).get("zone", "UTC") != "UTC"


def _select(columns: Iterable[str], source: str) -> str:
    return "SELECT\n  " + ",\n  ".join(columns) + f"\nFROM {source}"
