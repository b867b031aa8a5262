"""What one windowed value is: a function of one input over the time before an instant."""

from __future__ import annotations

from dataclasses import dataclass

from gapless.clock import DAY, HOUR, MINUTE
from gapless.errors import DefinitionError, TypeMismatch, UnknownName
from gapless.windows.functions import FUNCTIONS

__all__ = ["BEGINNING", "Spec", "Window", "default_hop_us"]

BEGINNING = -(2**63)  # before every event


def default_hop_us(width_us: int | None) -> int:
    """How far the tail of a window moves at a time, where nothing else is said.

    5 minutes below 12 hours, 1 hour below 12 days, else 1 day: a window is at least 12 hops long from an hour up, and
    its state at most 288 tiles. A window since forever has no tail: 0.

    Examples:
        >>> default_hop_us(HOUR) == 5 * MINUTE, default_hop_us(DAY) == HOUR, default_hop_us(30 * DAY) == DAY
        (True, True, True)
    """
    if width_us is None:
        return 0
    return 5 * MINUTE if width_us < 12 * HOUR else HOUR if width_us < 12 * DAY else DAY


@dataclass(frozen=True)
class Window:
    """The time `[lower(t), t)` before an instant t.

    Parameters:
        width_us — how far back, in microseconds; None: since forever.
        hop_us — the tail moves in steps of this many microseconds since 1970; 0: exactly with t. Since forever wants 0.

    Examples:
        >>> Window(HOUR, 5 * MINUTE).lower(2 * HOUR + 7 * MINUTE) == HOUR + 5 * MINUTE
        True
        >>> Window(HOUR, 0).lower(2 * HOUR + 7) == HOUR + 7
        True
    """

    width_us: int | None
    hop_us: int

    def __post_init__(self) -> None:
        if self.width_us is not None and not 0 < self.width_us < 2**62:
            raise DefinitionError("a window needs a width", seen=self.width_us, allowed="above 0, or None for forever")
        if not 0 <= self.hop_us < 2**62 or (self.width_us is None and self.hop_us):
            raise DefinitionError(
                "a window cannot move in such hops",
                seen=self.hop_us,
                allowed="microseconds of 0 or more; 0 for a window since forever",
                next_step="use default_hop_us(width_us)",
            )

    def lower(self, at_us: int) -> int:
        """The first event time inside the window at `at_us`; never decreases as time goes on."""
        if self.width_us is None:
            return BEGINNING
        hop = self.hop_us or 1
        return (at_us - self.width_us) // hop * hop


@dataclass(frozen=True)
class Spec:
    """One function of one input over one window: one column, or `n` of them for last_n.

    Parameters:
        function — a name of FUNCTIONS.
        input — position among the inputs of the events; None counts events.
        window — which events.
        n — how many values last_n keeps; 1 for all else.

    Raises: UnknownName; TypeMismatch for a function that needs an input and got none; DefinitionError for a bad n.

    Examples:
        >>> Spec("mean", 0, Window(HOUR, 0)).width
        1
        >>> Spec("last_n", 0, Window(None, 0), n=3).width
        3
    """

    function: str
    input: int | None
    window: Window
    n: int = 1

    def __post_init__(self) -> None:
        if self.function not in FUNCTIONS:
            raise UnknownName("aggregation", self.function, FUNCTIONS)
        if self.input is None and FUNCTIONS[self.function].needs_input:
            raise TypeMismatch(f"{self.function} needs an input", seen=None, next_step="only count works without one")
        if self.n < 1 or (self.n > 1 and self.function != "last_n"):
            raise DefinitionError("n is for last_n", seen=self.n, allowed="1, or more for last_n")

    @property
    def width(self) -> int:
        """How many columns it gives."""
        return self.n
