"""The columns of a file against those of the source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gapless.errors import InputError, closest

__all__ = ["extra_columns"]


def extra_columns(found: Sequence[str], wanted: Sequence[str], *, file: str) -> tuple[str, ...]:
    """Columns that nobody asked for, in the file's order.

    Raises: InputError for a wanted column that is missing or there twice.
    """
    missing = [name for name in wanted if name not in found]
    if missing:
        raise _missing(missing, found, wanted, file)
    twice = sorted(name for name, count in Counter(found).items() if count > 1 and name in wanted)
    if twice:
        raise InputError(
            "a column is there more than once", where=file, seen=", ".join(twice), next_step="give each its own name"
        )
    return tuple(name for name in found if name not in wanted)


def _missing(missing: Sequence[str], found: Sequence[str], wanted: Sequence[str], file: str) -> InputError:
    free = [name for name in found if name not in wanted]
    guesses = [f"{name!r} looks like {guess!r}" for name in missing if (guess := _guess(name, free))]
    return InputError(
        f"the file lacks {'a column' if len(missing) == 1 else 'columns'} of the schema: {', '.join(missing)}",
        where=file,
        seen=", ".join(found) or "(no columns)",
        next_step="; ".join([*guesses, "rename it in the file or in the schema"])
        if guesses
        else "write the file with that column, or take it out of the schema",
    )


def _guess(name: str, found: Sequence[str]) -> str | None:
    folded = {other.strip().lower(): other for other in found}
    return folded.get(name.lower()) or closest(name, found)
