"""Answers as `gapless compact` lands them, a truth that comes later, and the story of each answer the slow way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gapless.adapters.delta import DeltaStore
from gapless.arrow import TIMESTAMP, schema_to_arrow
from gapless.clock import DAY, HOUR
from gapless.features import TableSources
from gapless.serving.landing import definition_of
from gapless.streaming.outcomes import OUTCOMES
from gapless.training.labels import GIVEN_UP, LABELLED, PENDING
from tests.features.world import MODEL, TRUTH

GIVE_UP = 2 * DAY
DELAY = HOUR  # of the truth's source
TABLES = ("predictions/m/0123456789ab", "predictions/m/0123456789ab-00c01dad", "predictions/m/ba9876543210")
SCHEMA = definition_of(MODEL.feature_set).schema

Truth = tuple[str, float | None, int]
"""request, y, its time."""


@dataclass(frozen=True)
class Answer:
    """One answer of a table of predictions."""

    request: str
    as_of_us: int
    answered_us: int
    table: str = TABLES[0]
    probability: float = 0.25


def land(store: DeltaStore, answers: Sequence[Answer]) -> None:
    """They are behind what their tables hold."""
    for table in TABLES:
        rows = [_landed(answer) for answer in answers if answer.table == table]
        if rows:
            made = pa.Table.from_pylist(rows, schema=SCHEMA)
            version = store.version(table)
            store.append(table, made.to_reader(), batch_id=f"landed {version}")


def _landed(answer: Answer) -> dict[str, Any]:
    return {
        "request_id": answer.request,
        "id": answer.request,
        "as_of": answer.as_of_us,
        "answered_at": answer.answered_us,
        "prediction": float(answer.probability > 0.5),
        "probability": answer.probability,
        "trust": "ok",
        "model": "m",
        "model_version": "3",
        "definition_hash": answer.table[-12:],
    }


def truth_source(rows: Sequence[Truth]) -> TableSources:
    columns = {
        "id": [row[0] for row in rows],
        "y": [row[1] for row in rows],
        "t": pa.array([row[2] for row in rows], pa.int64()).cast(TIMESTAMP),
    }
    return TableSources({"truth": pa.table(columns, schema=schema_to_arrow(TRUTH.columns))})


# ---- the slow way --------------------------------------------------------------------------------

State = tuple[str, float | None, int | None]


def state_of(answer: Answer, rows: Sequence[Truth], known_by: int) -> State:
    """(maturity, label, when it was known), from the words of the definition."""
    at = answer.as_of_us
    seen = [
        (when + DELAY, place, y > 0)
        for place, (name, y, when) in enumerate(rows)
        if name == answer.request and y is not None and at <= when and when + DELAY <= min(known_by, at + GIVE_UP)
    ]
    if seen:
        known, _, value = max(seen)
        return LABELLED, float(value), known
    return (GIVEN_UP if known_by >= at + GIVE_UP else PENDING), None, None


class Stories:
    """Of every answer, the rows so far."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.rows: list[list[dict[str, Any]]] = []
        self.last = -1
        """known_by of the newest row of all."""

    def join(self, rows: Sequence[Truth], known_by: int, late: int | None) -> None:
        last = self.last
        for answer, story in zip(self.answers, self.rows, strict=True):
            if story and late is not None and answer.as_of_us + GIVE_UP + late <= last:
                continue
            maturity, label, known = state_of(answer, rows, known_by)
            before = story[-1] if story else None
            if before is not None and (before["maturity"], before["label"], before["label_known_at"]) == (
                maturity,
                label,
                known,
            ):
                continue
            corrected = before is not None and before["maturity"] == maturity == LABELLED and before["label"] != label
            story.append(
                {
                    "maturity": maturity,
                    "label": label,
                    "label_known_at": known,
                    "revision": len(story),
                    "restated": corrected + (before["restated"] if before else 0),
                    "known_by": known_by,
                }
            )
            self.last = known_by

    def add(self, answers: Sequence[Answer]) -> None:
        self.answers += answers
        self.rows += [[] for _ in answers]

    def table(self) -> list[tuple[Any, ...]]:
        """As `told` gives them."""
        place: dict[str, int] = {}
        made = []
        for answer, story in zip(self.answers, self.rows, strict=True):
            row = place[answer.table] = place.get(answer.table, -1) + 1
            who = (answer.table, row, answer.request, answer.as_of_us, answer.answered_us)
            made += [(*who, *one.values()) for one in story]
        return sorted(made, key=_place)


_TOLD = ("answer_table", "answer_row", "request_id", "as_of", "answered_at", "maturity", "label", "label_known_at")


def told(outcomes: pa.Table) -> list[tuple[Any, ...]]:
    """Rows of a table of outcomes, each answer's story in order; times as numbers."""
    names = [*_TOLD, "revision", "restated", "known_by"]
    plain = [outcomes.column(name).cast(pa.int64()) if OUTCOMES.field(name).type == TIMESTAMP else outcomes.column(name)
             for name in names]  # fmt: skip
    return sorted(zip(*(column.to_pylist() for column in plain), strict=True), key=_place)


def _place(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[0], row[1], row[8]


def random_answers(draw: random.Random, now: int) -> list[Answer]:
    """Requests of some days, some asked again: at the same time, at another, answered by another definition, late."""
    made = []
    for _ in range(draw.randrange(12)):
        request, at = f"r{draw.randrange(25)}", now - draw.choice([draw.randrange(6 * HOUR), draw.randrange(5 * DAY)])
        for _ in range(draw.choice([1, 1, 1, 2, 4])):
            at += draw.choice([0, 0, HOUR])
            made.append(Answer(request, at, at + draw.randrange(HOUR), draw.choice(TABLES), draw.random()))
    return made


def random_truth(draw: random.Random, now: int) -> list[Truth]:
    """Truths of some days, corrections among them; some come in long after they were known."""
    moments = [now - draw.choice([DELAY, draw.randrange(HOUR, 6 * HOUR), draw.randrange(4 * DAY)]) for _ in range(15)]
    return [(f"r{draw.randrange(28)}", draw.choice([1.0, 0.0, 0.0, None]), at) for at in moments]
