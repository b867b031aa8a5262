"""Adopting a function of a DataFrame: followed, written as expressions, proven on the sample."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pandas as pd

from gapless.adopting.comparing import same_values
from gapless.adopting.frames import TracedFrame
from gapless.adopting.modules import rebound
from gapless.adopting.proof import Effort, Proof, Run, dependent_columns, output_of, prove
from gapless.adopting.report import Adopted, Adoption, Compared, Status
from gapless.adopting.samples import Sample, plain_name, sample_of
from gapless.adopting.skeleton import Skeleton, written_product
from gapless.adopting.symbols import Reason, Symbol
from gapless.adopting.writing import write
from gapless.errors import DefinitionError, GaplessError, UserCodeError
from gapless.expr import columns_of
from gapless.expr.nodes import postorder
from gapless.product.boundary import call_author, site_of
from gapless.schema import Type

__all__ = ["adopt_function", "report_of"]

Outcomes = Mapping[str, Any]


def adopt_function(function: Callable[[Any], Any], frame: Any, *, skeleton: Skeleton, effort: Effort) -> Adoption:
    """Every column that the function makes, as an expression proven on the sample, or with the reason why not."""
    sample, name = sample_of(frame), getattr(function, "__name__", "function")
    run, given = _runner(function, name), sample.frame.copy()
    with quiet():
        result = call_author(f"function {name}", function, given)
    output = output_of(result, given, name)
    returns = "nothing" if result is None else "frame" if isinstance(result, pd.DataFrame) else "column"
    if output is None or len(output) != len(sample.frame) or not output.columns.is_unique:
        raise DefinitionError(
            f"{name} gives no value for each row",
            seen="no table" if output is None else f"{len(output)} rows of {len(sample.frame)}",
            allowed="a DataFrame or Series with the rows of the one it was given",
            next_step="take out what drops, adds or groups rows; what aggregates belongs into a gl.feature_view",
            where=site_of(function),
        )
    outcomes = _followed(function, sample, output)
    return report_of(
        f"pandas function {name}", run, sample, output, outcomes, replace(skeleton, returns=returns), effort
    )


def _runner(function: Callable[[Any], Any], name: str) -> Run:
    def run(frame: Any) -> Any:
        with quiet():
            result = call_author(f"function {name}", function, frame)
        return output_of(result, frame, name)

    return run


@contextmanager
def quiet() -> Iterator[None]:
    """Without what NumPy and pandas warn of: probes divide by zero on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _followed(function: Callable[[Any], Any], sample: Sample, output: Any) -> Outcomes:
    given = TracedFrame.of(sample.frame.copy(), {n: column.symbol() for n, column in sample.columns.items()})
    try:
        with quiet():
            result = call_author("following the function", rebound(function), given)
    except (UserCodeError, GaplessError) as error:
        cause = f"{error.what}: {error.seen}" if error.seen else error.what
        reason = Reason(f"it cannot be followed ({cause})", _place(error))
        same = {n for n in output.columns if n in sample.columns and same_values(output[n], sample.frame[n])}
        return {n: sample.columns[n].symbol() if n in same else reason for n in output.columns}
    if isinstance(result, pd.Series):
        found = getattr(result, "_outcome", None)
        return {output.columns[0]: found or Reason("an array that was made outside pandas operations")}
    traced = given if result is None else result
    found = traced.outcomes() if isinstance(traced, TracedFrame) else {}
    unknown = Reason("a table that was made outside pandas operations")
    return {name: found.get(name, unknown) for name in output.columns}


def _place(error: GaplessError) -> str | None:
    return None if error.where is None else str(error.where).replace("\\", "/").rsplit("/", 1)[-1]


def report_of(
    what: str,
    run: Run,
    sample: Sample,
    output: Any,
    outcomes: Outcomes,
    skeleton: Skeleton,
    effort: Effort,
) -> Adoption:
    """The proof of what was found, and a product made of what holds."""
    skeleton.check(sample)
    unchanged = _unchanged(outcomes, sample)
    outcomes = {n: o for n, o in outcomes.items() if n not in unchanged}
    reasons = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, Reason)}
    symbols = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, Symbol)}
    reasons |= _no_features(symbols) | _read_twice(symbols)
    early = _not_known_yet(symbols, sample, skeleton.late)
    reasons |= early
    symbols = {name: symbol for name, symbol in symbols.items() if name not in reasons}
    proof = prove(run, sample, symbols, effort)
    wrong = {n: Reason(proof.columns[n].text) for n in symbols if not proof.columns[n].same}
    dependent = dependent_columns(run, sample, output, [*reasons, *wrong], proof.parts)
    dependent = {**dependent, **dict.fromkeys(early, "no request can have it")}
    taken: set[str] = set()
    columns = [
        _adopted(name, plain_name(str(name), taken), outcomes[name], reasons | wrong, dependent, proof, output)
        for name in outcomes
    ]
    proven = {c.feature: symbols[c.name] for c in columns if c.status == "expressed"}
    return Adoption(
        what=what,
        columns=tuple(columns),
        unchanged=tuple(unchanged),
        rows=proof.rows,
        probes=proof.probes,
        raised=proof.raised,
        seed=effort.seed,
        notes=tuple(_notes(sample, proof)),
        product=written_product(skeleton, sample, columns, proven),
    )


def _unchanged(outcomes: Outcomes, sample: Sample) -> list[str]:
    """Columns handed on as they came; where the function chose among the columns, each is a feature."""
    if not set(sample.columns) <= set(outcomes):
        return []
    return [name for name in sample.columns if _is_itself(outcomes[name], sample.columns[name].symbol())]


def _is_itself(outcome: Any, before: Any) -> bool:
    if isinstance(outcome, Symbol) and isinstance(before, Symbol):
        return outcome.expr.digest == before.expr.digest and outcome.zone == before.zone
    return bool(outcome == before)


def _no_features(symbols: Mapping[str, Symbol]) -> dict[str, Reason]:
    hint = "take .dt.total_seconds() of it"
    return {n: Reason("a difference of times as a value", hint=hint) for n, s in symbols.items() if s.kind == "span"}


def _read_twice(symbols: Mapping[str, Symbol]) -> dict[str, Reason]:
    """A text that is also read as a timestamp: the schema says one of both."""
    types: dict[str, set[Type]] = {}
    for node in postorder(*(symbol.expr for symbol in symbols.values())):
        if node.op == "column":
            types.setdefault(str(node.param("name")), set()).add(node.type)
    twice = {name for name, kinds in types.items() if len(kinds) > 1}
    reason = Reason("a column that is read as text and as a time", hint="write it as a timestamp in the file")
    return {name: reason for name, symbol in symbols.items() if _reads_text(symbol, twice)}


def _not_known_yet(symbols: Mapping[str, Symbol], sample: Sample, late: Collection[str]) -> dict[str, Reason]:
    """Features of the label."""
    names = {sample.columns[name].written for name in late}
    read = {name: sorted(columns_of(symbol.expr) & names) for name, symbol in symbols.items()}
    what = "it reads {}, known after the request"
    return {name: Reason(what.format(", ".join(columns))) for name, columns in read.items() if columns}


def _reads_text(symbol: Symbol, names: Collection[str]) -> bool:
    columns = (node for node in postorder(symbol.expr) if node.op == "column" and node.type is Type.STRING)
    return any(str(node.param("name")) in names for node in columns)


def _adopted(
    name: str,
    feature: str,
    outcome: Any,
    reasons: Mapping[str, Reason],
    dependent: Mapping[str, str],
    proof: Proof,
    output: Any,
) -> Adopted:
    compared = proof.columns.get(name, Compared())
    text = write(outcome.expr) if isinstance(outcome, Symbol) else None
    if name not in reasons:
        return Adopted(name, feature, "expressed", outcome.expr.type, text, None, compared)
    status: Status = "refused" if name in dependent else "function"
    reason = str(reasons[name]) + (f"; {dependent[name]}" if name in dependent else "")
    return Adopted(name, feature, status, type_of_values(output[name]), text, reason, compared)


def type_of_values(values: Any) -> Type | None:
    """What the column of a result holds, in terms of gapless."""
    described = next(iter(sample_of(pd.DataFrame({"x": _decoded(values)})).columns.values()))
    return described.type


def _decoded(values: Any) -> Any:
    plain = values.reset_index(drop=True)
    return plain.astype(object) if isinstance(plain.dtype, pd.CategoricalDtype) else plain


def _notes(sample: Sample, proof: Proof) -> list[str]:
    renamed = [f"{c.name!r} is {c.written}" for c in sample.columns.values() if c.name != c.written]
    left = [f"{c.name!r} ({c.held})" for c in sample.columns.values() if c.type is None]
    notes = [f"names that no schema takes: {', '.join(renamed)}; write the files with the new ones"] if renamed else []
    notes += [f"columns that gapless does not hold: {', '.join(left)}"] if left else []
    if proof.raised:
        notes.append(f"the function raised at {proof.raised:,} probes, which are not compared: {proof.error}")
    return notes
