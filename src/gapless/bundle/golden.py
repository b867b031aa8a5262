"""Golden vectors: rows and the answers that any runtime must give for them, kept as bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gapless.errors import CorruptData
from gapless.ports.scorer import Float32, Scorer, Scores

__all__ = ["GOLDEN_TOLERANCE", "Golden", "choose_rows"]

GOLDEN_TOLERANCE = 1e-6
"""Relative to the larger of 1 and the answer: what another build of the same runtime may differ by."""


@dataclass(frozen=True, eq=False)
class Golden:
    """Rows [n, k] with the answers of the runtime that the bundle was made with."""

    rows: Float32
    expected: Scores
    tolerance: float = GOLDEN_TOLERANCE

    def to_dict(self) -> dict[str, Any]:
        """Each row and the answers as hex of little-endian float32: NaN, -0.0 and every last bit survive."""
        outputs = {"prediction": self.expected.prediction, "probability": self.expected.probability}
        return {
            "encoding": "hex of little-endian float32",
            "tolerance": self.tolerance,
            "rows": [_to_hex(row) for row in self.rows],
            "outputs": {name: _to_hex(values) for name, values in outputs.items() if values is not None},
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Golden:
        """What `to_dict` gave."""
        outputs = {name: _from_hex(text) for name, text in document["outputs"].items()}
        rows = np.stack([_from_hex(row) for row in document["rows"]])
        return cls(rows, Scores(outputs["prediction"], outputs.get("probability")), float(document["tolerance"]))

    def verify(self, scorer: Scorer, *, where: str) -> None:
        """Nothing, where the scorer gives the expected answers, for all rows at once and for each alone.

        Raises: CorruptData naming the row.
        """
        together = scorer.score(self.rows).main
        alone = np.concatenate([scorer.score(row[None, :]).main for row in self.rows])
        for found, how in ((together, "with the others"), (alone, "alone")):
            self._compare(found, where, how)

    def _compare(self, found: Float32, where: str, how: str) -> None:
        expected = self.expected.main
        allowed = self.tolerance * np.maximum(1, np.abs(expected))
        fits = (np.abs(found - expected) <= allowed) | (np.isnan(found) & np.isnan(expected))
        if not fits.all():
            row = int(np.argmin(fits))
            raise CorruptData(
                "the model does not give its golden answers on this machine",
                seen=f"row {row}, scored {how}: {found[row]!r} where {expected[row]!r} is expected",
                allowed=f"a difference of {self.tolerance:g}",
                next_step="compare the versions in manifest.json with what is installed here",
                where=where,
            )


def choose_rows(held_out: Float32, count: int = 32) -> Float32:
    """Golden rows: held-out ones spread evenly, one without any value, one of zeros.

    Examples:
        >>> choose_rows(np.ones((100, 2), np.float32), 4).shape
        (6, 2)
    """
    places = np.unique(np.linspace(0, len(held_out) - 1, count).astype(np.int64))
    width = held_out.shape[1]
    edges = np.stack([np.full(width, np.nan, np.float32), np.zeros(width, np.float32)])
    return np.concatenate([held_out[places], edges])


def _to_hex(values: Float32) -> str:
    return np.ascontiguousarray(values, dtype="<f4").tobytes().hex()


def _from_hex(text: str) -> Float32:
    return np.frombuffer(bytes.fromhex(text), "<f4").astype(np.float32)
