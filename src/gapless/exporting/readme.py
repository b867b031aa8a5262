"""README.md of a package: for the one who uses it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import resources
from string import Template
from typing import Any

from gapless.bundle import Bundle
from gapless.exporting.columns import looked_up, on_demand
from gapless.product import FeatureSet
from gapless.schema import Type

__all__ = ["readme"]

_EXAMPLES: dict[Type, Any] = {
    Type.FLOAT: 1.5,
    Type.INT: 1,
    Type.BOOL: True,
    Type.STRING: "text",
    Type.TIMESTAMP: "2013-12-01T10:15:00Z",
}


def readme(name: str, bundle: Bundle, features: FeatureSet, version: str) -> str:
    """The text, with a request of this model as its example."""
    text = resources.files(__package__).joinpath("package", "README.template").read_text(encoding="utf-8")
    return Template(text).substitute(
        name=name,
        model=bundle.manifest.model,
        model_text=json.dumps(bundle.manifest.model),
        version=version,
        bundle=bundle.hash[:16],
        request=_example(features.requests.columns),
        time=features.requests.event_time,
        looked_up=_named(looked_up(features)),
        computed=_named(on_demand(features)),
    )


def _example(columns: Mapping[str, Type]) -> str:
    pairs = (f"{json.dumps(name)}: {json.dumps(_EXAMPLES[kind])}" for name, kind in columns.items())
    return f"{{ {', '.join(pairs)} }}"


def _named(columns: Iterable[str]) -> str:
    names = [f"`{name}`" for name in columns]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more if names else "none"
