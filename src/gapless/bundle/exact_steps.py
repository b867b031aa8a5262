"""ONNX forms of two transformers whose converters are not exact: bins and one-hot codes.

skl2onnx rounds the edges of bins to the nearest float32, so a value on an edge may fall into the bin beside it, and
casts codes to integers, so that 2.9999998 is taken for 3. Here both compare as scikit-learn does:

    bin of x       how many inner edges e have  x >= e,  which for float32 x is  x >= ceil32(e)
    one-hot of x   x == c  for each category c;  a category NaN is  IsNaN(x)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gapless.bundle.trees import ceil32
from gapless.ports.scorer import Float32

__all__ = ["exact_converters"]


def exact_converters() -> Mapping[type, Callable[[Any, Any, Any], None]]:
    """By scikit-learn class, what skl2onnx is to call for it."""
    from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

    return {KBinsDiscretizer: _bins, OneHotEncoder: _one_hot}


class _Nodes:
    """Adds nodes to a graph under construction."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope, self._container = scope, container

    def constant(self, values: npt.NDArray[Any]) -> str:
        from onnx import TensorProto

        name: str = self._scope.get_unique_variable_name("gapless_constant")
        kind = TensorProto.INT64 if values.dtype == np.int64 else TensorProto.FLOAT
        self._container.add_initializer(name, kind, list(values.shape), values.ravel().tolist())
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        name: str = output or self._scope.get_unique_variable_name(f"gapless_{kind.lower()}")
        self._container.add_node(
            kind, list(inputs), name, name=self._scope.get_unique_operator_name(kind), op_version=13, **attributes
        )
        return name

    def floats(self, condition: str) -> str:
        from onnx import TensorProto

        return self.add("Cast", [condition], to=TensorProto.FLOAT)

    def whole(self, operator: Any) -> str:
        """The inputs of an operator side by side."""
        names = [each.full_name for each in operator.inputs]
        return names[0] if len(names) == 1 else self.add("Concat", names, axis=1)

    def column(self, of: str, place: int) -> str:
        return self.add("Gather", [of, self.constant(np.array([place], np.int64))], axis=1)

    def finish(self, columns: Sequence[str], operator: Any) -> None:
        self.add("Concat", columns, operator.outputs[0].full_name, axis=1)


def _bins(scope: Any, operator: Any, container: Any) -> None:
    made, nodes = operator.raw_operator, _Nodes(scope, container)
    whole, columns = nodes.whole(operator), []
    for place, edges in enumerate(made.bin_edges_):
        inner = ceil32(np.asarray(edges[1:-1], np.float64))
        column = nodes.column(whole, place)
        above = nodes.floats(nodes.add("GreaterOrEqual", [column, nodes.constant(_row(inner))])) if len(inner) else None
        if above is None:  # one bin: nothing is above
            number = nodes.add("Mul", [column, nodes.constant(np.zeros((1, 1), np.float32))])
        else:
            number = nodes.add("ReduceSum", [above, nodes.constant(np.array([1], np.int64))], keepdims=1)
        if made.encode != "ordinal":
            bins = np.arange(made.n_bins_[place], dtype=np.float32)
            number = nodes.floats(nodes.add("Equal", [number, nodes.constant(_row(bins))]))
        columns.append(number)
    nodes.finish(columns, operator)


def _one_hot(scope: Any, operator: Any, container: Any) -> None:
    made, nodes = operator.raw_operator, _Nodes(scope, container)
    if made.handle_unknown != "ignore":
        raise ValueError(
            f"OneHotEncoder(handle_unknown={made.handle_unknown!r}): a request may bring a code that training had not; "
            "write handle_unknown='ignore'"
        )
    if getattr(made, "_infrequent_enabled", False):
        raise ValueError("OneHotEncoder with min_frequency or max_categories has no exact form")
    dropped = made.drop_idx_ if made.drop_idx_ is not None else [None] * len(made.categories_)
    whole, columns = nodes.whole(operator), []
    for place, (categories, left_out) in enumerate(zip(made.categories_, dropped, strict=True)):
        codes = _codes(categories)
        column = nodes.column(whole, place)
        for i, code in enumerate(codes):
            if i == left_out:
                continue
            if np.isnan(code):
                columns.append(nodes.floats(nodes.add("IsNaN", [column])))
            else:
                columns.append(nodes.floats(nodes.add("Equal", [column, nodes.constant(_row(codes[i : i + 1]))])))
    nodes.finish(columns, operator)


def _codes(categories: Any) -> Float32:
    found = np.asarray(categories, np.float64)
    codes = found.astype(np.float32)
    if not np.array_equal(codes.astype(np.float64), found, equal_nan=True):
        raise ValueError("OneHotEncoder with a code that float32 does not hold")
    return codes


def _row(values: Float32) -> Float32:
    return values.reshape(1, -1)
