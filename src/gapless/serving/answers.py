"""What stands between a model that answers and whoever asks: HTTP on one side, the predictor on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from gapless.schema import Schema, Type

__all__ = ["Answer", "Answered", "Answerer", "Features", "Freshness", "Health", "Models", "Row", "Signature", "Value"]

Value = float | bool | str | int | None
Row = Mapping[str, Value]
"""A request: every column of it by name. FLOAT is a float, INT an int, TIMESTAMP an int of µs UTC, None is null."""


@dataclass(frozen=True)
class Signature:
    """What a model wants to be asked and what it answers, as values that outlive the model.

    Parameters:
        columns — the columns of a request. All may be null but the id; an absent event time is the instant of asking.
        id, time — the names of its id column (STRING or INT) and of its event time.
        probability — whether answers carry one.
        features — every feature with its type, by column name; `vector` — those that the model sees, in its order.
        views — the names of its feature views.
        trust — the rules that judge its answers, as plain values.
    """

    model: str
    version: str
    definition_hash: str
    columns: Schema
    id: str
    time: str
    probability: bool
    features: Mapping[str, Type]
    vector: tuple[str, ...]
    views: tuple[str, ...] = ()
    trust: Mapping[str, Any] = field(default_factory=dict)


class Answer(msgspec.Struct, frozen=True, gc=False):
    """One prediction.

    Parameters:
        prediction, probability — float32 values; None where the model has no answer for such a row.
        trust — "ok", "degraded" or "unreliable"; reasons — why: code, level and facts, empty for "ok".
    """

    request_id: str | int
    as_of_us: int
    prediction: float | None
    probability: float | None
    trust: str
    reasons: Sequence[Mapping[str, Any]] = ()


class Answered(msgspec.Struct, frozen=True):
    """All answers of one call, in the order of its rows.

    Parameters:
        version, definition_hash — of what really answered: a fallback's where the live version could not.
        log_entries — what the prediction log is to hold before anybody hears the answers.
        stages — µs by stage ("lookup", "features", "score", "trust"), for the metrics.
        ages — by view, µs between the instant of asking and the newest instant its state knows; None: no state.
    """

    model: str
    version: str
    definition_hash: str
    rows: Sequence[Answer]
    log_entries: Sequence[bytes]
    stages: Mapping[str, int]
    ages: Mapping[str, int | None]


class Freshness(msgspec.Struct, frozen=True):
    """How much a view's state knows.

    Parameters:
        as_of_us — everything known until then is in; None: the view is not materialized and reads as nothing.
        age_us — from there to the instant of asking.
        expected_us — the age up to which it counts as fresh; None where nobody said.
    """

    as_of_us: int | None
    age_us: int | None
    expected_us: int | None = None


class Features(msgspec.Struct, frozen=True):
    """Features alone: `rows` in the order of the rows asked, each by column name; `at_us` is the instant of each.

    Parameters:
        reasons — by row, why its values are not those of its instant: the codes of trust, with the view; empty where
            they are.
    """

    types: Mapping[str, Type]
    rows: Sequence[Row]
    at_us: Sequence[int]
    views: Mapping[str, Freshness]
    reasons: Sequence[Sequence[Mapping[str, str]]]


class Answerer(Protocol):
    """One model, loaded. Taken from `Models` once for a request and kept until its answer: a swap changes nothing
    for who has it."""

    @property
    def signature(self) -> Signature:
        """What it wants to be asked and what it answers; the same object each time."""
        ...

    def answer(self, rows: Sequence[Row], now_us: int) -> Answered:
        """Predictions for rows as `Row` says, each with an event time.

        Raises: Transient where the store does not answer and the model's policy is to refuse; InputError for a value
            that the types allow and the model cannot take.

        Guarantees: may be called from several threads; does not block where `Models.local` is true.
        """
        ...

    def features(self, rows: Sequence[Row], now_us: int) -> Features:
        """The features that `answer` would see, on-demand ones included. Raises: Transient, InputError."""
        ...


@dataclass(frozen=True)
class Health:
    """The true state of what answers.

    Parameters:
        ready — every model that is live is loaded, there is one, and their state can be read or done without.
        models — by name: "version", "revision", "state" and what else is known of it; plain values.
        parts — "online", "metadata"…: None where it works, else what is wrong with it.
    """

    ready: bool
    models: Mapping[str, Mapping[str, Any]]
    parts: Mapping[str, str | None]


class Models(Protocol):
    """Every model that is live, each replaced as a whole when another version goes live. `serving.live` has the real
    one. All methods are quick and may be called from several threads."""

    @property
    def local(self) -> bool:
        """Whether state is read in microseconds and cannot hang (`OnlineCapabilities.local`)."""
        ...

    def get(self, model: str) -> Answerer:
        """What answers for a model now.

        Raises: NotFound for a model that nothing is live of; Transient where it is live and could not be loaded yet.
        """
        ...

    def models(self) -> Sequence[str]:
        """The names of the models that are live, sorted."""
        ...

    def health(self) -> Health:
        """The true state, as far as it was looked at lately."""
        ...

    def view_keys(self, views: Sequence[str]) -> Schema:
        """The columns of the entity keys of views together. Raises: NotFound for a view of no live model."""
        ...

    def view_features(self, views: Sequence[str], rows: Sequence[Row], at_us: Sequence[int], now_us: int) -> Features:
        """Features of views for entity keys, each row at its own instant. Raises: NotFound, Transient."""
        ...

    def start(self) -> None:
        """What is live is loaded when it returns, as far as it can be; changes are followed from then on."""
        ...

    def close(self) -> None:
        """Nothing is followed any more; files and connections are let go of."""
        ...
