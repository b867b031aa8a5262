"""Training sets, features, predictions and online state as stages of work that a batch engine spreads over machines.

scan requests ─┬─ by key ─► bucket ◄─ by key ─ scan events
               │              ▼
               │           kernel: the requests of a bucket meet its events
               ▼              ▼
             slice of requests: own columns, features, on-demand features, label ─► rows, or answers, or files

What is computed in a stage is done by the functions of the local path; an engine decides where and when.
"""

from __future__ import annotations

from gapless.distributing.computing import Sliced, compute, run_slices, sliced
from gapless.distributing.labelling import LabelLookup
from gapless.distributing.planning import Sizes, Span, Tables

__all__ = ["LabelLookup", "Sizes", "Sliced", "Span", "Tables", "compute", "run_slices", "sliced"]
