"""What data looked like: counts of a column over a slice of time, which add up to those of any longer time.

batches ─► Profiles.add: rows by slice ─► counts of each column ─┐
tasks elsewhere ─► Profiles.pieces ──────────────────────────────┴─► merge: the same whatever was cut how
"""

from __future__ import annotations

from gapless.monitoring.categories import CategoryCounts
from gapless.monitoring.instants import InstantCounts
from gapless.monitoring.numbers import NumberCounts
from gapless.monitoring.profile import Counts, Profile, Profiles

__all__ = ["CategoryCounts", "Counts", "InstantCounts", "NumberCounts", "Profile", "Profiles"]
