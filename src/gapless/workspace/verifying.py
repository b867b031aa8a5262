"""Answers of a workspace, computed again: which tables, which bundles, which events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle import feature_set
from gapless.bundle.opening import open_scorer
from gapless.errors import NotFound
from gapless.ports.offline import TextRange, TimeRange
from gapless.product import Trust
from gapless.verifying.explain import Explanation
from gapless.verifying.explain import explain as explain_value
from gapless.verifying.history import History
from gapless.verifying.recomputing import Opened
from gapless.verifying.served import Named, Served, named
from gapless.verifying.verified import Verified
from gapless.verifying.verify import Choice
from gapless.verifying.verify import verify as verify_answers
from gapless.workspace.compacting import answered_bundle, compact
from gapless.workspace.parts import Parts

__all__ = ["Explained", "explain", "verify"]

_TABLES = "predictions/"


@dataclass(frozen=True)
class Explained:
    """One value of one answer.

    Parameters:
        verdict — how the whole answer was proven, or the cause of the difference: a name of WAYS or CAUSES.
        answers — how many answers have the request's id; the last one is explained.
    """

    request_id: str
    model: str
    version: str
    answers: int
    verdict: str
    explanation: Explanation

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        own = {name: getattr(self, name) for name in ("request_id", "model", "version", "answers", "verdict")}
        return {**own, **self.explanation.to_dict()}


def verify(
    parts: Parts,
    model: str | None,
    choice: Choice,
    *,
    most: int,
    allow_pickle: bool,
    progress: Callable[[int], None] | None,
) -> Verified:
    """See `Workspace.verify`."""
    _bring_in(parts)
    versions = _Versions(parts, allow_pickle=allow_pickle)
    within = TimeRange(choice.by, choice.from_us, choice.until_us)
    answers = (batch for table in _tables(parts, model) for batch in parts.offline.read(table, within=within))
    history = History(parts.offline)
    return verify_answers(answers, versions.open, history, choice, most=most, limits=parts.limits(), progress=progress)


def explain(parts: Parts, request: str, feature: str, model: str | None, *, allow_pickle: bool) -> Explained:
    """See `Workspace.explain`."""
    _bring_in(parts)
    rows = [row for table in _tables(parts, model) for row in _answers(parts, table, request)]
    if not rows:
        raise NotFound(
            "no answer to such a request is in the tables",
            seen=request,
            allowed=", ".join(_tables(parts, model)) or "(no table of answers)",
            next_step="gapless compact brings in what servers have logged, once they have let go of it",
        )
    answer = max(rows, key=lambda row: row.column("answered_at")[0].value)
    by = named(answer)[0]
    version, history = _Versions(parts, allow_pickle=allow_pickle).open(by), History(parts.offline)
    served = Served.of(by, version.features, answer)
    report = verify_answers([answer], lambda by: version, history, Choice(recheck=0))
    verdict = next((way for way, count in report.proven.items() if count), "not_landed")
    explanation = explain_value(
        version.features,
        served.row(0),
        feature,
        history,
        seen=served.seen(0),
        policy=version.policy,
        served=_value(answer, feature),
        was_served=feature in version.features.vector,
    )
    about = [one.cause for one in report.differences if one.feature == feature] or [
        one.cause for one in report.differences
    ]
    return Explained(request, by.model, by.version, len(rows), about[0] if about else verdict, explanation)


def _bring_in(parts: Parts) -> None:
    """What was answered and what was pushed is in the tables, as far as nobody writes to it any more."""
    compact(parts)


def _tables(parts: Parts, model: str | None) -> list[str]:
    start = _TABLES if model is None else f"{_TABLES}{model}/"
    return [name for name in parts.offline.tables() if name.startswith(start)]


def _answers(parts: Parts, table: str, request: str) -> Iterator[pa.RecordBatch]:
    """The landed rows of one request, one by one."""
    kind = parts.offline.read(table, columns=["request_id"]).schema.field("request_id").type
    if not pa.types.is_integer(kind):
        within: TextRange | TimeRange = TextRange("request_id", request, request)
    elif request.lstrip("-").isdigit():
        within = TimeRange("request_id", int(request), int(request) + 1)
    else:
        return
    with closing(parts.offline.read(table, within=within)) as reader:
        for batch in reader:
            yield from (batch.slice(i, 1) for i in range(batch.num_rows))


def _value(answer: pa.RecordBatch, feature: str) -> float | None:
    if feature not in answer.schema.names:
        return None
    value: float | None = answer.column(feature)[0].as_py()
    return value


class _Versions:
    """The versions that answered, each opened once."""

    def __init__(self, parts: Parts, *, allow_pickle: bool) -> None:
        self._parts, self._allow_pickle = parts, allow_pickle
        self._opened: dict[Named, Opened] = {}

    def open(self, by: Named) -> Opened:
        """The version by its bundle's hash, with the rules of trust that the product has now."""
        if by not in self._opened:
            bundle = answered_bundle(self._parts, by.model, by.version, by.bundle_hash)
            scorer = open_scorer(bundle, OnnxRuntime(), allow_pickle=self._allow_pickle)
            declared = self._parts.product.declared(by.model)
            features = feature_set(bundle).with_functions(self._parts.product.pandas_functions)
            self._opened[by] = Opened(features, scorer, Trust() if declared is None else declared.trust)
        return self._opened[by]
