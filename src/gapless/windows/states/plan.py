"""What a set of specs over inputs of known kinds needs: the tiles, and the kind of each result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from gapless.errors import BugError
from gapless.windows.functions import FUNCTIONS
from gapless.windows.states.tables import Tables, tables_of
from gapless.windows.tiles import TilePlan
from gapless.windows.window import Spec

__all__ = ["Kind", "StatePlan"]

Kind = Literal["float", "bool", "int", "text"]
_ACCEPTED = {"float": "float", "bool": "bool", "int": "opaque", "text": "opaque"}


@dataclass(frozen=True)
class StatePlan:
    """Specs over typed inputs: what one group of views keeps for a key.

    Parameters:
        specs — what is computed, in the order of the result columns; at least one.
        kinds — the kind of each input: "float", "bool", "int" (instants) or "text".

    Raises: BugError for no specs, and for a spec whose function does not take its input.

    Examples:
        >>> from gapless.windows import Window
        >>> forever = Window(None, 0)
        >>> plan = StatePlan((Spec("count", None, forever), Spec("last_n", 0, forever, n=2)), ("text",))
        >>> plan.width, plan.results
        (3, ('float', 'text', 'text'))
    """

    specs: tuple[Spec, ...]
    kinds: tuple[Kind, ...]

    def __post_init__(self) -> None:
        if not self.specs:
            raise BugError("a plan without specs")
        for spec in self.specs:
            if spec.input is not None and not self._fits(spec, spec.input):
                raise BugError("a function that does not take its input", seen=(spec, self.kinds))

    def _fits(self, spec: Spec, place: int) -> bool:
        known = 0 <= place < len(self.kinds)
        return known and _ACCEPTED.get(self.kinds[place]) in FUNCTIONS[spec.function].accepts

    @cached_property
    def tiles(self) -> TilePlan:
        """The plan of the same states in plain Python."""
        return TilePlan(self.specs)

    @property
    def width(self) -> int:
        """How many columns a read gives."""
        return sum(spec.width for spec in self.specs)

    @cached_property
    def results(self) -> tuple[Kind, ...]:
        """The kind of each column."""
        return tuple(kind for spec in self.specs for kind in [self._result(spec)] * spec.width)

    def _result(self, spec: Spec) -> Kind:
        result = FUNCTIONS[spec.function].result
        if result == "same":
            return self.kinds[spec.input or 0]
        return result

    @cached_property
    def tables(self) -> Tables:
        """What kernels sweep by."""
        return tables_of(self.tiles, self.kinds)
