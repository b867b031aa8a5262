"""Plain values as JSON text, the same in every database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gapless.errors import InputError

__all__ = ["checked", "from_text", "to_text"]


def to_text(values: Mapping[str, Any]) -> str:
    """JSON; every float keeps its bits.

    Raises: InputError for what JSON has no form for.
    """
    try:
        return json.dumps(dict(values), allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise InputError(
            "only plain values can be recorded",
            seen=str(error),
            allowed="text, finite numbers, true, false, null, lists and maps of these",
        ) from error


def from_text(text: str) -> dict[str, Any]:
    """What `to_text` was given."""
    found: dict[str, Any] = json.loads(text)
    return found


def checked(*texts: str) -> None:
    """Nothing, where every database can hold these.

    Raises: InputError for NUL and for halves of surrogate pairs.
    """
    for text in texts:
        try:
            held = "\0" not in text and text.encode() is not None
        except UnicodeEncodeError:
            held = False
        if not held:
            raise InputError("a text that no database holds", seen=text, allowed="Unicode without the character NUL")
