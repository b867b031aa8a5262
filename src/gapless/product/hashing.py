"""Canonical text of a definition, and its hash: it changes with meaning, not with formatting or order."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["definition_hash"]


def definition_hash(document: Any) -> str:
    """The sha256 of a document's canonical JSON, in hex.

    Examples:
        >>> definition_hash({"b": 1, "a": [2.5, None]}) == definition_hash({"a": [2.5, None], "b": 1})
        True
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
