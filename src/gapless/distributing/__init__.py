"""Training sets, features, predictions and online state as stages of work that a batch engine spreads over machines.

scan requests ─┬─ by key ─► bucket ◄─ by key ─ scan events
               │              ▼
               │           kernel: the requests of a bucket meet its events
               ▼              ▼
             slice of requests: own columns, features, on-demand features, label ─► rows, or answers, or files

What is computed in a stage is done by the functions of the local path; an engine decides where and when.
"""

from __future__ import annotations

from gapless.distributing.computing import compute
from gapless.distributing.labelling import LabelLookup
from gapless.distributing.materializing import EngineArrivals
from gapless.distributing.planning import Sizes, Tables
from gapless.distributing.predicting import Responding, predict
from gapless.distributing.profiling import profile_events, profile_features

__all__ = [
    "EngineArrivals",
    "LabelLookup",
    "Responding",
    "Sizes",
    "Tables",
    "compute",
    "predict",
    "profile_events",
    "profile_features",
]
