"""Columns that row expressions cannot express: a function of a DataFrame over the events of a source."""

from __future__ import annotations

import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gapless.errors import DefinitionError, Site, TypeMismatch, author_site
from gapless.product.boundary import site_of
from gapless.product.names import check_name, check_unique
from gapless.product.source import Derivation, EventSource
from gapless.schema import Schema

__all__ = ["DerivedSource", "bound", "chain_of", "pandas_function", "rederived", "stored_columns"]

_WAY_OUT = "aggregate what it makes in a view, such as gl.last(d.sentiment), and read r.view.feature in the on_demand"


class DerivedSource(EventSource):
    """An event source with the columns that a pandas function adds. Made by `@pandas_function`.

    Views and labels take it as their source. Called with a DataFrame it runs the function, for tests of it.
    """

    def __call__(self, frame: Any) -> Any:
        """What the function gives for a DataFrame, unchecked.

        Raises: DefinitionError for anything else, such as an expression: a request never waits for pandas.
        """
        assert self.derivation is not None, "made by pandas_function"
        if self.derivation.function is not None and hasattr(frame, "columns") and hasattr(frame, "iloc"):
            return self.derivation.function(frame)
        raise DefinitionError(
            f"pandas function {self.name!r} cannot run in a request, nor within an expression",
            seen=type(frame).__name__,
            allowed="a DataFrame; it runs where events are read in batches: batch, stream, Spark",
            next_step=_WAY_OUT,
            where=author_site(),
        )


def pandas_function(
    *,
    source: EventSource,
    inputs: Sequence[str],
    outputs: Mapping[str, object],
    version: str,
) -> Callable[[Callable[[Any], Any]], DerivedSource]:
    """Declare columns that Python makes of events: the decorated function takes a DataFrame and returns one.

    The way out for what row expressions cannot express, such as a text model. The function must be pure and row-wise:
    a row of what it returns depends on the same row of what it gets alone, whatever rows are beside it.

    Parameters:
        source — whose events; a derived one too, so that functions read what others made.
        inputs — the columns that the function gets, in this order: float as float64 (null is NaN), datetime as
            datetime64[us, UTC] (null is NaT), and int as Int64, bool as boolean, str as string (null is pd.NA).
        outputs — column name to `float`, `int`, `bool`, `str` or `datetime`: what the function returns, as many rows
            as it got, in their order. NaN, ±inf, NaT, pd.NA and None are null.
        version — part of what the columns mean, beside the function's text: change it where the text stays and the
            values do not, such as with another model file.

    Returns: a source with the columns of `source` and the outputs, known when the events are.

    Raises: an AuthorError with the line at fault.
    """
    site = author_site()
    _check_inputs(source, inputs, site)
    columns = Schema.of(outputs)
    clash = sorted(set(columns) & set(source.columns))
    if clash:
        raise DefinitionError(
            f"a pandas function makes columns that source {source.name!r} has",
            seen=", ".join(clash),
            allowed="outputs with names of their own",
            next_step="rename the outputs",
            where=site,
        )
    if not isinstance(version, str) or not version:
        raise DefinitionError(
            "a pandas function needs a version", seen=version, allowed='a text such as "1"', where=site
        )

    def declare(function: Callable[[Any], Any]) -> DerivedSource:
        where = site_of(function) or site
        if not inspect.isfunction(function):
            raise TypeMismatch(
                "a pandas function is a function", seen=function, allowed="def name(frame): …", where=where
            )
        check_name("pandas function", function.__name__, where=where)
        text_hash = hashlib.sha256(_text_of(function, where).encode()).hexdigest()
        made = Derivation(function.__name__, source, tuple(inputs), columns, version, text_hash, function, where)
        return rederived(made)

    return declare


def rederived(made: Derivation) -> DerivedSource:
    """The source that a derivation gives."""
    source = made.source
    return DerivedSource(
        made.name,
        schema=Schema((*source.columns.columns, *made.outputs.columns)),
        event_time=source.event_time,
        known_at=source.known_at,
        delay=timedelta(microseconds=source.delay_us) if source.delay_us else None,
        event_id=source.event_id,
        derivation=made,
        site=made.site,
    )


def chain_of(source: EventSource) -> list[Derivation]:
    """The functions that make the columns of a source, the first to run first; none for one that is not derived."""
    return [] if source.derivation is None else [*chain_of(source.derivation.source), source.derivation]


def stored_columns(source: EventSource, columns: Iterable[str]) -> frozenset[str]:
    """The columns of its origin that it takes to have these columns of a source."""
    made, wanted = source.derivation, frozenset(columns)
    if made is None:
        return wanted
    own = wanted & set(made.outputs)
    return stored_columns(made.source, (wanted - own) | (set(made.inputs) if own else set()))


def bound(source: EventSource, functions: Mapping[str, Derivation]) -> EventSource:
    """The same source with the functions that a product has, where they mean the same.

    Parameters:
        functions — of the product, by name.
    """
    made = source.derivation
    if made is None:
        return source
    declared = functions.get(made.name)
    if declared is None or declared.hash != made.hash:
        return rederived(replace(made, source=bound(made.source, functions)))
    return rederived(
        replace(made, source=bound(made.source, functions), function=declared.function, site=declared.site)
    )


def _check_inputs(source: EventSource, inputs: Sequence[str], site: Site | None) -> None:
    if not isinstance(source, EventSource):
        raise TypeMismatch("a pandas function reads a source", seen=source, allowed="a gl.EventSource", where=site)
    if isinstance(inputs, str) or not isinstance(inputs, Sequence) or not inputs:
        raise DefinitionError(
            "a pandas function needs a list of inputs", seen=inputs, allowed='inputs=["text"]', where=site
        )
    for name in inputs:
        source.columns.require(name, "an input of a pandas function")
    check_unique("input", inputs, where=site)


def _text_of(function: Callable[..., Any], where: Site | None) -> str:
    """The text from `def` on: what the decorator says is part of the meaning by its values."""
    try:
        lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    except (OSError, TypeError) as error:
        raise DefinitionError(
            f"the text of pandas function {function.__name__!r} cannot be read, which says what its columns mean",
            seen=str(error),
            allowed="a function written in a file or a notebook",
            next_step="move it into the product's module",
            where=where,
        ) from error
    start = next(i for i, line in enumerate(lines) if line.startswith("def "))
    return "\n".join(line.rstrip() for line in lines[start:])
