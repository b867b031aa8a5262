"""What the operation table says about one operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gapless.expr.signatures import Signature, parse_signatures

__all__ = ["Operation", "define"]


@dataclass(frozen=True)
class Operation:
    """One operation of the closed set.

    Parameters:
        name — as files spell it; never reused with another meaning.
        written — how an author writes it.
        meaning — the exact rule, as the documentation shows it.
        params — name → kind of the fixed parameters, checked by `parameters.CHECKS`.
        nulls — "propagate": null when any argument is null; "own": the meaning says what happens.
        partial — the result may be undefined or overflow, and is null then.
        version — raised when the meaning changes; part of every fingerprint that uses the operation.
    """

    name: str
    group: str
    signatures: tuple[Signature, ...]
    written: str
    meaning: str
    params: Mapping[str, str]
    nulls: str = "propagate"
    partial: bool = False
    version: int = 1


def define(
    name: str,
    group: str,
    types: str,
    written: str,
    meaning: str,
    *,
    nulls: str = "propagate",
    partial: bool = False,
    **params: str,
) -> Operation:
    """One row of the table; `types` is read as signatures."""
    return Operation(name, group, parse_signatures(types), written, meaning, params, nulls, partial)
