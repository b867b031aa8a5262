"""The truth for a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from gapless.clock import parse_duration
from gapless.errors import DefinitionError, Site, TypeMismatch, UnknownName, author_site
from gapless.expr import Expr, to_json
from gapless.product.boundary import call_author
from gapless.product.names import check_name, check_unique
from gapless.product.source import EventSource
from gapless.schema import Type

__all__ = ["Label"]


@dataclass(frozen=True, eq=False)
class Label:
    """The truth for a request, from a source, known later, given up after a while.

    Parameters:
        name — the label's column.
        source — whose events tell the truth.
        value — a function of a row of the source: a bool expression makes a classification, a float one a regression.
        give_up_after — how long after the request's time the truth may still come; later counts as never.
        on — the column of the source that names the request, where it is not called like the request's event_id.

    A request is `labelled` by the event that became known last, among those at or after the request's time that were
    known within `give_up_after`; `pending` while one may still come; `given_up` after.

    Raises: an AuthorError with the line at fault.
    """

    name: str
    source: EventSource = field(kw_only=True)
    value: Callable[[Any], Expr] | Expr = field(kw_only=True)
    give_up_after: str | timedelta = field(kw_only=True)
    on: str | None = field(default=None, kw_only=True)
    site: Site | None = field(default_factory=author_site, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        check_name("label", self.name, where=self.site)
        check_unique("label column", self.columns, where=self.site)
        object.__setattr__(self, "_give_up_us", parse_duration(self.give_up_after))
        made = self.value
        if not isinstance(made, Expr):
            made = call_author(f"the value of label {self.name!r}", made, self.source.row())
        if not isinstance(made, Expr) or made.type not in (Type.BOOL, Type.FLOAT):
            raise TypeMismatch(
                f"label {self.name!r} needs a value that can be learned",
                seen=made.type.value if isinstance(made, Expr) else made,
                allowed="a bool expression (classification) or a float one (regression)",
                next_step="for example value=lambda a: a.arr_delay > 15",
                where=self.site,
            )
        object.__setattr__(self, "value", made)
        if self.on is not None and self.on not in self.source.columns:
            raise UnknownName(f"column of source {self.source.name!r} for on=", self.on, self.source.columns)

    @property
    def expression(self) -> Expr:
        """The value, over the columns of the source."""
        assert isinstance(self.value, Expr)
        return self.value

    @property
    def columns(self) -> tuple[str, str, str]:
        """What a training set holds of it: the value, its maturity, and when the value was known."""
        return self.name, "label_maturity", "label_known_at"

    @property
    def give_up_us(self) -> int:
        """Microseconds after the request's time."""
        us: int = self.__dict__["_give_up_us"]
        return us

    def joined_on(self, requests: EventSource) -> str:
        """The column of the label's source that holds the request's event_id.

        Raises: DefinitionError when the label would look backwards or nothing names the request; TypeMismatch when that
            column and the event_id have two types.
        """
        if self.source.origin.name == requests.name:
            raise DefinitionError(
                f"label {self.name!r} looks backwards",
                seen=f"source {self.source.name!r}, which is also what asks for the prediction",
                allowed="a source whose events happen at or after the request",
                next_step="move the truth into a source of its own, with the time at which it happened",
                where=self.site,
            )
        column = self.on or requests.event_id
        assert column is not None, "Model checks that requests have an event_id"
        if column not in self.source.columns:
            raise DefinitionError(
                f"nothing in source {self.source.name!r} names the request of label {self.name!r}",
                seen=f"the request's event_id {column!r}",
                allowed=", ".join(self.source.columns),
                next_step="say which of these columns holds it with on=",
                where=self.site,
            )
        self._check_same_type(column, requests)
        return column

    def _check_same_type(self, column: str, requests: EventSource) -> None:
        assert requests.event_id is not None, "Model checks that requests have an event_id"
        here, there = self.source.columns[column], requests.columns[requests.event_id]
        if here is not there:
            raise TypeMismatch(
                f"the id that label {self.name!r} is looked up by has two types",
                seen=f"{column!r} is {here.value} in {self.source.name!r}, "
                f"{requests.event_id!r} is {there.value} in {requests.name!r}",
                allowed="the same type in both",
                next_step="ids are str in every source",
                where=self.site,
            )

    def canonical(self, requests: EventSource) -> dict[str, Any]:
        """What it means for these requests, as plain values."""
        return {
            "name": self.name,
            "source": self.source.name,
            "event_time": self.source.event_time,
            "known_at": self.source.known_at,
            "delay_us": self.source.delay_us,
            "on": self.joined_on(requests),
            "value": to_json(self.expression),
            "give_up_us": self.give_up_us,
        } | self.source.derived_from
