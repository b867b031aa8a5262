"""What is said of an answer: a level and reasons, and how many rows of them become columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.product import Trust
from gapless.product.trust import DEFAULT_LEVELS, LEVELS

__all__ = ["MOST_PER_CODE", "Facts", "Findings", "Grades", "Judged", "JudgedTable"]

MOST_PER_CODE = 5
"""Reasons of one code that an answer lists; how many more there are stands in one further entry."""

Facts = dict[str, Any]


class Judged(NamedTuple):
    """A level and the reasons for it: plain values with `code`, `level` and facts, in the order of DEFAULT_LEVELS."""

    trust: str
    reasons: list[Facts]


@dataclass(frozen=True)
class JudgedTable:
    """The same for many rows; `found` holds those that have a reason."""

    rows: int
    found: Mapping[int, Judged]

    def row(self, i: int) -> Judged:
        """What `Judge.judge_row` gives for that row."""
        return self.found.get(i) or Judged("ok", [])

    def to_arrow(self) -> tuple[pa.Array, pa.Array]:
        """(trust, reasons) as strings, the reasons as JSON lists."""
        levels, places = np.zeros(self.rows, np.int8), np.zeros(self.rows, np.int32)
        texts = ["[]"]
        for i, judged in self.found.items():
            levels[i], places[i] = LEVELS.index(judged.trust), len(texts)
            texts.append(msgspec.json.encode(judged.reasons).decode())
        return pa.array(LEVELS).take(pa.array(levels)), pa.array(texts).take(pa.array(places))


class Grades:
    """The level of each code, without the codes that are off."""

    def __init__(self, policy: Trust) -> None:
        self._levels = {code: level for code in DEFAULT_LEVELS if (level := policy.level(code)) != "ok"}

    def __contains__(self, code: str) -> bool:
        return code in self._levels

    def judged(self, found: Mapping[str, list[Facts]]) -> Judged:
        """The reasons that these facts by code make, and the worst level among them."""
        reasons: list[Facts] = []
        worst = 0
        for code, level in self._levels.items():
            if code not in found:
                continue
            facts = found[code]
            reasons += [{"code": code, "level": level, **one} for one in facts[:MOST_PER_CODE]]
            if len(facts) > MOST_PER_CODE:
                reasons.append({"code": code, "level": level, "more": len(facts) - MOST_PER_CODE})
            worst = max(worst, LEVELS.index(level))
        return Judged(LEVELS[worst], reasons)


class Findings:
    """Facts of many rows, by row and code, in the order in which they are added."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._found: dict[int, dict[str, list[Facts]]] = {}

    def add(self, code: str, rows: npt.NDArray[Any], facts: Facts) -> None:
        """The same facts for each of these rows."""
        for i in rows.tolist():
            self.add_one(code, i, facts)

    def add_one(self, code: str, row: int, facts: Facts) -> None:
        """The facts of one row."""
        self._found.setdefault(row, {}).setdefault(code, []).append(facts)

    def judged(self, grades: Grades) -> JudgedTable:
        """Every row that has a reason, with all of them."""
        judged = ((i, grades.judged(by_code)) for i, by_code in self._found.items())
        return JudgedTable(self._rows, {i: one for i, one in judged if one.reasons})
