"""Rows where conversions differ: repeated values, large offsets, steps of one float32, missing values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True, eq=False)
class Data:
    rows: np.ndarray
    true: np.ndarray
    amount: np.ndarray

    @property
    def names(self) -> list[str]:
        return [f"f{index}" for index in range(self.rows.shape[1])]

    def label(self, kind: str) -> np.ndarray:
        return self.true if kind == "classification" else self.amount


def made(missing: float, rows: int = 800) -> Data:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(rows, 5)).astype(np.float32)
    x[:, 2] = np.round(x[:, 2] * 4)
    x[:, 3] += np.float32(1e6)
    amount = (3 * x[:, 0] + x[:, 1] ** 2 + rng.normal(size=rows)).astype(np.float64)
    x[rng.random(x.shape) < missing] = np.nan
    return Data(x, (amount > 1).astype(np.int64), amount)


@pytest.fixture(scope="package")
def whole() -> Data:
    return made(missing=0)


@pytest.fixture(scope="package")
def holed() -> Data:
    return made(missing=0.1)
