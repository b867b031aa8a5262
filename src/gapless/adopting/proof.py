"""The proof: the author's function and the expressions on the same rows, those of the sample and those made from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gapless.adopting.comparing import compare, same_values
from gapless.adopting.probes import limits_of, probed
from gapless.adopting.report import Compared
from gapless.adopting.samples import Sample, to_arrow
from gapless.adopting.symbols import Symbol
from gapless.errors import UserCodeError
from gapless.expr import columns_of, compile_columns
from gapless.expr.nodes import postorder
from gapless.schema import Type

__all__ = ["Effort", "Proof", "Run", "dependent_columns", "output_of", "prove", "read_types"]

Run = Callable[[Any], Any]
_MOST_CALLS = 24
_FAMILIES = ((True, False), (False, False), (True, True), (False, True))
"""Probes with and without nulls, with any texts and with those of the sample: a function may refuse some of them."""


@dataclass(frozen=True)
class Effort:
    """How much is compared: probes made from the sample, their seed, and up to which difference it is rounding."""

    probes: int
    seed: int
    max_ulp: int


@dataclass(frozen=True)
class Proof:
    """What was compared: a result for each expression, how often the function raised, the probes with its values."""

    columns: Mapping[str, Compared]
    rows: int
    probes: int
    raised: int
    error: str | None
    parts: Sequence[tuple[Any, Any]]


def output_of(result: Any, given: Any, name: str) -> Any:
    """What the function made as a frame; one that returns nothing has changed the frame that it was given."""
    if result is None:
        return given
    if isinstance(result, pd.DataFrame):
        return result
    if isinstance(result, pd.Series):
        return pd.DataFrame({result.name if isinstance(result.name, str) else name: result})
    if isinstance(result, np.ndarray) and result.ndim == 1:
        return pd.DataFrame({name: result}, index=given.index)
    return None


def read_types(symbols: Collection[Symbol], sample: Sample) -> dict[str, Type]:
    """The columns that expressions read, under the sample's names, with the type that they are read as."""
    written = {column.written: name for name, column in sample.columns.items()}
    nodes = postorder(*(symbol.expr for symbol in symbols))
    return {written[str(node.param("name"))]: node.type for node in nodes if node.op == "column"}


def prove(run: Run, sample: Sample, symbols: Mapping[str, Symbol], effort: Effort) -> Proof:
    """Both on every row of the sample, and on probes, where the function takes them."""
    types = read_types(symbols.values(), sample)
    parsed = {n for n, kind in types.items() if kind is Type.TIMESTAMP and sample.columns[n].type is Type.STRING}
    limits = limits_of(symbol.expr for symbol in symbols.values())
    frames, outputs, raised, error = [sample.frame], [run(sample.frame.copy())], 0, None
    for number, (nulls, own) in enumerate(_FAMILIES):
        rows = effort.probes // len(_FAMILIES)
        if not rows:
            break
        made = probed(sample, rows, limits, seed=effort.seed + number, nulls=nulls, own=own, kept=parsed)
        worked = _what_works(run, sample.frame, made, list(symbols))
        frames += [frame for frame, _ in worked.done]
        outputs += [output for _, output in worked.done]
        raised += worked.raised
        error = error or worked.error
    frame = pd.concat(frames, ignore_index=True)
    count = len(frame) - len(sample.frame)
    batch = to_arrow(sample, frame, types)
    ours = compile_columns({f"c{i}": symbol.expr for i, symbol in enumerate(symbols.values())})(batch)
    compared = {}
    for (name, symbol), column in zip(symbols.items(), ours.columns, strict=True):
        theirs = pd.concat([output[name] for output in outputs], ignore_index=True)
        reads = sorted(columns_of(symbol.expr))
        compared[name] = compare(theirs, column, symbol.expr.type, count, effort.max_ulp, _shown_inputs(batch, reads))
    parts = list(zip(frames[1:], outputs[1:], strict=True))
    return Proof(compared, len(sample.frame), count, raised, error, parts)


def _shown_inputs(batch: pa.RecordBatch, names: list[str]) -> Callable[[int], str]:
    return lambda at: ", ".join(f"{name} is {_short(batch.column(name)[at].as_py())}" for name in names) or "always"


def _short(value: object) -> str:
    return "null" if value is None else repr(value) if isinstance(value, float | int | str) else str(value)


@dataclass
class _Worked:
    done: list[tuple[Any, Any]]
    raised: int = 0
    error: str | None = None


def _what_works(run: Run, base: Any, made: Any, names: Collection[str]) -> _Worked:
    """The probes at which the function gives values, found by halving where it raises.

    They are shown to it after the rows of the sample: what depends on all rows then sees those too.
    """
    found, left, calls = _Worked([]), [made], 0
    while left and calls < _MOST_CALLS:
        part, calls = left.pop(), calls + 1
        try:
            output = run(pd.concat([base, part], ignore_index=True))
        except UserCodeError as error:
            found.error = found.error or f"{error.what}: {error.seen}"
            half = len(part) // 2
            left += [part.iloc[:half], part.iloc[half:]] if half else []
            found.raised += 0 if half else 1
        else:
            if output is None or len(output) != len(base) + len(part) or not set(names) <= set(output.columns):
                found.error = found.error or "it returned other rows or columns"
                found.raised += len(part)
            else:
                found.done.append((part, output.iloc[len(base) :]))
    found.raised += sum(len(part) for part in left)
    return found


def dependent_columns(
    run: Run, sample: Sample, output: Any, names: Collection[str], parts: Sequence[tuple[Any, Any]]
) -> Mapping[str, str]:
    """Columns whose value in a row depends on the rows around it, or on chance: with how that showed.

    The function is run again on all rows, on each half, on single rows, on all rows turned round, and on probes
    without the sample before them.

    Parameters: parts — probes, and what it gave for them.
    """
    frame, half = sample.frame, len(sample.frame) // 2
    tries = [("another run gave other values", frame, output)]
    if half:
        tries += [("half of the rows gave other values", frame.iloc[:half], output.iloc[:half])]
        tries += [("half of the rows gave other values", frame.iloc[half:], output.iloc[half:])]
        tries += [("one row alone gave another value", frame.iloc[[i]], output.iloc[[i]]) for i in (0, -1)]
        tries += [("another order of the rows gave other values", frame.iloc[::-1], output.iloc[::-1])]
    tries += [("other rows beside it gave other values", frame, output) for frame, output in parts[:8]]
    found: dict[str, str] = {}
    for how, rows, expected in tries:
        try:
            again = run(rows.reset_index(drop=True))
        except UserCodeError as error:
            return dict.fromkeys(names, f"on some of the rows {error.what}")
        for name in names:
            if again is None or name not in again or not same_values(again[name], expected[name]):
                found.setdefault(name, how)
    return found
