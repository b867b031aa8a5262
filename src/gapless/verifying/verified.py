"""What `gapless verify` found: counts, and the first differences in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gapless.serving.entries import GroupSeen
from gapless.verifying.checking import not_landed
from gapless.verifying.differences import CAUSES, Difference, differences_of
from gapless.verifying.history import FILES, History
from gapless.verifying.recomputing import Opened, Recomputed
from gapless.verifying.served import Served

__all__ = ["WAYS", "Tally", "Verified"]

WAYS: Mapping[str, str] = {
    "at_its_instant": "as known at its instant: what batch prediction gives",
    "behind": "as far as the log was in, as the answer says",
    "being_filled": "as far as its key was in while materialize ran",
    "asked_in_past": "with later events, as the answer says",
    "state_damaged": "with null for a damaged record, as the answer says",
    "store_unreachable": "from the author's defaults, as the answer says",
}
"""The ways in which an answer can be proven, the best one first."""


@dataclass(frozen=True)
class Verified:
    """The report.

    Parameters:
        answers — that were checked; values — their features, predictions and probabilities.
        proven — answers by way (see WAYS); every value of them is equal to the bit.
        rechecked — of those that the batch kernel proved: computed by the definition too.
        behind_most_us — how far behind its request the state of an answer was at most, of those that were.
        not_landed — answers that name events which the tables do not hold yet, and are not equal without them.
        different — answers with a difference; values_different — of their values.
        causes — values by cause (see `differences.CAUSES`).
        differences — the first ones.
        versions — answers by model and version.
    """

    answers: int = 0
    values: int = 0
    proven: Mapping[str, int] = field(default_factory=dict)
    rechecked: int = 0
    behind_most_us: int = 0
    not_landed: int = 0
    different: int = 0
    values_different: int = 0
    causes: Mapping[str, int] = field(default_factory=dict)
    differences: Sequence[Difference] = ()
    versions: Mapping[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether no value differs."""
        return self.values_different == 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {"ok": self.ok, **fields, "differences": [one.to_dict() for one in self.differences]}


class Tally:
    """Counts while answers are checked.

    Parameters:
        most — differences that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.answers = self.rechecked = 0
        self._values = self._behind_most = self._not_landed = self._different = self._values_different = 0
        self._proven: Counter[str] = Counter()
        self._causes: Counter[str] = Counter()
        self._versions: Counter[str] = Counter()
        self._differences: list[Difference] = []

    def add(self, served: Served, *, probability: bool) -> None:
        """These are looked at; whether their version gives a probability."""
        rows, width = served.vector.shape
        self.answers += rows
        self._values += rows * (width + 1 + probability)
        self._versions[f"{served.by.model} {served.by.version}"] += rows

    def proven(self, how: str, answers: int) -> None:
        """So many are equal."""
        self._proven[how] += answers

    def behind(self, served: Served, rows: npt.NDArray[np.int64]) -> None:
        """These are equal as far as the log was in."""
        self._proven["behind"] += len(rows)
        at = served.at_us
        for i in rows.tolist():
            self._behind_most = max(self._behind_most, _behind_us(served.seen(i), int(at[i])))

    def judge(self, opened: Opened, served: Served, made: Recomputed, history: History, counted: Sequence[str]) -> None:
        """These were computed one by one; `counted` is the way by which an answer was proven before, or empty."""
        equal = served.equal(made.vector, made.prediction, made.probability)
        for i, way in enumerate(counted):
            if equal[i]:
                if not way:
                    self._proven_one(served, i, made)
            elif any(not_landed(group.failed[i], history) for group in made.groups if i in group.failed):
                self._not_landed += not way
            else:
                self._proven.subtract([way] if way else [])
                self._differs(opened, served, i, made)

    def verified(self) -> Verified:
        """The report."""
        return Verified(
            self.answers,
            self._values,
            {way: self._proven[way] for way in WAYS},
            self.rechecked,
            self._behind_most,
            self._not_landed,
            self._different,
            self._values_different,
            {cause: self._causes[cause] for cause in CAUSES if self._causes[cause]},
            self._differences,
            dict(sorted(self._versions.items())),
        )

    def _proven_one(self, served: Served, i: int, made: Recomputed) -> None:
        hows = {group.outcomes[i].how for group in made.groups}
        how = next((way for way in reversed(list(WAYS)) if way in hows), "behind")
        if how == "behind":
            self.behind(served, np.array([i], np.int64))
        else:
            self.proven(how, 1)

    def _differs(self, opened: Opened, served: Served, i: int, made: Recomputed) -> None:
        found = list(differences_of(opened, served, i, made))
        self._different += 1
        self._values_different += len(found)
        self._causes.update(one.cause for one in found)
        self._differences += found[: max(self._most - len(self._differences), 0)]


def _behind_us(seen: Sequence[GroupSeen], at_us: int) -> int:
    """How far behind its request the part of the state was that keeps an answer fresh."""
    streamed = [one for one in seen if one.partition != FILES]
    known = [one.as_of_us for one in streamed or seen if one.as_of_us is not None]
    return max(at_us - min(known), 0) if known else 0
