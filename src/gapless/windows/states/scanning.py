"""One state taken in, for a read at one instant: every tile is added once, whatever the number of windows.

    windows of a tier, widest first     |-----------------------------)
                                                     |----------------)
    segment                         0   |      1     |       2        |        a tile lies in the segment of its start
    an accumulator per segment      -          x             y                 the widest window is x + y, the next y

What is kept for a slot, in cells or rows of limbs from its `base` on, segment by segment (0 is never looked at):

    count true     the sum                          min max    the rank, NONE where there is nothing
    total squares  a row of limbs, and its span     first      value, length, whether there is one: of the first tile
    latest         value, length, segment (0: none) of each of the n latest, latest first
    members        where they stand: rows (slot, segment, place, how many) of `runs`
"""

from __future__ import annotations

from gapless.windows.batch import Ints
from gapless.windows.states.decoding import add_limbs, compare, number, order, rank, signed, value
from gapless.windows.states.kernels import FIRST, FLOAT, LATEST, MAX, MIN, SQUARES, TRUE, bare
from gapless.windows.states.words import Bytes, load, load_byte
from gapless.windows.window import BEGINNING

__all__ = [
    "EVENTS",
    "NONE",
    "clear",
    "extreme",
    "first",
    "header",
    "later",
    "latest",
    "lower_bounds",
    "members",
    "scan",
]

NONE = -(1 << 63)  # the rank of no number
_NEGATIVE_ZERO = -(1 << 63)
_NOWHERE = 1 << 20
EVENTS = 40  # bits of a count: 2^23 tiles of so many can be added up


@bare
def lower_bounds(windows: Ints, start: int, stop: int, now: int, lowers: Ints) -> None:
    """`Window.lower` of these windows; BEGINNING where it is beyond what an int64 holds."""
    for w in range(start, stop):
        width, hop = windows[w, 0], windows[w, 1]
        forever = width < 0 or now < BEGINNING + width + hop
        lowers[w] = BEGINNING if forever else (now - width) // hop * hop


@bare
def clear(slots: Ints, start: int, stop: int, cells: Ints, spans: Ints) -> None:
    """Nothing has been seen of these slots. Limbs are zero already; who uses them leaves them so."""
    for s in range(start, stop):
        part, base, size = slots[s, 0], slots[s, 3], slots[s, 6]
        if TRUE < part <= SQUARES:
            spans[base : base + size, 0] = _NOWHERE
            spans[base : base + size, 1] = -1
        else:
            cells[base : base + size] = NONE if MIN <= part <= MAX else 0


@bare
def header(data: Bytes, at: int, stop: int, fingerprint: int) -> tuple[int, int]:
    """How many tiles there are, and where the first begins: beyond the stop for the state of another plan."""
    good = stop - at >= 11 and load(data, at) & 0xFFFF == 0x0801 and load(data, at + 2) == fingerprint
    tiles, place = number(data, at + 10, stop)
    good = good and place <= stop and 0 <= tiles <= stop - place
    return tiles, place if good else stop + 1


@bare
def scan(
    data: Bytes,
    at: int,
    stop: int,
    tiles: int,
    first_tier: int,
    last_tier: int,
    tiers: Ints,
    slots: Ints,
    lowers: Ints,
    cells: Ints,
    limbs: Ints,
    spans: Ints,
    runs: Ints,
) -> int:
    """Take in every tile; gives how many runs there are, -1 where the bytes are no state."""
    if at > stop:
        return -1
    tier, start, used, segment, windows = -1, BEGINNING, 0, 0, 0
    for _ in range(tiles):
        before, earlier = tier, start
        tier, at = number(data, at, stop)
        start, at = signed(data, at, stop)
        tier += first_tier
        if at > stop or tier < first_tier or tier < before or tier >= last_tier:
            return -1
        if tier > before:
            segment, windows = tiers[tier, 3], tiers[tier, 4]
        elif start <= earlier:
            return -1
        while segment < windows and start >= lowers[segment]:
            segment += 1
        inside, hop = segment - tiers[tier, 3], tiers[tier, 0]
        for s in range(tiers[tier, 1], tiers[tier, 2]):
            part = slots[s, 0]
            base = slots[s, 3] + inside
            if part <= TRUE:
                count, at = number(data, at, stop)
                cells[base] += count
                at = stop + 1 if count >> EVENTS else at
            elif part <= SQUARES:
                at = add_limbs(data, at, stop, slots[s, 5], limbs, spans, base)
            elif part <= MAX:
                at = extreme(data, at, stop, part, slots[s, 1], cells, base)
            elif part == FIRST:
                at = first(data, at, stop, slots[s, 1], cells, slots[s, 3], inside, start, hop)
            elif part == LATEST:
                at = latest(data, at, stop, slots[s, 1], slots[s, 2], cells, slots[s, 3], inside, start, hop)
            else:
                count, place = number(data, at, stop)
                at = members(data, place, stop, slots[s, 1], count)
                if inside > 0 and count > 0:
                    runs[used, 0], runs[used, 1], runs[used, 2], runs[used, 3] = s, inside, place, count
                    used += 1
            if at > stop:
                return -1
    return used if at == stop else -1


@bare
def extreme(data: Bytes, at: int, stop: int, part: int, kind: int, cells: Ints, cell: int) -> int:
    """Past a smallest or largest number, whose rank goes into a cell where it is better."""
    some = load_byte(data, at)
    if some == 0:
        return at + 1
    bits, _, at = value(data, at + 1, stop, kind)
    place = ~rank(bits) if part == MIN else rank(bits)
    cells[cell] = max(cells[cell], place)
    return at if some == 1 else stop + 1


@bare
def outside(event_time: int, start: int, hop: int) -> bool:
    """Whether an event is not of the tile that begins at `start`."""
    return hop > 0 and (event_time < start or event_time - start >= hop)


@bare
def first(data: Bytes, at: int, stop: int, kind: int, cells: Ints, base: int, inside: int, start: int, hop: int) -> int:
    """Past the first event of a tile, which goes into cells where its segment has none yet; not of segment 0."""
    count, at = number(data, at, stop)
    if count != 1 or at > stop:
        return at if count == 0 else stop + 1
    event_time, _, _, at = order(data, at, stop)
    if at > stop or outside(event_time, start, hop):
        return stop + 1
    bits, length, at = value(data, at, stop, kind)
    cell = base + 3 * inside
    if inside > 0 and cells[cell + 2] == 0:
        cells[cell], cells[cell + 1], cells[cell + 2] = bits, length, 1
    return at


@bare
def latest(
    data: Bytes, at: int, stop: int, kind: int, n: int, cells: Ints, base: int, inside: int, start: int, hop: int
) -> int:
    """Past the latest events of a tile, which push out those of the tiles before; segment 0 pushes nothing."""
    count, at = number(data, at, stop)
    if count < 0 or count > n or at > stop:
        return stop + 1
    if inside > 0:
        for cell in range(base + 3 * n - 1, base + 3 * count - 1, -1):
            cells[cell] = cells[cell - 3 * count]
    a = b = c = 0
    for i in range(count):
        event_time, known_at, offset, at = order(data, at, stop)
        if at > stop or outside(event_time, start, hop):
            return stop + 1
        if i > 0 and not later(a, b, c, event_time, known_at, offset):
            return stop + 1
        a, b, c = event_time, known_at, offset
        bits, length, at = value(data, at, stop, kind)
        if at > stop:
            return at
        if inside > 0:
            cell = base + 3 * i
            cells[cell], cells[cell + 1], cells[cell + 2] = bits, length, inside
    return at


@bare
def later(a: int, b: int, c: int, x: int, y: int, z: int) -> bool:
    """Whether the order (a, b, c) is after (x, y, z)."""
    if a != x:
        return a > x
    return b > y or (b == y and c > z)


@bare
def members(data: Bytes, at: int, stop: int, kind: int, count: int) -> int:
    """Past the members of a tile, which stand in ascending order."""
    if count < 0:
        return stop + 1
    before = length_before = 0
    for i in range(count):
        bits, length, at = value(data, at, stop, kind)
        if at > stop or (kind == FLOAT and bits == _NEGATIVE_ZERO):
            return stop + 1
        if i > 0 and compare(data, kind, before, length_before, bits, length) >= 0:
            return stop + 1
        before, length_before = bits, length
    return at
