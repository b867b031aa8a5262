"""definition.ts: what a version is, as constants."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from gapless.bundle import Bundle
from gapless.bundle.profile import Profile
from gapless.exporting.columns import columns_text, looked_up, on_demand
from gapless.exporting.names import quoted
from gapless.ports.scorer import Float32
from gapless.product import FeatureSet, Trust
from gapless.product.trust import DEFAULT_LEVELS
from gapless.serving.usual import entity_columns

__all__ = ["definition_module"]

_HEAD = """\
/** Generated: what this version is. */
import type { Entity, Level, TrustRules } from "./judging.js";
import type { Columns } from "./rows.js";
"""


def definition_module(
    bundle: Bundle,
    features: FeatureSet,
    profile: Profile | None,
    version: str,
    trust: Trust,
    freshness: Mapping[str, int],
) -> str:
    """The module's text.

    Parameters:
        profile — what training saw; None: nothing is said of ranges and ages.
        trust — the author's rules; freshness — in µs by view, where the author says something else than the version.
    """
    fresh = {view.name: freshness.get(view.name, view.freshness_us) for view in features.views}
    constants = {**_identity(bundle, version), **_shape(bundle, features), **_usual(features, profile, fresh)}
    constants["RULES: TrustRules"] = _rules(trust)
    return _HEAD + "".join(f"export const {name} = {value};\n" for name, value in constants.items())


def _identity(bundle: Bundle, version: str) -> dict[str, str]:
    manifest = bundle.manifest
    return {
        "MODEL": quoted(manifest.model),
        "VERSION": quoted(version),
        "DEFINITION_HASH": quoted(manifest.definition_hash),
        "BUNDLE_HASH": quoted(bundle.hash),
    }


def _shape(bundle: Bundle, features: FeatureSet) -> dict[str, str]:
    requests = features.requests
    assert requests.event_id is not None
    return {
        "ID": quoted(requests.event_id),
        "TIME": quoted(requests.event_time),
        "COLUMNS: Columns": columns_text(requests.columns),
        "LOOKED_UP: Columns": columns_text(looked_up(features)),
        "ON_DEMAND: Columns": columns_text(on_demand(features)),
        "VECTOR: readonly string[]": json.dumps(list(bundle.manifest.names)),
        "TAKES_MISSING: boolean": json.dumps(bundle.manifest.takes_missing),
        "SMALLEST_BATCH: number": json.dumps(bundle.manifest.smallest_batch),
    }


def _rules(trust: Trust) -> str:
    age = trust.max_model_age_us
    fields = {
        "levels": json.dumps(dict(trust.levels)),
        "ignore": json.dumps(list(trust.ignore)),
        "maxModelAgeUs": "null" if age is None else _microseconds(age),
        "missingLimit": json.dumps(trust.missing_limit),
        "rangeMargin": json.dumps(trust.range_margin),
    }
    return f"{{ {', '.join(f'{name}: {value}' for name, value in fields.items())} }}"


def _usual(features: FeatureSet, profile: Profile | None, freshness: Mapping[str, int]) -> dict[str, str]:
    views = {name: _microseconds(us) for name, us in freshness.items()}
    homes = {f.column: quoted(view.name) for view in features.views for f in view.features}
    entities = [
        f"{{ entity: {quoted(one.entity)}, columns: {json.dumps([list(pair) for pair in one.empty])} }}"
        for one in entity_columns(features, Trust())
    ]
    return {
        "DEFAULT_LEVELS: ReadonlyMap<string, Level>": _map({c: quoted(level) for c, level in DEFAULT_LEVELS.items()}),
        "VIEWS: ReadonlyMap<string, bigint>": _map(views),
        "VIEW_OF: ReadonlyMap<string, string>": _map(homes),
        "ENTITIES: readonly Entity[]": f"[{', '.join(entities)}]",
        "LOW: readonly (number | null)[] | null": "null" if profile is None else _numbers(profile.low),
        "HIGH: readonly (number | null)[] | null": "null" if profile is None else _numbers(profile.high),
        "ROW_MISSING: number": json.dumps(0.0 if profile is None else profile.row_missing),
        "TRAINED_UNTIL_US: bigint | null": "null" if profile is None else _microseconds(profile.trained_until_us),
    }


def _map(pairs: Mapping[str, str]) -> str:
    return f"new Map([{', '.join(f'[{quoted(name)}, {value}]' for name, value in pairs.items())}])"


def _microseconds(us: int) -> str:
    return f"{us}n"


def _numbers(values: Float32) -> str:
    """As JSON reads them back to the same float32; null where there is none."""
    plain: Iterable[Any] = (None if math.isnan(value) else value for value in values.tolist())
    return json.dumps(list(plain))
