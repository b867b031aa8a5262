"""One value, taken apart: which events are in it and why, which are not and why, and what is made of them.

request ─► key ─► events of the key ─┬─ in ─► tiles ─► result ─► float32
                                     └─ not in: null, filtered, before the window, not visible, not in yet
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from gapless.clock import format_instant
from gapless.errors import UnknownName
from gapless.expr import columns_of
from gapless.expr.show import show
from gapless.features import plan_groups
from gapless.online import Layout
from gapless.product import FeatureSet, Trust
from gapless.product.view import Feature
from gapless.serving.entries import GroupSeen
from gapless.serving.vectors import Vectors, request_columns
from gapless.verifying.candidates import Asked, part_of
from gapless.verifying.checking import float32_of
from gapless.verifying.differences import window_facts
from gapless.verifying.history import History
from gapless.verifying.key_table import KeyTable
from gapless.verifying.naive import Event, KeyEvents, Value, value_in, values_of
from gapless.verifying.recomputing import defaults_of
from gapless.windows import Spec
from gapless.windows.naive import naive

__all__ = ["EventLine", "Explanation", "TileLine", "explain"]

_OTHERS = 50
"""Events that are not in and that are listed; the nearest ones."""
_EVERYTHING = 2**63 - 1


class EventLine(NamedTuple):
    """One event of the key.

    Parameters:
        value — what the aggregation gets of it; of one that counts rows 1.
        inside — whether it is in the result; why — where it is not, the reason.
    """

    time_us: int
    known_us: int
    partition: int
    place: int
    value: Value
    inside: bool
    why: str


class TileLine(NamedTuple):
    """The events of one hop: how many are in, and what they alone give."""

    start_us: int | None
    events: int
    result: Value


@dataclass(frozen=True)
class Explanation:
    """How one value came to be.

    Parameters:
        value — recomputed by the definition, before it became float32; None is null.
        float32 — what the model sees; None is missing, and what is no number is no feature of the vector.
        served — what an answer holds; None where none was given, or null: see `was_served`.
        text — the aggregation, or the expression of an on-demand feature.
        key — source column → value; window, tiles, events — of a windowed feature.
        others — events that are not in, by reason; `events` lists all that are in and the nearest others.
        reads — of an on-demand feature: the columns that it reads.
        defaults — whether the store was away, and features of views are the author's defaults.
    """

    feature: str
    as_of_us: int
    text: str
    value: Value
    float32: float | None
    served: float | None = None
    was_served: bool = False
    source: str | None = None
    key: Mapping[str, Value] = field(default_factory=dict)
    window: Mapping[str, Any] | None = None
    tiles: Sequence[TileLine] = ()
    events: Sequence[EventLine] = ()
    others: Mapping[str, int] = field(default_factory=dict)
    reads: Mapping[str, Value] = field(default_factory=dict)
    groups: Sequence[Mapping[str, Any]] = ()
    defaults: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "as_of_us"}
        return {
            **fields,
            "as_of": format_instant(self.as_of_us),
            "tiles": [_dated(one._asdict()) for one in self.tiles],
            "events": [_dated(one._asdict()) for one in self.events],
            "groups": list(self.groups),
        }


def explain(
    features: FeatureSet,
    row: Mapping[str, Any],
    feature: str,
    history: History,
    *,
    seen: Iterable[GroupSeen] | None = None,
    policy: Trust | None = None,
    served: float | None = None,
    was_served: bool = False,
) -> Explanation:
    """How the value of one feature for one request is made.

    Parameters:
        row — request column → value, instants in µs.
        seen — what an answer says of the state; empty: the store was away. None: as known at the request's instant.
        policy — whose defaults were used while the store was away.
        served — what the answer holds of the feature, where `was_served`.

    Raises: UnknownName for a feature that there is none of.

    Guarantees: the events that are in, given to `windows.naive.naive` in their order, make the value.

    Cost: a pass over the source of each group of views.
    """
    if feature not in features.outputs:
        raise UnknownName("feature", feature, features.outputs)
    at_us = row[features.requests.event_time]
    parts = None if seen is None else list(seen)
    away = parts == [] and bool(features.views)
    asked = {} if away else dict(_asked(features, row, at_us, parts, history))
    looked_up = defaults_of(features, policy or Trust()) if away else {}
    for one in asked.values():
        looked_up |= values_of(one.group, one.visible, at_us, features.outputs)
    values, _ = Vectors(features).row(row, looked_up)
    value = values[feature]
    numeric = features.outputs[feature].is_numeric
    common = {
        "feature": feature,
        "as_of_us": at_us,
        "value": value,
        "float32": _finite(float32_of([value])[0].item()) if numeric else None,
        "served": served,
        "was_served": was_served,
        "defaults": away,
    }
    declared = {f.column: f for view in features.views for f in view.features}
    if feature in declared:
        facts = {} if away else _windowed(declared[feature], _of(asked, feature), row)
        return Explanation(text=_text(declared[feature]), **common, **facts)
    expression = features.on_demand_expressions[feature]
    reads = {name: values[name] for name in sorted(columns_of(expression))}
    return Explanation(text=show(expression), reads=reads, **common)


def _asked(
    features: FeatureSet, row: Mapping[str, Any], at_us: int, seen: list[GroupSeen] | None, history: History
) -> Iterator[tuple[Layout, Asked]]:
    requests = pa.RecordBatch.from_pydict(request_columns(features, [row]))
    for group in plan_groups(features.views):
        layout = Layout.of(group)
        if seen is None:
            numbers = [part.partition for part in history.parts(group.source)]
            parts = {one: GroupSeen(b"", 0, _EVERYTHING, _EVERYTHING, one) for one in numbers}
        else:
            parts = part_of(layout, seen)
        events = KeyEvents(KeyTable(group, requests, history, None, None)).of(0)
        yield layout, Asked(group, features.outputs, at_us, events, parts, early=False, damaged=False)


def _of(asked: Mapping[Layout, Asked], feature: str) -> Asked:
    return next(one for layout, one in asked.items() if feature in layout.places)


def _windowed(feature: Feature, asked: Asked, row: Mapping[str, Any]) -> dict[str, Any]:
    group = asked.group
    spec = next(spec for spec, columns in group.specs if feature.column in columns)
    lines = [_line(asked, spec, event) for event in asked.events]
    others = [line for line in lines if not line.inside]
    near = set(sorted(others, key=lambda line: abs(line.time_us - asked.at_us))[:_OTHERS])
    return {
        "source": group.source.name,
        "key": {column: row[key] for key, column in group.keys},
        "window": window_facts(spec.window, asked.at_us),
        "tiles": _tiles(spec, [line for line in lines if line.inside]),
        "events": [line for line in lines if line.inside or line in near],
        "others": dict(Counter(line.why for line in others)),
        "groups": [_seen_facts(one) for one in asked.seen.values() if one.offset != _EVERYTHING],
    }


def _line(asked: Asked, spec: Spec, event: Event) -> EventLine:
    why = _why_not(asked, spec, event)
    return EventLine(event.time, event.known, event.partition, event.place, value_in(event, spec), not why, why)


def _why_not(asked: Asked, spec: Spec, event: Event) -> str:
    """The reason why an event is not in a value; empty where it is in."""
    if event.time < spec.window.lower(asked.at_us):
        return "before the window"
    if event.time >= asked.at_us:
        return "not before the request"
    if event.known > asked.at_us:
        return "not known yet"
    if not asked.is_in(event):
        return "not in yet"
    if spec.input is None:
        return ""
    if not event.kept[spec.input]:
        return "filtered by where="
    return "null" if event.values[spec.input] is None else ""


def _tiles(spec: Spec, lines: Sequence[EventLine]) -> list[TileLine]:
    """What lies in one hop together; none for a window that moves with the request."""
    hop = spec.window.hop_us
    if spec.window.width_us is not None and not hop:
        return []
    by_start: dict[int | None, list[Value]] = {}
    for line in lines:
        by_start.setdefault(line.time_us // hop * hop if hop else None, []).append(line.value)
    return [
        TileLine(start, len(values), naive(spec.function, values, n=spec.n)[0]) for start, values in by_start.items()
    ]


def _seen_facts(seen: GroupSeen) -> dict[str, Any]:
    as_of = None if seen.as_of_us is None else format_instant(seen.as_of_us)
    return {"partition": seen.partition, "offset": seen.offset, "as_of": as_of}


def _text(feature: Feature) -> str:
    inner = [] if feature.input is None else [show(feature.input)]
    inner += [] if feature.where is None else [f"where={show(feature.where)}"]
    rank = f", {feature.rank} of {feature.n}" if feature.rank else ""
    return f"{feature.function}({', '.join(inner)}){rank}"


def _finite(value: float) -> float | None:
    return value if value - value == 0 else None


def _dated(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name.removesuffix("_us"): format_instant(value) if name.endswith("_us") and value is not None else value
        for name, value in fields.items()
    }
