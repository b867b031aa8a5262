"""Plans as tables of integers, which is what kernels sweep by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gapless.windows.batch import Ints
from gapless.windows.limbs import SUM_LIMBS
from gapless.windows.states.kernels import FINISHES, FIRST, KINDS, LATEST, MEMBERS, PARTS, SQUARES, TOTAL
from gapless.windows.tiles import TilePlan
from gapless.windows.window import Window

__all__ = ["SQUARE_LIMBS", "Joined", "Tables", "joined", "tables_of"]

SQUARE_LIMBS = 160  # what the byte form takes; the widest sum of squares needs 134
_Rows = list[list[int]]


@dataclass(frozen=True)
class Tables:
    """One plan; places are counted within the table that they point into.

    Parameters:
        fingerprint — of `TilePlan`, as an int64.
        tiers — hop (0: forever), slots from, to, windows from, to.
        slots — part, kind, n, base (see `scanning`), windows of the tier, most limbs, cells or rows, input (-1: none).
        windows — width (-1: forever), hop; of a tier, widest first.
        specs — function, window within its tier, up to three slots, columns.
        cells, rows — how many cells and rows of limbs a scan needs.
    """

    fingerprint: int
    tiers: Ints
    slots: Ints
    windows: Ints
    specs: Ints
    cells: int
    rows: int

    @property
    def members(self) -> int:
        """How many slots hold members."""
        return int((self.slots[:, 0] == MEMBERS).sum())


def tables_of(tiles: TilePlan, kinds: Sequence[str]) -> Tables:
    """The tables of a plan over inputs of these kinds."""
    tiers: _Rows = []
    slots: _Rows = []
    windows: _Rows = []
    used = [0, 1]  # cells, and rows of limbs: row 0 stays zero
    for tier in tiles.tiers:
        wide_first = _windows(tier.windows)
        ends = [len(slots) + len(tier.slots), len(windows) + len(wide_first)]
        tiers.append([tier.hop_us or 0, len(slots), ends[0], len(windows), ends[1]])
        for (place, name), _ in tier.slots:
            kind = KINDS["float" if place is None else kinds[place]]
            slots.append(_slot(name, kind, -1 if place is None else place, len(wide_first), used))
        windows += wide_first
    fingerprint = int.from_bytes(tiles.fingerprint, "little", signed=True)
    return Tables(fingerprint, _table(tiers), _table(slots), _table(windows), _table(_specs(tiles, tiers)), *used)


def _slot(name: str, kind: int, place: int, windows: int, used: list[int]) -> list[int]:
    word, _, number = name.partition(":")
    part, n = PARTS[word], int(number or 1)
    most = {TOTAL: SUM_LIMBS, SQUARES: SQUARE_LIMBS}.get(part, 0)
    size = {FIRST: 3 * (windows + 1), LATEST: 3 * n}.get(part, windows + 1)
    base = used[most > 0]
    used[most > 0] += size
    return [part, kind, n, base, windows, most, size, place]


def _specs(tiles: TilePlan, tiers: _Rows) -> _Rows:
    rows = []
    for spec, reading in zip(tiles.specs, tiles.readers, strict=True):
        window = _windows(tiles.tiers[reading.tier].windows).index(_pair(spec.window))
        places = [tiers[reading.tier][1] + place for place in reading.places]
        rows.append([FINISHES[spec.function], window, *places, *[0] * (3 - len(places)), spec.width])
    return rows


def _pair(window: Window) -> list[int]:
    return [-1 if window.width_us is None else window.width_us, window.hop_us or 1]


def _windows(windows: Iterable[Window]) -> _Rows:
    """Widest first: their lower bounds ascend, since those of one tier move in the same hops."""
    distinct: _Rows = []
    for pair in sorted(map(_pair, windows), reverse=True):
        distinct += [pair] if pair not in distinct else []  # hops of 0 and of 1 are the same
    return distinct


def _table(rows: _Rows) -> Ints:
    return np.array(rows, np.int64)


class Joined(NamedTuple):
    """The tables of some plans after one another; places are counted from the first plan on.

    Parameters:
        plans — fingerprint, tiers from, to, specs from, to, columns from, to, slots from, to, slots of members.
        scratch — cells and rows of limbs that suffice for each of the plans.
    """

    plans: Ints
    tiers: Ints
    slots: Ints
    windows: Ints
    specs: Ints
    scratch: Ints


def joined(plans: Sequence[Tables]) -> Joined:
    """What one kernel call needs to go through states of all these plans."""
    rows: _Rows = []
    tiers, specs = [], []
    t = s = w = c = column = 0
    for plan in plans:
        width = int(plan.specs[:, 5].sum())
        ends = t + len(plan.tiers), c + len(plan.specs), column + width, s + len(plan.slots)
        rows.append([plan.fingerprint, t, ends[0], c, ends[1], column, ends[2], s, ends[3], plan.members])
        tiers.append(plan.tiers + np.array([0, s, s, w, w]))
        specs.append(plan.specs + np.array([0, 0, s, s, s, 0]))
        (t, c, column, s), w = ends, w + len(plan.windows)
    return Joined(
        _table(rows),
        np.concatenate(tiers),
        np.concatenate([plan.slots for plan in plans]),
        np.concatenate([plan.windows for plan in plans]),
        np.concatenate(specs),
        np.array([max(plan.cells for plan in plans), max(plan.rows for plan in plans)], np.int64),
    )
