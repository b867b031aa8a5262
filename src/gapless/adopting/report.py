"""What an adoption found, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from gapless.schema import Type

__all__ = ["Adopted", "Adoption", "Compared", "Status"]

Status = Literal["expressed", "function", "refused"]


@dataclass(frozen=True)
class Compared:
    """One column, computed by both, row by row.

    Parameters:
        rows, probes — of the sample, and made from it with nulls, zeros, extremes and values at each limit.
        different — rows whose values differ otherwise than by rounding; first_different — the first of them.
        rounded — rows that differ in the last places; worst_ulp — by so many units at most, 0 where more than places
            differ.
        infinite — rows where pandas holds ±inf and gapless null; signed_zeros — rows with 0.0 and -0.0.
    """

    rows: int = 0
    probes: int = 0
    different: int = 0
    first_different: str | None = None
    rounded: int = 0
    worst_ulp: int = 0
    infinite: int = 0
    signed_zeros: int = 0

    @property
    def same(self) -> bool:
        """Whether every row is equal, up to what is counted."""
        return not self.different and self.rows > 0

    @property
    def text(self) -> str:
        """In a few words."""
        if self.different:
            near = f"; all within {self.worst_ulp:,} ulp, which max_ulp can accept" if self.worst_ulp else ""
            return f"{self.different:,} of {self.rows + self.probes:,} rows differ: {self.first_different}{near}"
        parts = [f"rounding, up to {self.worst_ulp} ulp in {self.rounded:,} rows"] if self.rounded else []
        parts += [f"±inf is null in {self.infinite:,}"] if self.infinite else []
        parts += [f"-0.0 is 0.0 in {self.signed_zeros:,}"] if self.signed_zeros else []
        return "; ".join(parts) or "equal to the bit"


@dataclass(frozen=True)
class Adopted:
    """One column that the function makes.

    Parameters:
        name, feature — as pandas calls it, and in the product.
        status — expressed: a row expression that was proven on every row; function: row by row, but no expression;
            refused: it depends on other rows.
        text — the expression as it can be written, over the row `r`.
        reason — why there is none, or why it was not believed.
    """

    name: str
    feature: str
    status: Status
    type: Type | None
    text: str | None
    reason: str | None
    compared: Compared

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        plain = asdict(self) | {"type": None if self.type is None else self.type.value}
        return plain | {"compared": asdict(self.compared) | {"same": self.compared.same}}


@dataclass(frozen=True)
class Adoption:
    """What became of every column, and how it was proven.

    Parameters:
        columns — those that the function makes or changes, in its order.
        unchanged — columns of the sample that it hands on.
        rows, probes — compared for each expression; raised — probes at which the function itself raised, not compared.
        seed — of the probes.
        notes — what to know beside it.
    """

    what: str
    columns: Sequence[Adopted]
    unchanged: Sequence[str]
    rows: int
    probes: int
    raised: int
    seed: int
    notes: Sequence[str]
    product: str

    @property
    def ok(self) -> bool:
        """Whether every column is an expression that was proven equal."""
        return bool(self.columns) and all(column.status == "expressed" for column in self.columns)

    def counts(self) -> Mapping[str, int]:
        """Status → number of columns."""
        return {s: sum(c.status == s for c in self.columns) for s in ("expressed", "function", "refused")}

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "what": self.what,
            "ok": self.ok,
            "counts": dict(self.counts()),
            "columns": [column.to_dict() for column in self.columns],
            "unchanged": list(self.unchanged),
            "rows": self.rows,
            "probes": self.probes,
            "raised": self.raised,
            "seed": self.seed,
            "notes": list(self.notes),
        }
