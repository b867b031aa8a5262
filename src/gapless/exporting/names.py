"""Names as npm has them, and as TypeScript writes them."""

from __future__ import annotations

import json
import re
import unicodedata

__all__ = ["package_name", "package_version", "quoted"]

_LONGEST = 214  # of npm


def package_name(product: str, model: str) -> str:
    """A name that npm takes.

    Examples:
        >>> package_name("flights", "late_arrival"), package_name("Größe", "übrig")
        ('flights-late-arrival', 'groe-ubrig')
    """
    return f"{_plain(product)}-{_plain(model)}"[:_LONGEST].strip("-") or "model"


def package_version(version: str) -> str:
    """The registered version as semantic versioning has it: a number is the major, anything else is before 0.0.0.

    Examples:
        >>> package_version("3"), package_version("rc 2")
        ('3.0.0', '0.0.0-rc-2')
    """
    if re.fullmatch(r"0|[1-9][0-9]{0,14}", version):
        return f"{version}.0.0"
    return f"0.0.0-{re.sub(r'[^0-9A-Za-z]+', '-', version).strip('-') or 'unnamed'}"


def _plain(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")


def quoted(text: str) -> str:
    """The text as a TypeScript literal.

    Examples:
        >>> quoted('a"b')
        '"a\\\\"b"'
    """
    return json.dumps(text)
