"""How much of what was answered has a label by now, how late labels come, and how good the answers were."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import to_numpy
from gapless.clock import DAY, HOUR, format_duration, format_instant
from gapless.product import Model
from gapless.training.labels import GIVEN_UP, LABELLED, PENDING
from gapless.training.metrics import METRICS, Scored

__all__ = ["Day", "Delays", "ScoredDay", "coverage", "delay_distribution", "scored"]

Array = npt.NDArray[Any]

_QUANTILES = (5, 25, 50, 75, 95, 99)
_AFTER_US = (HOUR, 6 * HOUR, DAY, 2 * DAY, 7 * DAY)


@dataclass(frozen=True)
class Day:
    """Answers to requests of one day, UTC, by what is known of them. `restated`: labels that were corrected."""

    day: str
    answers: int
    labelled: int
    pending: int
    given_up: int
    restated: int

    @property
    def share_labelled(self) -> float:
        """Of the answers."""
        return self.labelled / self.answers


@dataclass(frozen=True)
class Delays:
    """How long after its request a label was known, in microseconds, over answers that have one.

    Parameters:
        quantiles_us — by percent: the smallest delay that this part of the labels, at least, does not exceed.
        known_after — by time, such as "6h": the share of the labels that had come by then.
    """

    count: int
    quantiles_us: Mapping[str, int]
    max_us: int | None
    known_after: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ScoredDay:
    """Metrics over the labelled answers to requests of one day, UTC; None where one is not defined."""

    day: str
    rows: int
    metrics: Mapping[str, float | None]


def coverage(outcomes: pa.Table) -> list[Day]:
    """By day of the request's time, UTC, how many answers there are in each state; days without answers are left out.

    Parameters:
        outcomes — the newest row of each answer.

    Examples:
        >>> rows = {"as_of": [0, 1, DAY], "maturity": ["labelled", "pending", "given_up"], "restated": [2, 0, 0]}
        >>> for day in coverage(pa.table(rows)):
        ...     print(day.day, day.answers, day.labelled, day.pending, day.given_up, day.restated, day.share_labelled)
        1970-01-01 2 1 1 0 1 0.5
        1970-01-02 1 0 0 1 0 0.0
    """
    states = [_is(outcomes, state) for state in (LABELLED, PENDING, GIVEN_UP)]
    restated = to_numpy(outcomes.column("restated"))[0] > 0
    return [
        Day(name, len(rows), *(int(mask[rows].sum()) for mask in (*states, restated))) for name, rows in _days(outcomes)
    ]


def delay_distribution(outcomes: pa.Table, *, give_up_us: int, after_us: Sequence[int] = _AFTER_US) -> Delays:
    """How late labels come: `label_known_at - as_of` of the answers that are labelled.

    Answers that wait still are not in it, so of recent days it tells the fast labels only. A label that was corrected
    counts as known when the correction was.

    Parameters:
        outcomes — the newest row of each answer.
        give_up_us — no label comes later; of `after_us`, times up to it are told.

    Examples:
        >>> rows = {"as_of": [0, 0, 0], "maturity": ["labelled", "labelled", "pending"]}
        >>> found = delay_distribution(pa.table({**rows, "label_known_at": [HOUR, 3 * HOUR, None]}), give_up_us=DAY)
        >>> found.count, found.quantiles_us["50"] // HOUR, found.max_us // HOUR, found.known_after["1h"]
        (2, 1, 3, 0.5)
    """
    labelled = _is(outcomes, LABELLED)
    at, known = (to_numpy(outcomes.column(name))[0][labelled] for name in ("as_of", "label_known_at"))
    delays = np.sort(known - at)
    told = [us for us in after_us if us <= give_up_us]
    if not len(delays):
        return Delays(0, {}, None, {})
    places = [max(-(-len(delays) * percent // 100), 1) - 1 for percent in _QUANTILES]
    come = np.searchsorted(delays, told, side="right") / len(delays)
    return Delays(
        len(delays),
        {str(percent): int(delays[place]) for percent, place in zip(_QUANTILES, places, strict=True)},
        int(delays[-1]),
        {format_duration(us): float(share) for us, share in zip(told, come, strict=True)},
    )


def scored(model: Model, outcomes: pa.Table) -> list[ScoredDay]:
    """The model's metrics by day of the request's time, over the answers that are labelled and have a score.

    A classification is scored by its probability, by its prediction where it gave none; a regression by its prediction.

    Parameters:
        outcomes — the newest row of each answer; of versions and definitions as the caller chose.
    """
    prediction = outcomes.column("prediction")
    kinds = {METRICS[name].kind for name in model.metrics}
    score = prediction if "regression" in kinds else pc.coalesce(outcomes.column("probability"), prediction)
    rows = outcomes.select(["as_of", "label"]).append_column("score", score)
    rows = rows.filter(pa.array(_is(outcomes, LABELLED) & to_numpy(score)[1]))
    truth, scores = (to_numpy(rows.column(name))[0] for name in ("label", "score"))
    return [ScoredDay(name, len(day), _metrics(model, truth[day], scores[day])) for name, day in _days(rows)]


def _metrics(model: Model, truth: Array, score: Array) -> dict[str, float | None]:
    rows, weights = Scored(truth, score), np.ones(len(truth))
    found = {name: METRICS[name].compute(rows, weights) for name in model.metrics}
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def _is(outcomes: pa.Table, state: str) -> Array:
    mask, _ = to_numpy(pc.equal(outcomes.column("maturity"), state))
    return mask


def _days(outcomes: pa.Table) -> Iterator[tuple[str, Array]]:
    """(day, its rows) in order of time."""
    day = to_numpy(outcomes.column("as_of"))[0] // DAY
    order = np.argsort(day, kind="stable")
    days, starts = np.unique(day[order], return_index=True)
    for number, start, end in zip(days, starts, np.append(starts, len(day))[1:], strict=True):
        yield format_instant(int(number) * DAY)[:10], order[start:end]
