"""Scoring with a bundle: batch prediction."""

from __future__ import annotations

from gapless.serving.batch import PredictReport, Version, predict, prediction_schema, run_identity
from gapless.serving.pins import Pins, pinned

__all__ = ["Pins", "PredictReport", "Version", "pinned", "predict", "prediction_schema", "run_identity"]
