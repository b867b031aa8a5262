"""One version of a model, ready to answer: what was trained, computed again from the request and the online store.

rows ─► one read of the store ─► on_demands, float32 ─► scorer ─► how far to trust it ─► answers and log entries
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gapless.clock import SECOND
from gapless.errors import InputError
from gapless.online import OnlineReader
from gapless.ports.scorer import Float32, Scorer, Scores
from gapless.product import FeatureSet, Trust
from gapless.serving.answers import Answer, Answered, Features, Freshness, Row, Signature, Value
from gapless.serving.batch import Version
from gapless.serving.entries import Entry, encode_entry
from gapless.serving.lookup import Lookup, Seen, reasons_of
from gapless.serving.trust import Judge, Judged
from gapless.serving.vectors import Vectors, request_columns

__all__ = ["FEW", "Predictor"]

FEW = 100
"""Up to so many rows are computed one by one; more of them column by column, which gives the same bits."""

_EDGE = 2**63
_LOOKS = 3
_MOVES_US = 10 * SECOND  # beyond that it is no race but a clock that is wrong, and the answer says so
_STAGES = ("lookup", "features", "score", "trust", "entries")


class Predictor:
    """A version that answers.

    Parameters:
        features — what its bundle says of its features.
        scorer — of the same bundle; it has given its golden answers.
        reader — of these features, over a store that does not hang (see `serving.breaker`).
        policy, judge — the rules of trust, and these rules over the bundle's profile.
        probability — whether the scorer gives one.
        ticks — a clock for durations, in ns.

    Guarantees: an answer has the bits of batch prediction with the same events known; a row alone has the bits that it
        has among others. Safe to call from several threads.

    Cost: about 100 µs for one row of 100 features from an embedded store; 10,000 rows about 1 s.
    """

    def __init__(
        self,
        version: Version,
        features: FeatureSet,
        scorer: Scorer,
        reader: OnlineReader,
        policy: Trust,
        judge: Judge,
        *,
        probability: bool,
        ticks: Callable[[], int],
    ) -> None:
        self._version, self.feature_set, self._scorer, self._judge = version, features, scorer, judge
        self._policy, self._probability, self._ticks = policy, probability, ticks
        self._lookup, self._vectors = Lookup(features, reader, policy), Vectors(features)
        requests = features.requests
        assert requests.event_id is not None
        self._id, self._time, self._names = requests.event_id, requests.event_time, tuple(requests.columns)

    @property
    def bundle_hash(self) -> str:
        """Of the bundle that it was opened from."""
        return self._version.bundle_hash

    @property
    def refuses_without_store(self) -> bool:
        """Whether its policy is to give no answer while the online store is away."""
        return self._policy.on_store_down == "refuse" and bool(self.feature_set.views)

    @cached_property
    def signature(self) -> Signature:
        """What it wants to be asked and what it answers."""
        features = self.feature_set
        return Signature(
            self._version.model,
            self._version.version,
            self._version.definition_hash,
            features.requests.columns,
            self._id,
            self._time,
            self._probability,
            features.outputs,
            features.vector,
            tuple(view.name for view in features.views),
            self._policy.to_dict(),
        )

    def not_materialized(self) -> Sequence[str]:
        """The views without complete state. Raises: Transient where the store does not answer."""
        return self._lookup.not_materialized()

    def warm(self, now_us: int) -> None:
        """Everything that a first answer would wait for is done: one row and many rows have been computed."""
        nobody: dict[str, Value] = {**dict.fromkeys(self._names), self._id: None, self._time: now_us}
        for rows in ([nobody], [nobody] * (FEW + 1)):
            self._computed(self._asked(rows, now_us))

    def answer(self, rows: Sequence[Row], now_us: int) -> Answered:
        """Predictions for rows, each with an event time; see `Answerer.answer`."""
        return self.answer_as(rows, now_us, self._version.version)

    def answer_as(self, rows: Sequence[Row], now_us: int, live_version: str) -> Answered:
        """The same, where `live_version` is what should answer: another than this one is a reason to trust less."""
        instead_of = None if live_version == self._version.version else live_version
        if instead_of is not None:  # the rows are typed by the other version, which may know other columns
            rows = [{name: row.get(name) for name in self._names} for row in rows]
        ticks = [self._ticks()]
        asked = self._asked(rows, now_us, instead_of)
        ticks.append(self._ticks())
        columns, matrix = self._computed(asked)
        ticks.append(self._ticks())
        scores = self._scorer.score(matrix)
        ticks.append(self._ticks())
        judged = self._judged(asked, columns, matrix, ~np.isnan(scores.main))
        ticks.append(self._ticks())
        answers = self._answers(asked, scores, judged)
        entries = self._entries(asked, now_us, live_version, matrix, answers)
        ticks.append(self._ticks())
        return Answered(
            self._version.model,
            self._version.version,
            self._version.definition_hash,
            answers,
            entries,
            {name: (ticks[i + 1] - ticks[i]) // 1_000 for i, name in enumerate(_STAGES)},
            self._ages(asked.seen, now_us),
        )

    def features(self, rows: Sequence[Row], now_us: int) -> Features:
        """What `answer` would see; see `Answerer.features`."""
        asked = self._asked(rows, now_us)
        columns, _ = self._computed(asked)
        names, as_of, expected = self.feature_set.outputs, asked.seen.as_of_us, self._judge.freshness_us
        found = [{name: row[name] for name in names} for row in _by_row(columns, len(rows))]
        ages = self._ages(asked.seen, now_us)
        views = {view: Freshness(as_of.get(view), age, expected.get(view)) for view, age in ages.items()}
        return Features(names, found, asked.at_us, views, reasons_of(asked.seen, len(rows), views))

    # --- stages ---

    def _asked(self, rows: Sequence[Row], now_us: int, instead_of: str | None = None) -> _Asked:
        at_us = [_instant(row, self._time) for row in rows]
        seen = self._lookup(rows, at_us)
        if seen.newest_us and now_us in at_us:
            rows, at_us, seen = self._looked_again(rows, at_us, seen, now_us)
        return _Asked(rows, at_us, seen, instead_of)

    def _looked_again(
        self, rows: Sequence[Row], at_us: list[int], seen: Seen, now_us: int
    ) -> tuple[Sequence[Row], list[int], Seen]:
        """Who asks about now means the instant of the look: what has come in meanwhile is no future."""
        asked_now = [i for i, at in enumerate(at_us) if at == now_us]
        rows, at_us = list(rows), list(at_us)
        for _ in range(_LOOKS):
            latest = now_us + _MOVES_US
            moved = {i: seen.newest_us[i] for i in asked_now if seen.newest_us.get(i, latest) < latest}
            if not moved:
                break
            for i, newest in moved.items():
                rows[i], at_us[i] = {**rows[i], self._time: newest}, newest
            seen = self._lookup(rows, at_us)
        return rows, at_us, seen

    def _computed(self, asked: _Asked) -> tuple[_Columns, Float32]:
        """(every column: of each row where they are few, else of the table; the vectors)."""
        rows, seen = asked.rows, asked.seen
        if len(rows) > FEW:
            return self._vectors.table(request_columns(self.feature_set, rows), seen.columns())
        made = [self._vectors.row(row, seen.row(i)) for i, row in enumerate(rows)]
        vectors = [vector for _, vector in made]
        return [values for values, _ in made], vectors[0] if len(made) == 1 else self._vectors.stacked(vectors)

    def _judged(
        self, asked: _Asked, columns: _Columns, matrix: Float32, answered: npt.NDArray[np.bool_]
    ) -> Sequence[Judged]:
        if isinstance(columns, list):
            return [self._judged_row(asked, i, row, matrix[i], bool(answered[i])) for i, row in enumerate(columns)]
        seen = asked.seen
        table = self._judge.judge_table(
            columns,
            matrix,
            at_us=np.array(asked.at_us, np.int64),
            as_of_us=seen.as_of_us,
            asked_in_past=seen.asked_in_past(),
            damaged=seen.damaged(),
            store_down=seen.store_down,
            instead_of=asked.instead_of,
            answered=answered,
        )
        return [table.row(i) for i in range(len(matrix))]

    def _judged_row(self, asked: _Asked, i: int, row: Mapping[str, Any], vector: Float32, answered: bool) -> Judged:
        seen = asked.seen
        return self._judge.judge_row(
            row,
            vector,
            at_us=asked.at_us[i],
            as_of_us=seen.as_of_us,
            asked_in_past=seen.views_asked_in_past(i),
            damaged=seen.views_damaged(i),
            store_down=seen.store_down,
            instead_of=asked.instead_of,
            answered=answered,
        )

    def _answers(self, asked: _Asked, scores: Scores, judged: Sequence[Judged]) -> list[Answer]:
        ids: list[Any] = [row[self._id] for row in asked.rows]
        predictions = _values(scores.prediction)
        probabilities = [None] * len(ids) if scores.probability is None else _values(scores.probability)
        each = zip(ids, asked.at_us, predictions, probabilities, judged, strict=True)
        return [Answer(id, at, value, share, one.trust, one.reasons) for id, at, value, share, one in each]

    def _entries(
        self,
        asked: _Asked,
        now_us: int,
        live_version: str,
        matrix: Float32,
        answers: Sequence[Answer],
    ) -> list[bytes]:
        known, seen = self._version, asked.seen
        little_endian = matrix.astype("<f4", copy=False)
        return [
            encode_entry(
                Entry(
                    request_id=answer.request_id,
                    model=known.model,
                    version=known.version,
                    live_version=live_version,
                    definition_hash=known.definition_hash,
                    bundle_hash=known.bundle_hash,
                    as_of_us=answer.as_of_us,
                    answered_us=now_us,
                    inputs=row,
                    vector=little_endian[i].tobytes(),
                    prediction=answer.prediction,
                    probability=answer.probability,
                    trust=answer.trust,
                    reasons=answer.reasons,
                    groups=seen.groups_of(i),
                )
            )
            for i, (row, answer) in enumerate(zip(asked.rows, answers, strict=True))
        ]

    def _ages(self, seen: Seen, now_us: int) -> dict[str, int | None]:
        as_of = seen.as_of_us
        return {
            view: None if known is None else now_us - known
            for view in self.signature.views
            for known in (as_of.get(view),)
        }


@dataclass(frozen=True)
class _Asked:
    """One call: rows with their instants, what was looked up, and the version that should have answered."""

    rows: Sequence[Row]
    at_us: Sequence[int]
    seen: Seen
    instead_of: str | None


_Columns = list[dict[str, Any]] | Mapping[str, Any]


def _instant(row: Row, time: str) -> int:
    at = row[time]
    if type(at) is int and -_EDGE <= at < _EDGE:
        return at
    raise InputError(
        "a request without an event time",
        seen=at,
        allowed="whole microseconds since 1970-01-01 UTC",
        next_step="give every request the instant that it asks about",
    )


def _values(scores: npt.NDArray[np.float32]) -> list[float | None]:
    """float32 values as Python's floats; None where there is no answer."""
    return [None if value != value else value for value in scores.tolist()]


def _by_row(columns: _Columns, rows: int) -> Sequence[Mapping[str, Value]]:
    if isinstance(columns, list):
        return columns
    plain = {name: _plain(column).to_pylist() for name, column in columns.items()}
    return [{name: values[i] for name, values in plain.items()} for i in range(rows)]


def _plain(column: Any) -> Any:
    """Instants as whole microseconds."""
    return column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column
