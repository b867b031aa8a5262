"""Names that authors give, and the checks all of them share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from gapless.errors import DefinitionError, Site

__all__ = ["check_name", "check_unique"]


def check_name(kind: str, name: object, *, where: Site | str | None = None) -> None:
    """Raises DefinitionError unless `name` can be part of a column name, a folder and a URL."""
    if (
        isinstance(name, str)
        and name.isidentifier()
        and name.isascii()
        and not name.startswith("_")
        and "__" not in name
    ):
        return
    raise DefinitionError(
        f"{'an' if kind[0] in 'aeio' else 'a'} {kind} needs a plain name",
        seen=name,
        allowed="ASCII letters, digits and single underscores, not starting with a digit or '_'",
        next_step="choose a name such as 'late_share'",
        where=where,
    )


def check_unique(kind: str, names: Iterable[str], *, where: Site | None = None) -> None:
    """Raises DefinitionError when a name appears twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DefinitionError(
            f"two {kind}s have the same name",
            seen=", ".join(sorted(twice)),
            allowed="each name once",
            next_step="rename one of them",
            where=where,
        )
