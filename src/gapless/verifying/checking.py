"""One group of views over many answers: which way of looking at its events gives what each was served."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gapless.expr import columns_of, compile_row
from gapless.features import Group
from gapless.online import Layout
from gapless.ports.scorer import Float32
from gapless.product import FeatureSet, Trust
from gapless.verifying.candidates import Asked, Outcome, honest, part_of, says, wrong
from gapless.verifying.history import FILES, History
from gapless.verifying.key_table import KeyTable
from gapless.verifying.naive import KeyEvents, Value
from gapless.verifying.served import Served, same_bits

__all__ = ["GroupChecked", "check_group", "float32_of", "not_landed"]

_NAN = float("nan")
_EXPLAINED = 200
"""So many answers of a call are searched for the cause of their difference: it takes hundreds of ways for each."""


@dataclass(frozen=True, eq=False)
class GroupChecked:
    """What a group gave for each answer.

    Parameters:
        outcomes — one per answer.
        failed — by answer, the events and offsets of those that no honest way explains.
    """

    layout: Layout
    outcomes: Sequence[Outcome]
    failed: dict[int, Asked] = field(default_factory=dict)


def check_group(
    layout: Layout,
    features: FeatureSet,
    policy: Trust,
    served: Served,
    history: History,
    defaults: Mapping[str, Value],
) -> GroupChecked:
    """Every answer's features of one group, key by key, so that the events of a key are at hand once.

    Parameters:
        defaults — what an answer without any state was made from.
    """
    group, views = layout.group, layout.views
    wanted = _Wanted(group, features)
    early = [says(served.said(i), "asked_in_past", views, policy) for i in range(len(served))]
    table = KeyTable(group, served.requests, history, *_range(group, served, any(early)))
    events = KeyEvents(table)
    outcomes: dict[int, Outcome] = {}
    failed: dict[int, Asked] = {}
    at = served.at_us.tolist()
    away = served.store_was_away
    for i in np.argsort(table.codes, kind="stable").tolist():
        if away[i]:
            outcomes[i] = Outcome("store_unreachable", {column: defaults[column] for column in group.output_columns})
            continue
        asked = Asked(
            group,
            features.outputs,
            at[i],
            events.of(i),
            part_of(layout, served.seen(i)),
            early[i],
            says(served.said(i), "state_damaged", views, policy),
        )
        fits = partial(wanted.first, served, i)
        found = fits(honest(asked))
        if found is None:
            failed[i] = asked
            guess = fits(wrong(asked)) if len(failed) <= _EXPLAINED else Outcome("not_searched", {})
            right = wanted.nearest(served, i, honest(asked)).values
            found = Outcome("", right) if guess is None else Outcome(guess.how, right, guess.event)
        outcomes[i] = found
    return GroupChecked(layout, [outcomes[i] for i in range(len(served))], failed)


class _Wanted:
    """What of a vector depends on the request and on one group alone: its own features, and on-demand ones over them,
    by which alone a text or an instant is seen."""

    def __init__(self, group: Group, features: FeatureSet) -> None:
        own = {*group.output_columns, *features.requests.columns}
        self._programs = []
        for part in features.on_demands:
            mine = {column: e for column, e in part.expressions.items() if columns_of(e) <= own}
            own |= mine.keys()
            self._programs.append(compile_row(mine))
        columns = own - {*features.requests.columns}
        self._names = [name for name in features.vector if name in columns]
        self._places = np.array([features.vector.index(name) for name in self._names], np.int64)

    def first(self, served: Served, i: int, outcomes: Iterable[Outcome]) -> Outcome | None:
        """The first outcome that gives what was served."""
        return next((one for one, wrong in self._compared(served, i, outcomes) if not wrong), None)

    def nearest(self, served: Served, i: int, outcomes: Iterable[Outcome]) -> Outcome:
        """The one with the fewest values that were not served."""
        return min(self._compared(served, i, outcomes), key=lambda pair: pair[1])[0]

    def _compared(self, served: Served, i: int, outcomes: Iterable[Outcome]) -> Iterator[tuple[Outcome, int]]:
        """Each outcome, and how many values of it were not served."""
        row, vector = served.row(i), served.vector[i, self._places]
        for one in outcomes:
            values: dict[str, Any] = {**row, **one.values}
            for program in self._programs:
                values |= program(values)
            equal = same_bits(float32_of([values[name] for name in self._names]), vector)
            yield one, int(np.count_nonzero(~equal))


def float32_of(values: Sequence[Value]) -> Float32:
    """Values as a model sees them: cast once, null and what float32 does not hold are NaN."""
    wide: npt.NDArray[np.float64] = np.array([_NAN if value is None else value for value in values], np.float64)
    with np.errstate(over="ignore"):
        out = wide.astype(np.float32)
    out[np.isinf(out)] = np.nan
    return out


def _range(group: Group, served: Served, early: bool) -> tuple[int | None, int | None]:
    """The time of events that any of the answers can have seen; where state was of a later instant, since forever,
    for an event that became known late may be the newest one."""
    at = served.at_us
    known = [one.as_of_us for i in range(len(served)) for one in served.seen(i) if one.as_of_us is not None]
    end = max([int(at.max()), *(us + 1 for us in known)])
    return None if early else group.start_us(int(at.min())), end


def not_landed(asked: Asked, history: History) -> bool:
    """Whether an answer names events of the log that are not in the tables yet."""
    ends = {part.partition: part.end for part in history.parts(asked.group.source)}
    return any(one.partition != FILES and one.offset > ends.get(one.partition, 0) for one in asked.seen.values())
