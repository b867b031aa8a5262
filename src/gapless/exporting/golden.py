"""golden.json: requests with the bits of everything that is computed of them, and the model's golden answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gapless.bundle import Bundle
from gapless.exporting.columns import looked_up, on_demand
from gapless.exporting.draws import draw_rows
from gapless.expr.golden import encode
from gapless.ports.scorer import Float32
from gapless.product import FeatureSet
from gapless.schema import Type
from gapless.serving.vectors import Vectors

__all__ = ["golden_document", "vector_hex"]

_ROWS = 64


def golden_document(bundle: Bundle, features: FeatureSet) -> dict[str, Any]:
    """What any machine must give, as plain values.

    The requests are drawn from the bundle alone, so the same bundle gives the same document.
    """
    vectors, columns = Vectors(features), features.requests.columns
    requests = []
    for request, found in draw_rows(features, _ROWS, seed=bundle.manifest.features_hash):
        values, vector = vectors.row(request, found)
        requests.append(
            {
                "request": _encoded(values, columns),
                "features": _encoded(values, looked_up(features)),
                "on_demand": _encoded(values, on_demand(features)),
                "vector": vector_hex(vector[0]),
            }
        )
    return {"format": 1, "requests": requests, "model": bundle.document("golden")}


def _encoded(values: Mapping[str, Any], columns: Mapping[str, Type]) -> list[Any]:
    return [encode(values[name], kind.in_expressions) for name, kind in columns.items()]


def vector_hex(vector: Float32) -> str:
    """Little-endian float32 as hex; a NaN, of which there are many, is the usual one."""
    plain = np.where(np.isnan(vector), np.float32(np.nan), vector)
    return np.ascontiguousarray(plain, dtype="<f4").tobytes().hex()
