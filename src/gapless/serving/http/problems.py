"""What goes wrong between a client and an answer, as statuses and documents."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from gapless.errors import GaplessError, InputError, NotFound, Transient

__all__ = ["Problem", "internal", "problem_of"]

_SEEN_CHARACTERS = 200


class Problem(Exception):
    """An answer that is not the one hoped for.

    Parameters:
        status — of HTTP; `code` — a short word that programs can rely on; `what` — one sentence for people.
        row — which row of the request, from 0; field — which column or member of it.
        seen — the value at fault; allowed — what would have been accepted.
        retry_after_s — when asking again may help; None: it will not.
        close — the connection is closed after the answer, since what the client sends on it was not read.

    Examples:
        >>> Problem(422, "wrong_type", "not a number", row=3, field="amount", seen="ten").document()
        {'error': {'code': 'wrong_type', 'message': 'not a number', 'row': 3, 'field': 'amount', 'seen': 'ten'}}
    """

    def __init__(
        self,
        status: int,
        code: str,
        what: str,
        *,
        row: int | None = None,
        field: str | None = None,
        seen: Any = None,
        allowed: str | None = None,
        retry_after_s: int | None = None,
        close: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {what}")
        self.status, self.code, self.what = status, code, what
        self.row, self.field, self.seen, self.allowed = row, field, _short(seen), allowed
        self.close = close
        retry = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        self.headers: dict[str, str] = {**(headers or {}), **retry}

    def document(self) -> dict[str, Any]:
        """The body, without the facts that there are not."""
        facts = {"row": self.row, "field": self.field, "seen": self.seen, "allowed": self.allowed}
        found = {name: value for name, value in facts.items() if value is not None}
        return {"error": {"code": self.code, "message": self.what, **found}}

    def sentence(self) -> str:
        """The same in one line, for protocols that know no more than a text."""
        place = [f"row {self.row}"] * (self.row is not None) + [str(self.field)] * (self.field is not None)
        facts = [f"seen: {self.seen}"] * (self.seen is not None) + [f"allowed: {self.allowed}"] * bool(self.allowed)
        return ", ".join([" ".join([*place, self.what]) if not place else f"{' '.join(place)}: {self.what}", *facts])


def problem_of(error: GaplessError) -> Problem:
    """What a client is told of an error of ours: of one that it cannot do anything about, nothing but that."""
    if isinstance(error, NotFound):
        return Problem(404, "not_found", error.what, seen=error.seen, allowed=error.allowed)
    if isinstance(error, InputError):
        return Problem(422, "unfit_value", error.what, seen=error.seen, allowed=error.allowed)
    if isinstance(error, Transient):
        return Problem(503, "unavailable", error.what, retry_after_s=1)
    return internal()


def internal() -> Problem:
    """An error of ours: the client can do nothing about it, and is told no more."""
    return Problem(500, "internal", f"{HTTPStatus(500).phrase}: the server's own log says what happened")


def _short(value: Any) -> Any:
    """Plain and small: what a client sent is not sent back whole."""
    if isinstance(value, int) and abs(value) >= 2**63:
        return "a number out of range"  # of which some have more digits than Python writes
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SEEN_CHARACTERS else text[: _SEEN_CHARACTERS - 1] + "…"
