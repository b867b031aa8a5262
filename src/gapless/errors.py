"""Everything that gapless raises, grouped by who can act.

GaplessError
├── AuthorError                 the author of the product edits the Python module
│   ├── DefinitionError         (ValueError)      a declared value makes no sense
│   ├── UnknownName             (AttributeError)  a column, view, feature or model that does not exist
│   ├── TypeMismatch            (TypeError)       an operation on a type that it does not take
│   └── UserCodeError           (RuntimeError)    the product module or a function of it raised
├── OperatorError               who runs it changes a setting, a file or the machine
│   ├── SettingsError           (ValueError)      gapless.toml or a flag
│   ├── InputError              (ValueError)      a file or table handed in cannot be used
│   ├── NotFound                (LookupError)     a table, run, version or model that is not there
│   ├── StorageError            (OSError)         disk full, no permission, path is a folder
│   ├── CorruptData             (ValueError)      bytes at rest do not match their hash or format
│   ├── CertificateFailed       (ValueError)      a model that ONNX and the estimator score differently
│   ├── GateFailed              (ValueError)      a version that may not answer, by a gate that is shut
│   ├── Conflict                (RuntimeError)    somebody else changed it meanwhile: look again, decide again
│   └── MissingExtra            (ImportError)     an optional dependency; carries the install line
├── RemoteError                 a server elsewhere
│   ├── Transient               (ConnectionError) trying again may help
│   └── Refused                 (PermissionError) trying again will not help
└── BugError                    (AssertionError)  an invariant does not hold: please report

Each is built from fields (what, the value seen, what is allowed, the next step, the author's file and line),
and the message is made from them in one place.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

__all__ = [
    "AuthorError",
    "BugError",
    "CertificateFailed",
    "Conflict",
    "CorruptData",
    "DefinitionError",
    "GaplessError",
    "GateFailed",
    "InputError",
    "MissingExtra",
    "NotFound",
    "OperatorError",
    "Refused",
    "RemoteError",
    "SettingsError",
    "Site",
    "StorageError",
    "Transient",
    "TypeMismatch",
    "UnknownName",
    "UserCodeError",
    "author_site",
    "closest",
]

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_UNSEEN: Any = object()


@dataclass(frozen=True)
class Site:
    """A line of the author's own code.

    Examples:
        >>> str(Site("product.py", 12))
        'product.py:12'
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def author_site() -> Site | None:
    """The innermost line on the stack that is neither gapless nor generated code; None where there is none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE) and not file.startswith("<"):
            return Site(file, frame.f_lineno)
        frame = frame.f_back
    return None


def closest(name: str, names: Iterable[str]) -> str | None:
    """The name that `name` was probably meant to be, or None.

    Examples:
        >>> closest("dep_dely", ["dep_delay", "origin"])
        'dep_delay'
        >>> closest("zzz", ["dep_delay", "origin"]) is None
        True
    """
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return found[0] if found else None


def _short(value: object, limit: int = 200) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


class GaplessError(Exception):
    """The root. Catch this to catch all of gapless.

    Parameters:
        what — one sentence: what is wrong.
        seen — the value that was seen, if there is one.
        allowed — what would have been accepted.
        next_step — what the reader does now.
        where — the author's file and line, or the file and row of the data.

    Examples:
        >>> print(GaplessError("unknown column", seen="dely", allowed="delay, origin", next_step="mend it"))
        unknown column
          seen:    dely
          allowed: delay, origin
          next:    mend it
    """

    def __init__(
        self,
        what: str,
        *,
        seen: object = _UNSEEN,
        allowed: str | None = None,
        next_step: str | None = None,
        where: Site | str | None = None,
    ) -> None:
        self.what = what
        self.seen = None if seen is _UNSEEN else seen
        self.allowed = allowed
        self.next_step = next_step
        self.where = where
        lines = [what]
        if where is not None:
            lines.append(f"  at:      {where}")
        if seen is not _UNSEEN:
            lines.append(f"  seen:    {_short(seen)}")
        if allowed is not None:
            lines.append(f"  allowed: {_short(allowed, 1000)}")
        if next_step is not None:
            lines.append(f"  next:    {next_step}")
        self.message = "\n".join(lines)
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        """It can be pickled: work done elsewhere raises here."""
        return _raised_elsewhere, (type(self), self.__dict__)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, for `--json` and logs."""
        fields = {"error": type(self).__name__, "what": self.what}
        optional = {
            "where": None if self.where is None else str(self.where),
            "seen": None if self.seen is None else _short(self.seen),
            "allowed": self.allowed,
            "next_step": self.next_step,
        }
        return fields | {name: value for name, value in optional.items() if value is not None}


def _raised_elsewhere(kind: type[GaplessError], fields: Mapping[str, Any]) -> GaplessError:
    error = kind.__new__(kind)
    error.args = (fields["message"],)
    error.__dict__.update(fields)
    return error


class AuthorError(GaplessError):
    """The author of the product can mend this; `where` is filled with their line by itself."""

    def __init__(
        self,
        what: str,
        *,
        seen: object = _UNSEEN,
        allowed: str | None = None,
        next_step: str | None = None,
        where: Site | str | None = None,
    ) -> None:
        site = author_site() if where is None else where
        super().__init__(what, seen=seen, allowed=allowed, next_step=next_step, where=site)


class DefinitionError(AuthorError, ValueError):
    """A declared value makes no sense."""


class UnknownName(AuthorError, AttributeError):
    """A column, view, feature or model that does not exist; says which name was probably meant."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: Site | str | None = None) -> None:
        names = sorted(known)
        guess = closest(name, names)
        step = f"did you mean {guess!r}?" if guess else "use one of the names above, or declare it"
        allowed = ", ".join(names) or "(none)"
        super().__init__(f"unknown {kind}", seen=name, allowed=allowed, next_step=step, where=where)


class TypeMismatch(AuthorError, TypeError):
    """An operation on a type that it does not take."""


class UserCodeError(AuthorError, RuntimeError):
    """The product module or a function of it raised; `__cause__` holds the original."""


class OperatorError(GaplessError):
    """Who runs it can mend this: a setting, a file, the machine."""


class SettingsError(OperatorError, ValueError):
    """gapless.toml or a flag."""


class InputError(OperatorError, ValueError):
    """A file or table handed in cannot be used."""


class NotFound(OperatorError, LookupError):
    """A table, run, version or model that is not there."""


class StorageError(OperatorError, OSError):
    """Disk full, no permission, the path is a folder."""


class CorruptData(OperatorError, ValueError):
    """Bytes at rest do not match their hash or format."""


class CertificateFailed(OperatorError, ValueError):
    """A model that ONNX and the fitted estimator score differently."""


class GateFailed(OperatorError, ValueError):
    """A version that may not answer, by a gate that is shut: nothing was changed. `gates` holds every one as values."""

    gates: Sequence[Mapping[str, Any]] = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, with the gates."""
        return super().to_dict() | {"gates": list(self.gates)}


class Conflict(OperatorError, RuntimeError):
    """Somebody else changed it meanwhile: nothing was changed by this call."""


class MissingExtra(OperatorError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, seen="not installed", next_step=f"pip install 'gapless[{extra}]'")


class RemoteError(GaplessError):
    """A server elsewhere."""


class Transient(RemoteError, ConnectionError):
    """Trying again may help."""


class Refused(RemoteError, PermissionError):
    """Trying again will not help."""


class BugError(GaplessError, AssertionError):
    """an invariant does not hold: please report."""
