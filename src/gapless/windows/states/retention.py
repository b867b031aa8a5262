"""Which tiles reads still look at, for many instants at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gapless.windows.batch import Bools, Ints
from gapless.windows.states.plan import StatePlan
from gapless.windows.window import BEGINNING, Window

__all__ = ["oldest_tiles_at", "retained"]


def oldest_tiles_at(plan: StatePlan, at_us: Ints) -> Ints:
    """[instant, tier]: where the first tile begins that a read at the instant or later may look at."""
    return np.column_stack(
        [np.min([_lower(each, at_us) for each in tier.windows], axis=0) for tier in plan.tiles.tiers]
    )


def retained(plan: StatePlan, event_time: Ints, at_us: Ints) -> Bools:
    """`Tiles.retained` of each event at an instant of its own."""
    kept: NDArray[np.bool_] = np.zeros(len(event_time), np.bool_)
    for tier, oldest in zip(plan.tiles.tiers, oldest_tiles_at(plan, at_us).T, strict=True):
        kept |= True if tier.hop_us is None else event_time // tier.hop_us * tier.hop_us >= oldest
    return kept


def _lower(window: Window, at_us: Ints) -> Ints:
    """`Window.lower`; BEGINNING where it is beyond what an int64 holds."""
    if window.width_us is None:
        return np.full(len(at_us), BEGINNING)
    hop = window.hop_us or 1
    return np.where(at_us < BEGINNING + window.width_us + hop, BEGINNING, (at_us - window.width_us) // hop * hop)
