"""Long expressions over several lines."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["laid_out"]

_WIDTH = 110


def laid_out(text: str, indent: str, end: str) -> list[str]:
    """The text, with each further call of a chain of `when` on a line of its own where it is long."""
    if len(indent) + len(text) <= _WIDTH:
        return [f"{indent}{text}{end}"]
    start, sign, chain = _head(text)
    parts = list(_calls(chain))
    if len(parts) < 2:
        return [f"{indent}{text}{end}"]
    inner = [f"{indent}    {part}" for part in parts]
    return [f"{indent}{start}{sign}(", *inner, f"{indent}){end}"]


def _head(text: str) -> tuple[str, str, str]:
    """`"name": ` or `name = `, apart from the expression."""
    for sign in ('": ', " = "):
        before, found, after = text.partition(sign)
        if found and after.startswith("gl.when("):
            return before, sign, after
    return "", "", text


def _calls(text: str) -> Iterator[str]:
    """The text cut before each `.when(` and `.otherwise(` that is in no parentheses or quotes."""
    depth, quote, begin = 0, "", 0
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[place - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "." and not depth and text.startswith((".when(", ".otherwise("), place) and place > 2:
            yield text[begin:place]
            begin = place
    yield text[begin:]
