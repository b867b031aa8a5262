"""Tables: expressions over Arrow record batches.

Every shared node is computed once, in blocks of rows that bound the memory of intermediates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from gapless.arrow import ARROW_TYPES
from gapless.errors import InputError, closest
from gapless.expr import column_logic, column_numbers, column_strings, column_times
from gapless.expr.column_values import Column, from_arrow, of_scalar, to_arrow
from gapless.expr.nodes import Node, postorder
from gapless.expr.operations import OPERATIONS
from gapless.expr.row_program import RowProgram
from gapless.schema import Type

__all__ = ["ColumnProgram", "covers"]

_BLOCK_ROWS = 262_144


class ColumnProgram:
    """Expressions compiled for Arrow tables.

    Parameters: exprs — output name → expression.
    Guarantees: pure; the same bits as `RowProgram`; safe to share between threads, and it can be pickled.
    Cost: some ns per row and node; strings more. Memory: the results, and one block of each intermediate.

    Examples:
        >>> from gapless.expr import column
        >>> program = ColumnProgram({"late": column("delay", Type.FLOAT) > 15})
        >>> program(pa.RecordBatch.from_pydict({"delay": [20.0, None]})).to_pydict()
        {'late': [True, None]}
    """

    def __init__(self, exprs: Mapping[str, Node]) -> None:
        self._exprs = dict(exprs)
        order = list(postorder(*self._exprs.values()))
        self._constants = _constants(order)
        self._steps = [node for node in order if node.digest not in self._constants]
        self._uses = Counter(arg.digest for node in self._steps for arg in node.args)
        self._uses.update(expr.digest for expr in self._exprs.values())
        self._columns = {str(node.param("name")): node for node in self._steps if node.op == "column"}
        self.schema = pa.schema([(name, ARROW_TYPES[expr.type]) for name, expr in self._exprs.items()])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """One column per expression, in their order, for the rows of `batch`.

        Raises: InputError for a missing column or another type.
        """
        missing = [name for name in self._columns if name not in batch.schema.names]
        if missing:
            raise _missing(missing[0], batch.schema.names)
        starts = range(0, max(batch.num_rows, 1), _BLOCK_ROWS)
        blocks = [self._block(batch.slice(start, _BLOCK_ROWS)) for start in starts]
        arrays = blocks[0] if len(blocks) == 1 else [pa.concat_arrays(parts) for parts in zip(*blocks, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def __reduce__(self) -> tuple[object, ...]:
        return ColumnProgram, (self._exprs,)

    def _block(self, batch: pa.RecordBatch) -> list[pa.Array]:
        found: dict[str, Column] = dict(self._constants)
        local: dict[tuple[str, str], Column] = {}
        left = dict(self._uses)
        with np.errstate(all="ignore"):
            for node in self._steps:
                found[node.digest] = _value(node, batch, found, local)
                for arg in node.args:
                    left[arg.digest] -= 1
                    if not left[arg.digest]:
                        found.pop(arg.digest, None)
        return [to_arrow(found[expr.digest], expr.type, batch.num_rows) for expr in self._exprs.values()]


def _value(
    node: Node, batch: pa.RecordBatch, found: Mapping[str, Column], local: dict[tuple[str, str], Column]
) -> Column:
    if node.op == "column":
        name = str(node.param("name"))
        return from_arrow(batch.column(name), node.type, name)
    args = [found[arg.digest] for arg in node.args]
    if node.op not in column_times.CALENDAR:
        return _evaluated(node, args)
    key = (node.args[0].digest, str(node.param("zone")))
    if key not in local:
        values, ok = column_times.local_times(args[0].data, key[1])
        local[key] = Column(values, _both(args[0].valid, None if ok.all() else ok))
    return Column(column_times.CALENDAR[node.op](local[key].data).astype(np.float64), local[key].valid)


def _constants(order: list[Node]) -> dict[str, Column]:
    """Values of the nodes that no column feeds, computed as one row."""
    fixed: dict[str, Node] = {}
    for node in order:
        if node.op != "column" and all(arg.digest in fixed for arg in node.args):
            fixed[node.digest] = node
    values = RowProgram(fixed)({})
    return {digest: of_scalar(values[digest], node.type) for digest, node in fixed.items()}


def _evaluated(node: Node, args: list[Column]) -> Column:
    if node.op in column_logic.KERNELS:
        return column_logic.KERNELS[node.op](*args)
    valid = _all_valid(args)
    if node.op == "float_to_string":
        return column_strings.format_floats(args[0])
    params, data = dict(node.params), [arg.data for arg in args]
    if node.op in column_strings.STRING_RESULTS:
        return Column(column_strings.STRING_RESULTS[node.op](params, *data), valid)
    if node.op in column_times.INSTANTS:
        values, ok = column_times.INSTANTS[node.op](params, *data)
        return Column(values, _both(valid, None if ok.all() else ok))
    values = _kernels(node)[node.op](params, *data)
    return Column(values, _both(valid, _finite(values)) if OPERATIONS[node.op].partial else valid)


def _kernels(node: Node) -> Mapping[str, Any]:
    if node.args[0].type is Type.STRING:
        return column_strings.KERNELS
    return column_times.KERNELS if node.op in column_times.KERNELS else column_numbers.KERNELS


def _all_valid(args: list[Column]) -> Any:
    valid = None
    for arg in args:
        valid = _both(valid, arg.valid)
    return valid


def _both(p: Any, q: Any) -> Any:
    return q if p is None else p if q is None else p & q


def _finite(values: Any) -> Any:
    finite = np.isfinite(values)
    return None if finite.all() else finite


def covers(op: str) -> bool:
    """Whether the operation has a kernel."""
    homes = (
        column_logic.KERNELS,
        column_strings.STRING_RESULTS,
        column_strings.KERNELS,
        column_times.INSTANTS,
        column_times.KERNELS,
        column_times.CALENDAR,
    )
    return op == "float_to_string" or any(op in home for home in (*homes, column_numbers.KERNELS))


def _missing(name: str, names: list[str]) -> InputError:
    guess = closest(name, names)
    return InputError(
        "a table without a column that an expression reads",
        seen=name,
        allowed=", ".join(names),
        next_step=f"did you mean {guess!r}? rename it" if guess else "add the column",
    )
