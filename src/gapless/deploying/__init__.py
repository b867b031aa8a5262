"""Which version answers: gates, promotion, rollback; and who may ask."""

from __future__ import annotations

from gapless.deploying.access import Denial, Guard
from gapless.deploying.tokens import Issued, issue

__all__ = ["Denial", "Guard", "Issued", "issue"]
