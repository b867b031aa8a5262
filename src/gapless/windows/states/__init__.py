"""The tiles of many keys at once, in compiled code: built from sorted events, merged, read.

`windows.tiles` says what a state is and what its bytes are; this gives the same bytes and the same values, faster by
two or three orders of magnitude. All of it is pure: bytes and columns in, bytes and columns out.
"""

from __future__ import annotations

from gapless.windows.states.builder import build
from gapless.windows.states.columns import StateEvents, StateInput
from gapless.windows.states.extender import StateBytes, extend
from gapless.windows.states.merger import StateMerger, merge
from gapless.windows.states.plan import Kind, StatePlan
from gapless.windows.states.reader import StateRead, StateReader
from gapless.windows.states.retention import retained

__all__ = [
    "Kind",
    "StateBytes",
    "StateEvents",
    "StateInput",
    "StateMerger",
    "StatePlan",
    "StateRead",
    "StateReader",
    "build",
    "extend",
    "merge",
    "retained",
]
