"""Which version answers: gates, promotion, rollback; and who may ask."""

from __future__ import annotations

from gapless.deploying.access import Denial, Guard
from gapless.deploying.auditing import refusals
from gapless.deploying.gates import GATES, Gate
from gapless.deploying.history import earlier as rollback_target
from gapless.deploying.inspecting import Inspection, inspect, read_only
from gapless.deploying.promoting import Decided, Promotion, Rollback, promote, rollback
from gapless.deploying.tokens import Issued, issue

__all__ = [
    "GATES",
    "Decided",
    "Denial",
    "Gate",
    "Guard",
    "Inspection",
    "Issued",
    "Promotion",
    "Rollback",
    "inspect",
    "issue",
    "promote",
    "read_only",
    "refusals",
    "rollback",
    "rollback_target",
]
