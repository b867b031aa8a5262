"""The columns of a version as TypeScript: what a request has, what is looked up, what is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gapless.exporting.names import quoted
from gapless.product import FeatureSet
from gapless.schema import Type

__all__ = ["columns_text", "looked_up", "on_demand", "types_module"]

_GIVEN = {
    Type.FLOAT: "number",
    Type.INT: "number",
    Type.BOOL: "boolean",
    Type.STRING: "string",
    Type.TIMESTAMP: "Instant",
}
_COMPUTED = {**_GIVEN, Type.TIMESTAMP: "bigint"}
_SERVED = {**_GIVEN, Type.TIMESTAMP: "string"}

_HEAD = """\
/** Generated: the columns of this version. */
import type { Instant } from "./instants.js";
"""


def looked_up(features: FeatureSet) -> dict[str, Type]:
    """The columns of views, in the author's order."""
    return {f.column: f.type for view in features.views for f in view.features}


def on_demand(features: FeatureSet) -> dict[str, Type]:
    """The columns of on_demands, in the author's order."""
    return {column: e.type for column, e in features.on_demand_expressions.items()}


def columns_text(columns: Mapping[str, Type]) -> str:
    """As a list of name and kind.

    Examples:
        >>> columns_text({"x": Type.FLOAT})
        '[["x", "float"]]'
    """
    return f"[{', '.join(f'[{quoted(name)}, {quoted(kind.value)}]' for name, kind in columns.items())}]"


def types_module(features: FeatureSet) -> str:
    """types.ts: the interfaces that a caller sees."""
    requests = features.requests
    assert requests.event_id is not None
    kinds: dict[str, Any] = dict(requests.columns)
    identity = _GIVEN[kinds[requests.event_id]]
    asked = (_request_line(name, kind, features) for name, kind in kinds.items())
    parts = [
        _HEAD,
        f"/** What names a request. */\nexport type RequestId = {identity};\n",
        _interface("What is absent is null; without an event time it is of now.", "Request", asked),
        _interface(
            "What is looked up for a request: every column, null where there is nothing.",
            "LookedUp",
            _lines(looked_up(features), _GIVEN),
        ),
        _interface("What is computed of both.", "OnDemand", _lines(on_demand(features), _COMPUTED)),
        _interface("The same as a server tells it.", "OnDemandServed", _lines(on_demand(features), _SERVED)),
    ]
    return "\n".join(parts)


def _request_line(name: str, kind: Type, features: FeatureSet) -> str:
    if name == features.requests.event_id:
        return f"readonly {quoted(name)}: {_GIVEN[kind]};"
    note = "/** The event time. */ " if name == features.requests.event_time else ""
    return f"{note}readonly {quoted(name)}?: {_GIVEN[kind]} | null;"


def _lines(columns: Mapping[str, Type], types: Mapping[Type, str]) -> Iterable[str]:
    return (f"readonly {quoted(name)}: {types[kind]} | null;" for name, kind in columns.items())


def _interface(about: str, name: str, lines: Iterable[str]) -> str:
    body = "".join(f"  {line}\n" for line in lines)
    return f"/** {about} */\nexport interface {name} {{\n{body}}}\n"
