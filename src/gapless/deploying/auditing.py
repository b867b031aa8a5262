"""What was asked for and refused: a line in the trail, as what was done leaves one in its own transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gapless.errors import OperatorError
from gapless.ports.metadata import Audit, AuditEntry

__all__ = ["refusals"]


@contextmanager
def refusals(
    audit: Audit, action: str, subject: str, *, by: str, at_us: int, facts: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """A refusal within the block is in the audit trail before it is raised again.

    What a database or server that is away refuses is not: nobody decided anything.
    """
    try:
        yield
    except OperatorError as error:
        seen = "" if error.seen is None else str(error.seen)[:1000]
        said = {"error": type(error).__name__, "what": error.what, "seen": seen}
        audit.append(AuditEntry(at_us, by, action, subject, "refused", {**(facts or {}), **said}))
        raise
