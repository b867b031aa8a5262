"""The one place where the author's own functions are called."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gapless.errors import GaplessError, Site, UserCodeError

__all__ = ["call_author", "site_of"]

_PACKAGE = str(Path(__file__).resolve().parents[1])


def site_of(function: Callable[..., Any]) -> Site | None:
    """Where a function was written; None for one without Python code."""
    code = getattr(function, "__code__", None)
    return Site(code.co_filename, code.co_firstlineno) if code else None


def call_author(what: str, function: Callable[..., Any], *args: Any, at: Callable[..., Any] | None = None) -> Any:
    """The function's result; anything it raises becomes a UserCodeError that names the author's line.

    Parameters:
        at — the author's function that is named where a library raised without a line of the author's in between.

    Errors of gapless pass through: they name the line already.
    """
    try:
        return function(*args)
    except GaplessError:
        raise
    except Exception as error:
        raise UserCodeError(
            f"{what} raised {type(error).__name__}",
            seen=_first_line(error),
            next_step="mend the line named above",
            where=_author_line(error) or site_of(at or function),
        ) from error


def _first_line(error: BaseException) -> str:
    # Libraries follow their message with a page of advice; it stays readable in the cause.
    lines = str(error).strip().splitlines()
    return f"{lines[0]} …" if len(lines) > 1 else "".join(lines)


def _author_line(error: BaseException) -> Site | None:
    if isinstance(error, SyntaxError) and error.filename:  # of the text itself: no line of it has run
        return Site(error.filename, error.lineno or 0)
    lines = [f for f in traceback.extract_tb(error.__traceback__) if not _is_library(f.filename)]
    return Site(lines[-1].filename, lines[-1].lineno or 0) if lines else None


def _is_library(file: str) -> bool:
    return file.startswith((_PACKAGE, "<")) or "site-packages" in file
