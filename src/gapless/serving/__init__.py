"""Scoring with a bundle: batch prediction."""

from __future__ import annotations

from gapless.serving.batch import (
    Answering,
    PredictReport,
    Version,
    chunk_rows_for,
    predict,
    prediction_schema,
    run_identity,
    scored,
    trust_levels,
)
from gapless.serving.pins import Pins, pinned
from gapless.serving.trust import Judge, Judged

__all__ = [
    "Answering",
    "Judge",
    "Judged",
    "Pins",
    "PredictReport",
    "Version",
    "chunk_rows_for",
    "pinned",
    "predict",
    "prediction_schema",
    "run_identity",
    "scored",
    "trust_levels",
]
