"""A fitted estimator as an ONNX graph: one packed float32 tensor in, one or two named float32 vectors out."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np

from gapless.bundle.exact_steps import exact_converters
from gapless.bundle.folding import folded
from gapless.bundle.steps import front_of, leaves, without_steps
from gapless.bundle.trees import has_categories, has_trees, make_splits_exact
from gapless.errors import DefinitionError

__all__ = ["Kind", "features_of_graph", "parse", "smallest_batch", "to_onnx"]

Kind = Literal["classification", "regression"]

_OPSETS = {"": 18, "ai.onnx.ml": 3}
# The converters have no error of their own for "this setting of the estimator is not supported".
_NOT_SUPPORTED = (NotImplementedError, RuntimeError, ValueError, TypeError)
# One row through a matrix product is summed in another order than many rows are.
_PRODUCTS = {"LinearClassifier", "LinearRegressor", "Gemm", "MatMul", "SVMClassifier", "SVMRegressor"}


def to_onnx(estimator: Any, *, width: int, kind: Kind) -> bytes:
    """The estimator as ONNX: input `features` float32 [n, width], NaN for missing.

    Outputs: `prediction` float32 [n], and for a classification `probability` float32 [n], that of the class 1.

    Parameters:
        estimator — fitted, with scikit-learn's interface; a classifier must have learned the classes 0 and 1.
        width — number of features.

    Raises: DefinitionError where the estimator, or a part of it, has no ONNX form; it names the way out.

    Guarantees: the same estimator gives the same bytes. Whether they score alike is for the certificate to say.
    """
    if kind == "classification":
        _check_classes(estimator)
    _check_no_categories(estimator)
    model = _without_steps(estimator, width, kind)
    if model is None:
        model = _converted(estimator, width, kind)
        make_splits_exact(model.graph, estimator)
    _name_outputs(model.graph, kind)
    _drop_unused(model.graph)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _without_steps(estimator: Any, width: int, kind: Kind) -> Any | None:
    """Trees behind steps that are understood, as trees on the features."""
    front = front_of(estimator, width)
    if front is None or not has_trees(estimator):
        return None
    model = without_steps(estimator)[1]
    graph = _converted(model, len(front.feature), kind)
    return graph if folded(graph.graph, model, front, width) else None


def parse(data: bytes) -> Any:
    """The ONNX model that these bytes hold."""
    import onnx

    return onnx.load_model_from_string(data)


def smallest_batch(data: bytes) -> int:
    """How many rows a runtime has to score at least, so that a row alone has the bits that it has among others."""
    return 2 if {node.op_type for node in parse(data).graph.node} & _PRODUCTS else 1


def features_of_graph(data: bytes, tensor: str) -> bytes:
    """The part of a graph that computes `tensor` from the features, as a model with that one output."""
    model = parse(data)
    graph = model.graph
    del graph.output[:]
    graph.output.append(_value_info(tensor, [None, None]))
    _drop_unused(graph)
    cut: bytes = model.SerializeToString(deterministic=True)
    return cut


_INSTEAD = {
    "FunctionTransformer": "compute it as a feature, in a gl.on_demand or a gl.pandas_function",
    "SplineTransformer": "take KBinsDiscretizer, or trees, which need no splines",
    "SimpleImputer": "write add_indicator=False, and r.column.is_null() as a feature of a gl.on_demand",
    "OneHotEncoder": "write handle_unknown='ignore', or compare in a gl.on_demand (r.code == 3)",
}


def _no_form(estimator: Any, seen: object, step: tuple[str, str] | None = None) -> DefinitionError:
    what = type(estimator).__name__ if step is None else f"step {step[0]!r}, a {step[1]},"
    instead = "choose another estimator" if step is None else _INSTEAD.get(step[1], f"leave {step[0]!r} out")
    return DefinitionError(
        f"{what} has no ONNX form",
        seen=seen,
        allowed="estimators and transformers that skl2onnx converts, or whose converter is registered with it",
        next_step=f'{instead}, or runtime="python" for this model (slower, and unpickled at scoring)',
    )


def _check_classes(estimator: Any) -> None:
    classes = [*np.ravel(estimator.classes_)]
    if classes != [0, 1]:
        raise _no_form(estimator, f"classes {classes}: gapless predicts labels that are true or false")


def _check_no_categories(estimator: Any) -> None:
    if has_categories(estimator):
        raise _no_form(estimator, "categorical splits, which the converter would turn into thresholds")


def _converted(estimator: Any, width: int, kind: Kind) -> Any:
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    options = {id(estimator): {"zipmap": False}} if kind == "classification" else None
    try:
        with warnings.catch_warnings():
            # The converter writes bools where ONNX has integers; protobuf 6 only warns, which is why 7 is shut out.
            warnings.simplefilter("ignore", DeprecationWarning)
            return skl2onnx.convert_sklearn(
                estimator,
                name="gapless",
                initial_types=[("features", FloatTensorType([None, width]))],
                target_opset=_OPSETS,
                options=options,
                custom_conversion_functions=dict(exact_converters()),
            )
    except (MissingConverter, MissingShapeCalculator, *_NOT_SUPPORTED) as error:
        raise _no_form(estimator, str(error).strip().splitlines()[0], _culprit(estimator)) from error


def _culprit(estimator: Any) -> tuple[str, str] | None:
    """(step, its class) of the first transformer that does not convert by itself."""
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    for name, step in leaves(estimator):
        if getattr(step, "add_indicator", False):  # its converter leaves the further columns out
            return name, type(step).__name__
        try:
            types = [("x", FloatTensorType([None, step.n_features_in_]))]
            converters = dict(exact_converters())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                skl2onnx.convert_sklearn(
                    step, initial_types=types, target_opset=_OPSETS, custom_conversion_functions=converters
                )
        except (MissingConverter, MissingShapeCalculator, *_NOT_SUPPORTED):
            return name, type(step).__name__
    return None


def _value_info(name: str, shape: list[int | None]) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _name_outputs(graph: Any, kind: Kind) -> None:
    """Replaces the converter's outputs by `prediction` [n] and, for a classification, `probability` [n]."""
    from onnx import TensorProto, helper

    last = graph.output[-1].name
    if kind == "classification":
        graph.initializer.append(helper.make_tensor("gapless_one", TensorProto.INT64, [], [1]))
        graph.initializer.append(helper.make_tensor("gapless_half", TensorProto.FLOAT, [], [0.5]))
        graph.node.append(helper.make_node("Gather", [last, "gapless_one"], ["probability"], axis=1))
        graph.node.append(helper.make_node("Greater", ["probability", "gapless_half"], ["gapless_above"]))
        graph.node.append(helper.make_node("Cast", ["gapless_above"], ["prediction"], to=TensorProto.FLOAT))
    else:
        graph.initializer.append(helper.make_tensor("gapless_flat", TensorProto.INT64, [1], [-1]))
        graph.node.append(helper.make_node("Reshape", [last, "gapless_flat"], ["prediction"]))
    del graph.output[:]
    names = ["probability", "prediction"] if kind == "classification" else ["prediction"]
    graph.output.extend(_value_info(name, [None]) for name in names)


def _drop_unused(graph: Any) -> None:
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed.update(node.input)
            kept.append(node)
    initializers = [one for one in graph.initializer if one.name in needed]
    del graph.node[:]
    graph.node.extend(reversed(kept))
    del graph.initializer[:]
    graph.initializer.extend(initializers)
