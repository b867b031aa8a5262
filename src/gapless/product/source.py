"""Rows that become known over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from gapless.clock import parse_duration
from gapless.errors import DefinitionError, Site, author_site
from gapless.expr import Row
from gapless.product.hashing import definition_hash
from gapless.product.names import check_name
from gapless.schema import Schema, Type

__all__ = ["Derivation", "EventSource"]


@dataclass(frozen=True)
class Derivation:
    """What makes the columns of a derived source out of those of another one.

    Parameters:
        name — of the function, and of the source that it gives.
        source — whose columns it reads.
        inputs — which of them; outputs — the columns that it adds.
        version — the author's word for what its text does not show: a model file, a dictionary, a library.
        text_hash — hex sha256 of its source text.
        function — of a DataFrame, giving one; None where these values come from a bundle.
    """

    name: str
    source: EventSource
    inputs: tuple[str, ...]
    outputs: Schema
    version: str
    text_hash: str
    function: Callable[[Any], Any] | None = field(default=None, compare=False, repr=False)
    site: Site | None = field(default=None, compare=False, repr=False)

    @cached_property
    def canonical(self) -> dict[str, Any]:
        """What it means, as plain values."""
        return {
            "name": self.name,
            "from": self.source.origin.name,
            "version": self.version,
            "text": self.text_hash,
            "inputs": {name: self.source.columns[name].value for name in sorted(self.inputs)},
            "outputs": {name: self.outputs[name].value for name in sorted(self.outputs)},
        } | self.source.derived_from

    @cached_property
    def hash(self) -> str:
        """Hex sha256 of what it means: the same outputs for the same inputs."""
        return definition_hash(self.canonical)


@dataclass(frozen=True)
class EventSource:
    """Rows that become known over time; a dimension table that changes slowly is one too.

    Parameters:
        name — unique within the product; the name of its table.
        schema — column name to `float`, `int`, `bool`, `str` or `datetime`.
        event_time — the datetime column that says when it happened.
        known_at — the datetime column that says when this platform could first read the row.
        delay — instead of known_at: known that long after event_time, such as "20m". Neither: known as it happens.
        event_id — the str or int column that names the event; a repeated one counts once.
        derivation — set by `@pandas_function`: the events are those of another source, with columns added.

    Raises: DefinitionError, UnknownName, TypeMismatch, each with the author's line.

    Examples:
        >>> from datetime import datetime
        >>> s = EventSource("weather", schema={"origin": str, "visib": float, "observed_at": datetime},
        ...                 event_time="observed_at", delay="20m")
        >>> s.delay_us
        1200000000
    """

    name: str
    schema: Mapping[str, object]
    event_time: str = field(kw_only=True)
    known_at: str | None = field(default=None, kw_only=True)
    delay: str | timedelta | None = field(default=None, kw_only=True)
    event_id: str | None = field(default=None, kw_only=True)
    derivation: Derivation | None = field(default=None, kw_only=True)
    site: Site | None = field(default_factory=author_site, compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        check_name("event source", self.name, where=self.site)
        columns = self.schema if isinstance(self.schema, Schema) else Schema.of(self.schema)
        object.__setattr__(self, "schema", columns)
        columns.require(self.event_time, "event_time", Type.TIMESTAMP)
        if self.known_at is not None:
            columns.require(self.known_at, "known_at", Type.TIMESTAMP)
        if self.event_id is not None:
            columns.require(self.event_id, "event_id", Type.STRING, Type.INT)
        if self.known_at is not None and self.delay is not None:
            raise DefinitionError(
                f"source {self.name!r} says twice when its rows become known",
                seen=f"known_at={self.known_at!r}, delay={self.delay!r}",
                allowed="known_at= or delay=, or neither",
                next_step="keep known_at= where the data carries it",
                where=self.site,
            )
        object.__setattr__(self, "_delay_us", 0 if self.delay is None else parse_duration(self.delay))

    @property
    def columns(self) -> Schema:
        """The schema, as values."""
        assert isinstance(self.schema, Schema)
        return self.schema

    @property
    def delay_us(self) -> int:
        """Microseconds from event_time to known_at; 0 where known_at is a column or rows are known as they happen."""
        delay: int = self.__dict__["_delay_us"]
        return delay

    @property
    def origin(self) -> EventSource:
        """The source whose tables and topic hold the events: itself, unless it is derived."""
        return self if self.derivation is None else self.derivation.source.origin

    @property
    def derived_from(self) -> dict[str, Any]:
        """What its derivation means, for the documents that say what a source means; empty where it has none."""
        return {} if self.derivation is None else {"derived": self.derivation.canonical}

    def row(self) -> Row:
        """One row of this source, for expressions."""
        return Row({name: kind.in_expressions for name, kind in self.columns.items()}, what=f"source {self.name!r}")
