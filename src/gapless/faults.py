"""Where tests crash: every step that a crash may fall behind calls a fault with its name."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Fault", "no_fault"]

Fault = Callable[[str, str], None]
"""Called with (point, subject); what it raises leaves the step there."""


def no_fault(point: str, subject: str) -> None:
    """Nothing goes wrong."""
