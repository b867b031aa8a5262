"""A value that is not what it should have been: where it stands, both values, and what the facts say of the cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gapless.clock import format_duration, format_instant
from gapless.expr import columns_of
from gapless.product import FeatureSet
from gapless.verifying.candidates import Asked
from gapless.verifying.checking import GroupChecked
from gapless.verifying.naive import Event
from gapless.verifying.recomputing import Opened, Recomputed
from gapless.verifying.served import Served, same_bits
from gapless.windows import Window

__all__ = ["CAUSES", "Difference", "differences_of", "event_facts", "window_facts"]

CAUSES: Mapping[str, str] = {
    "vector_not_scored": "the vector in the log is not the one that was scored: the answer is right",
    "answer_not_scored": "the version gives another answer for this vector",
    "event_not_applied": "an event that the log holds, and that the answer says was in, was not applied",
    "event_applied_twice": "an event was applied twice",
    "later_events": "the state knew events that were not visible yet, and the answer does not say so",
    "damaged_record": "everything is null, as for a record that cannot be read, and the answer does not say so",
    "beyond_offsets": "events behind the offsets that the answer names were in",
    "no_offsets": "the answer does not say how far the state of this view was",
    "other_values": "as many events as the tables hold, with other values in them",
    "defaults": "the store was away, and the defaults that the product has now give another value",
    "expression": "the same inputs, and the on-demand expression gives another value",
    "follows": "follows from the features above",
    "not_searched": "there were many differences before it, and its cause was not looked for",
    "unexplained": "no way of looking at the events gives what was served",
}
"""What is known to go wrong, by the name that reports count."""


@dataclass(frozen=True)
class Difference:
    """One value of one answer.

    Parameters:
        feature — a column of the vector, or "prediction" or "probability".
        served, recomputed — None is null.
        cause — a name of CAUSES.
        window — of a windowed feature: its function and where it begins and ends.
        events — of a windowed feature: how many were in and inside its window, and how many were visible and not in.
        event — the one that the cause is about.
        groups — how far the parts of the view's state were, as the answer says.
    """

    request_id: Any
    model: str
    version: str
    as_of_us: int
    feature: str
    served: float | None
    recomputed: float | None
    cause: str
    window: Mapping[str, Any] | None = None
    events: Mapping[str, int] | None = None
    event: Mapping[str, Any] | None = None
    groups: Sequence[Mapping[str, Any]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "as_of_us"}
        return {
            **fields,
            "served": _finite(self.served),
            "as_of": format_instant(self.as_of_us),
            "explanation": CAUSES[self.cause],
            "groups": list(self.groups),
        }


def differences_of(opened: Opened, served: Served, i: int, made: Recomputed) -> Iterator[Difference]:
    """Every value of one answer that is not the recomputed one, in the order of the vector."""
    features, vector = opened.features, served.vector[i]
    places = np.flatnonzero(~same_bits(vector, made.vector[i])).tolist()
    differing = {features.vector[place] for place in places}
    own = _answers_equal(served, i, *_scored(opened, vector))
    is_right = _answers_equal(served, i, *_answer(made, i))
    for place in places:
        column = features.vector[place]
        cause, found, about = _cause(features, served, i, made, column, differing)
        cause = "vector_not_scored" if is_right and not own else cause
        facts = {} if found is None else _facts(found.failed[i], about, found.outcomes[i].event)
        yield _difference(served, i, column, vector[place], made.vector[i, place], cause, **facts)
    answer = "follows" if own and places else "answer_not_scored"
    for name, mine, theirs in zip(("prediction", "probability"), _served(served, i), _answer(made, i), strict=True):
        if not same_bits(mine, theirs).all():
            yield _difference(served, i, name, mine[0], theirs[0], answer)


def _difference(
    served: Served, i: int, name: str, mine: np.float32, theirs: np.float32, cause: str, **facts: Any
) -> Difference:
    at_us, by = int(served.at_us[i]), served.by
    return Difference(served.ids[i], by.model, by.version, at_us, name, _plain(mine), _plain(theirs), cause, **facts)


def _cause(
    features: FeatureSet, served: Served, i: int, made: Recomputed, column: str, differing: set[str]
) -> tuple[str, GroupChecked | None, str]:
    """(the cause, the group that it is of where it is of one, the column of that group)."""
    if column in features.on_demand_expressions:
        reads = _reads(features, column)
        if reads & differing:
            return "follows", None, column
        unseen = sorted(reads & _failed_columns(made, i))  # texts and instants are in no vector
        if not unseen:
            return ("defaults" if served.store_was_away[i] else "expression"), None, column
        column = unseen[0]
    if served.store_was_away[i]:
        return "defaults", None, column
    found = next(group for group in made.groups if column in group.layout.places)
    if i not in found.failed:
        return "unexplained", None, column
    asked, how = found.failed[i], found.outcomes[i].how
    if not asked.seen:
        how = "no_offsets"
    elif not how:
        how = "other_values" if _is_counted_alike(asked, differing) else "unexplained"
    return how, found, column


def _failed_columns(made: Recomputed, i: int) -> set[str]:
    """The columns of groups that could not be explained."""
    return {column for group in made.groups if i in group.failed for column in group.layout.places}


def _reads(features: FeatureSet, column: str) -> set[str]:
    """What an on-demand feature reads, by way of others too."""
    expressions = features.on_demand_expressions
    found: set[str] = set()
    waiting = [column]
    while waiting:
        read = columns_of(expressions[waiting.pop()]) - found
        found |= read
        waiting += [name for name in read if name in expressions]
    return found


def _is_counted_alike(asked: Asked, differing: set[str]) -> bool:
    """Whether features that count events are right while others of their group are not."""
    counts = [c for spec, columns in asked.group.specs if spec.function == "count" for c in columns]
    return bool(counts) and differing.isdisjoint(counts)


def _facts(asked: Asked, column: str, event: Event | None) -> dict[str, Any]:
    spec = next(spec for spec, columns in asked.group.specs if column in columns)
    lower = spec.window.lower(asked.at_us)
    return {
        "window": {"function": spec.function, **window_facts(spec.window, asked.at_us)},
        "events": {
            "in": sum(one.time >= lower for one in asked.visible),
            "not in": sum(one.time >= lower for one in asked.missed),
        },
        "event": None if event is None else event_facts(event, asked.group.source.name),
        "groups": [
            {"partition": one.partition, "offset": one.offset, "as_of": _instant(one.as_of_us)}
            for one in asked.seen.values()
        ],
    }


def window_facts(window: Window, at_us: int) -> dict[str, Any]:
    """Where a window begins and ends at an instant, as text."""
    return {
        "from": None if window.width_us is None else format_instant(window.lower(at_us)),
        "until": format_instant(at_us),
        "width": None if window.width_us is None else format_duration(window.width_us),
        "hop": format_duration(window.hop_us) if window.hop_us else None,
    }


def event_facts(event: Event, source: str) -> dict[str, Any]:
    """Which event it is."""
    return {
        "source": source,
        "time": format_instant(event.time),
        "known_at": format_instant(event.known),
        "partition": event.partition,
        "place": event.place,
    }


def _instant(us: int | None) -> str | None:
    return None if us is None else format_instant(us)


def _plain(value: np.float32) -> float | None:
    return None if np.isnan(value) else float(value)


def _finite(value: float | None) -> float | str | None:
    """JSON has no infinity, and only a lie does."""
    return value if value is None or abs(value) < float("inf") else str(value)


def _scored(opened: Opened, vector: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    scores = opened.scorer.score(vector[np.newaxis])
    return scores.prediction, _or_none(scores.probability)


def _answer(made: Recomputed, i: int) -> tuple[Any, Any]:
    probability = None if made.probability is None else made.probability[i : i + 1]
    return made.prediction[i : i + 1], _or_none(probability)


def _served(served: Served, i: int) -> tuple[Any, Any]:
    return served.prediction[i : i + 1], served.probability[i : i + 1]


def _or_none(probability: Any) -> Any:
    return np.full(1, np.nan, np.float32) if probability is None else probability


def _answers_equal(served: Served, i: int, prediction: Any, probability: Any) -> bool:
    mine = _served(served, i)
    return bool(same_bits(mine[0], prediction).all() and same_bits(mine[1], probability).all())
