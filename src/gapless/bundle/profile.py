"""What training saw of each feature: enough to say later that a value is nothing the model has learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gapless.bundle.bundle import Bundle
from gapless.errors import CorruptData
from gapless.ports.scorer import Float32

__all__ = ["FILE", "QUANTILES", "Profile", "profile_of", "read_profile"]

FILE = "profile.json"
_FORMAT = 1

QUANTILES = tuple(i / 20 for i in range(21))
"""At which shares of the sorted values a profile holds the value; the first is the least, the last the largest."""

_MOST_ROWS = 0.99


@dataclass(frozen=True, eq=False)
class Profile:
    """The rows that the estimator learned from, feature by feature, as float32 like every scorer sees them.

    Parameters:
        names — the features in the order of the vector.
        rows — how many rows there were.
        trained_until_us — nothing later was learned from.
        quantiles — [k, len(QUANTILES)], each a value that occurred; NaN for a feature that was always missing.
        missing — [k], the share of rows on which the feature was missing.
        row_missing — 99 of 100 rows had at most this share of their features missing.
    """

    names: tuple[str, ...]
    rows: int
    trained_until_us: int
    quantiles: Float32
    missing: npt.NDArray[np.float64]
    row_missing: float

    @property
    def low(self) -> Float32:
        """The least value of each feature; NaN where there was none."""
        return self.quantiles[:, 0]

    @property
    def high(self) -> Float32:
        """The largest value of each feature; NaN where there was none."""
        return self.quantiles[:, -1]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the numbers read back to the same bits."""
        return {
            "format": _FORMAT,
            "rows": self.rows,
            "trained_until_us": self.trained_until_us,
            "row_missing": self.row_missing,
            "features": [
                {
                    "name": name,
                    "missing": float(self.missing[i]),
                    "quantiles": None if np.isnan(self.low[i]) else self.quantiles[i].tolist(),
                }
                for i, name in enumerate(self.names)
            ],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """What `to_dict` gave. Raises: KeyError, TypeError, ValueError for a document of another shape."""
        if document["format"] != _FORMAT:
            raise ValueError(f"format {document['format']!r}")
        features = document["features"]
        never = [np.nan] * len(QUANTILES)
        quantiles = np.array([never if one["quantiles"] is None else one["quantiles"] for one in features], np.float32)
        return cls(
            names=tuple(str(one["name"]) for one in features),
            rows=int(document["rows"]),
            trained_until_us=int(document["trained_until_us"]),
            quantiles=quantiles.reshape(len(features), len(QUANTILES)),
            missing=np.array([one["missing"] for one in features], np.float64),
            row_missing=float(document["row_missing"]),
        )


def profile_of(features: Float32, names: Sequence[str], *, trained_until_us: int) -> Profile:
    """The profile of these rows.

    Parameters:
        features — [n, k] float32, NaN where missing; at least one row.

    Cost: a sort of each feature.

    Examples:
        >>> rows = np.array([[1, np.nan], [3, np.nan], [2, np.nan]], np.float32)
        >>> seen = profile_of(rows, ["a", "b"], trained_until_us=0)
        >>> seen.low, seen.high, seen.missing
        (array([ 1., nan], dtype=float32), array([ 3., nan], dtype=float32), array([0., 1.]))
    """
    absent = np.isnan(features)
    missing = absent.mean(axis=0)
    by_row = np.sort(absent.sum(axis=1))
    most = by_row[_place(_MOST_ROWS, len(by_row))] / max(len(names), 1)
    quantiles = np.stack([_quantiles(features[:, i]) for i in range(len(names))])
    return Profile(tuple(names), len(features), trained_until_us, quantiles, missing, float(most))


def _quantiles(values: Float32) -> Float32:
    ordered = np.sort(values[~np.isnan(values)])
    if not len(ordered):
        return np.full(len(QUANTILES), np.nan, np.float32)
    return ordered[[_place(share, len(ordered)) for share in QUANTILES]]


def _place(share: float, rows: int) -> int:
    """Where the value stands that at least this share of the sorted rows does not exceed."""
    return max(int(np.ceil(share * rows)) - 1, 0)


def read_profile(bundle: Bundle) -> Profile | None:
    """The profile of a bundle; None for one that was made before there were profiles.

    Raises: CorruptData.
    """
    if FILE not in bundle.manifest.files:
        return None
    try:
        profile = Profile.from_dict(bundle.document("profile"))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, CorruptData):
            raise
        raise _corrupt(bundle, f"{type(error).__name__}: {error}", "a profile as training writes it") from error
    if profile.names != bundle.manifest.names:
        raise _corrupt(bundle, ", ".join(profile.names), ", ".join(bundle.manifest.names))
    return profile


def _corrupt(bundle: Bundle, seen: str, allowed: str) -> CorruptData:
    return CorruptData(
        f"{FILE} of a bundle is not what training writes",
        seen=seen,
        allowed=allowed,
        next_step="fetch the version from the tracker again, or train again",
        where=str(bundle.path / FILE),
    )
