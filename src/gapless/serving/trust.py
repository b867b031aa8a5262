"""How far to trust an answer: a pure function of what was seen, the same for one row and for many.

row, vector, age of each view, what went wrong ──► Judge ──► level, reasons with their facts
             policy, profile, views ───────────────┘
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.bundle.profile import Profile
from gapless.ports.scorer import Float32
from gapless.product import FeatureSet, Trust
from gapless.serving.judged import Facts, Findings, Grades, Judged, JudgedTable
from gapless.serving.usual import Bools, bounds, entity_columns, missing_rows, most_missing, reads_empty

__all__ = ["Judge", "Judged", "JudgedTable"]

Ints = npt.NDArray[np.int64]
_NOTHING: Mapping[str, Bools] = {}


class Judge:
    """The rules of one model version, ready to be applied.

    Parameters:
        policy — the author's rules.
        profile — what training saw; None turns off what needs it (`out_of_range`, `model_old`).
        features — of the version that answers.
        freshness — expected age by view, µs; a view that is not named has that of `features`.

    Guarantees: pure; `judge_table` says of each row what `judge_row` says. Safe to use from several threads.
    """

    def __init__(
        self,
        policy: Trust,
        profile: Profile | None,
        features: FeatureSet,
        freshness: Mapping[str, int] | None = None,
    ) -> None:
        self._grades = Grades(policy)
        self._names = features.vector
        self._profile = profile
        self.freshness_us = {view.name: (freshness or {}).get(view.name, view.freshness_us) for view in features.views}
        self._expected = {name: self._expected_us(name, policy) for name in self.freshness_us}
        self._entities = entity_columns(features, policy) if "entity_unseen" in self._grades else ()
        self._low, self._high = bounds(policy, profile, features)
        self._most_missing = most_missing(policy, profile)
        self._trained_us = 0 if profile is None else profile.trained_until_us
        self._age_limit_us = None if profile is None else policy.max_model_age_us
        looked_up = [f.column for view in features.views for f in view.features]
        self._away = {"features": len(looked_up), "defaults": len(policy.defaults.keys() & looked_up)}

    def _expected_us(self, view: str, policy: Trust) -> float:
        on = "feature_stale" in self._grades and view not in policy.ignore
        return self.freshness_us[view] if on else float("inf")

    def judge_row(
        self,
        row: Mapping[str, Any],
        vector: Float32,
        *,
        at_us: int,
        as_of_us: Mapping[str, int | None],
        asked_in_past: Collection[str] = (),
        damaged: Collection[str] = (),
        store_down: bool = False,
        instead_of: str | None = None,
        answered: bool = True,
    ) -> Judged:
        """How far to trust one answer.

        Parameters:
            row — at least every column of the views, as expressions see them: None is null.
            vector — [k] what the scorer saw.
            at_us — the request's event time.
            as_of_us — by view: everything known until then is in; None or absent: nothing was ever brought in.
            asked_in_past — views whose state holds what became visible only after `at_us`.
            damaged — views whose state of this row could not be read.
            store_down — the views' columns are the policy's defaults; nothing else is said of the views then.
            instead_of — the version that should have answered, where a fallback did.
            answered — False where the scorer gave no answer.

        Cost: 6 µs for 100 features of 15 views that give no reason, 5 µs more for the first reason.
        """
        found: dict[str, list[Facts]] = {}
        if store_down:
            found["store_unreachable"] = [self._away]
        else:
            self._judge_views(found, row, at_us, as_of_us, asked_in_past, damaged)
        if not answered:
            found["no_answer"] = [{}]
        outside = (vector < self._low) | (vector > self._high)
        if outside.any():
            found["out_of_range"] = [self._outside(j, vector[j].item()) for j in np.flatnonzero(outside).tolist()]
        missing = int(np.count_nonzero(np.isnan(vector)))
        if missing > self._most_missing * len(vector):
            found["missing_share"] = [self._missing(missing)]
        if self._age_limit_us is not None and at_us - self._trained_us > self._age_limit_us:
            found["model_old"] = [self._old(at_us)]
        if instead_of is not None:
            found["fallback_model"] = [{"instead_of": instead_of}]
        return self._grades.judged(found) if found else Judged("ok", [])

    def _judge_views(
        self,
        found: dict[str, list[Facts]],
        row: Mapping[str, Any],
        at_us: int,
        as_of_us: Mapping[str, int | None],
        asked_in_past: Collection[str],
        damaged: Collection[str],
    ) -> None:
        absent = []
        for view, expected_us in self._expected.items():
            as_of = as_of_us.get(view)
            if as_of is None or view in damaged:
                absent.append(view)
                found.setdefault("not_materialized" if as_of is None else "state_damaged", []).append({"view": view})
            elif at_us - as_of > expected_us:
                found.setdefault("feature_stale", []).append(_stale(view, at_us - as_of, expected_us))
            if view in asked_in_past and view not in damaged:
                found.setdefault("asked_in_past", []).append({"view": view})
        for one in self._entities:
            for column, nothing in one.empty:
                if row[column] != nothing:
                    break
            else:
                if one.views.isdisjoint(absent):
                    found.setdefault("entity_unseen", []).append({"entity": one.entity})

    def judge_table(
        self,
        columns: Mapping[str, pa.Array],
        matrix: Float32,
        *,
        at_us: Ints,
        as_of_us: Mapping[str, int | None],
        asked_in_past: Mapping[str, Bools] = _NOTHING,
        damaged: Mapping[str, Bools] = _NOTHING,
        store_down: bool = False,
        instead_of: str | None = None,
        answered: Bools | None = None,
    ) -> JudgedTable:
        """How far to trust many answers; see `judge_row`.

        Parameters:
            columns — at least every column of the views, [n] each.
            matrix — [n, k]; at_us — [n]; answered — [n], None where all were.
            asked_in_past, damaged — by view, [n]; a view that is not named has none.

        Cost: 3 ns for each feature of a row, and 1.5 µs for each reason.
        """
        found = Findings(len(matrix))
        every = np.arange(len(matrix))
        if store_down:
            found.add("store_unreachable", every, self._away)
        else:
            absent = self._judge_states(found, at_us, as_of_us, asked_in_past, damaged)
            self._judge_entities(found, columns, absent, len(matrix))
        if answered is not None:
            found.add("no_answer", np.flatnonzero(~answered), {})
        outside = np.nonzero((matrix < self._low) | (matrix > self._high))  # by rows; NaN is outside of nothing
        for i, j in zip(*(axis.tolist() for axis in outside), strict=True):
            found.add_one("out_of_range", i, self._outside(j, matrix[i, j].item()))
        for i, missing in missing_rows(matrix, self._most_missing * matrix.shape[1]):
            found.add_one("missing_share", i, self._missing(missing))
        if self._age_limit_us is not None:
            for i in np.flatnonzero(at_us - self._trained_us > self._age_limit_us).tolist():
                found.add_one("model_old", i, self._old(int(at_us[i])))
        if instead_of is not None:
            found.add("fallback_model", every, {"instead_of": instead_of})
        return found.judged(self._grades)

    def _judge_states(
        self,
        found: Findings,
        at_us: Ints,
        as_of_us: Mapping[str, int | None],
        asked_in_past: Mapping[str, Bools],
        damaged: Mapping[str, Bools],
    ) -> dict[str, Bools]:
        """By view, the rows whose state is not there; views that have it everywhere are left out."""
        absent: dict[str, Bools] = {}
        for view, expected_us in self._expected.items():
            as_of = as_of_us.get(view)
            if as_of is None:
                absent[view] = np.ones(len(at_us), np.bool_)
                found.add("not_materialized", np.arange(len(at_us)), {"view": view})
            there = np.ones(len(at_us), np.bool_)
            if view in damaged:
                there = ~damaged[view]
            if view in damaged and as_of is not None:
                absent[view] = damaged[view]
                found.add("state_damaged", np.flatnonzero(damaged[view]), {"view": view})
            if as_of is not None:
                for i in np.flatnonzero((at_us - as_of > expected_us) & there).tolist():
                    found.add_one("feature_stale", i, _stale(view, int(at_us[i]) - as_of, expected_us))
            if view in asked_in_past:
                found.add("asked_in_past", np.flatnonzero(asked_in_past[view] & there), {"view": view})
        return absent

    def _judge_entities(
        self, found: Findings, columns: Mapping[str, pa.Array], absent: Mapping[str, Bools], rows: int
    ) -> None:
        for one in self._entities:
            there = np.ones(rows, np.bool_)
            for view in one.views & absent.keys():
                there &= ~absent[view]
            found.add("entity_unseen", np.flatnonzero(reads_empty(one, columns, there)), {"entity": one.entity})

    def _outside(self, feature: int, value: float) -> Facts:
        assert self._profile is not None
        low, high = self._profile.low[feature].item(), self._profile.high[feature].item()
        seen = {"low": None, "high": None} if low != low else {"low": low, "high": high}
        return {"feature": self._names[feature], "value": value, **seen}

    def _missing(self, missing: int) -> Facts:
        return {"missing": missing, "features": len(self._names), "limit": self._most_missing}

    def _old(self, at_us: int) -> Facts:
        return {"age_us": at_us - self._trained_us, "limit_us": self._age_limit_us}


def _stale(view: str, age_us: int, expected_us: float) -> Facts:
    return {"view": view, "age_us": age_us, "expected_us": int(expected_us)}
