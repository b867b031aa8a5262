"""A new part is filled from the landed table while the others go on, and handed over to the log at an offset.

    landed table   ───────────────────────────────┤ landed up to L
    log                              ──────────────────────────────►
    cursor                                     ▲ C
    the part       ══ filled from the table ═══┘ at C, with C <= L: then it is ready, and follows the cursor

The table was landed by the rule that the cursor takes events in by, so no event is in both and none in neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import msgspec
import numpy as np
import pyarrow as pa

from gapless.arrow import KNOWN_AT, OFFSET, to_numpy
from gapless.errors import Conflict, CorruptData
from gapless.events.landing import landed_batches
from gapless.features import chunked
from gapless.online.offsets import from_bytes, to_bytes
from gapless.ports.online import Update
from gapless.ports.places import PLACE_SHIFT, place_of, record_of
from gapless.streaming.deriving import derived_for
from gapless.streaming.parts import Part
from gapless.streaming.shard import Shard
from gapless.streaming.world import World

__all__ = ["fill_one"]


def fill_one(world: World, shard: Shard, known_us: int) -> int | None:
    """One step for the first part that is not ready: a chunk of the table, or what is left of it and the handover.

    Parameters:
        known_us — everything that was pushed until then is below the cursor.

    Returns: how many events were taken in; None where every part is ready.

    Raises: Conflict where somebody else fills the same part; what the world raises.

    Guarantees: killed at any point and called again, every event of the table is in the part once. The cursor stands
        still meanwhile, so that a part which is close to it reaches it, however fast events come.
    """
    part = next((part for part in shard.parts if not part.ready), None)
    if part is None:
        return None
    until, filled = place_of(shard.cursor.offset), 0
    if shard.landed < shard.cursor.offset:
        shard.land(world)
    while (rows := next(_rows(world, shard, part, until), None)) is not None:
        filled += _take(world, part, rows)
        if filled >= world.limits.fill_rows // 2:
            return filled
    _hand_over(world, part, until, known_us)
    return filled


def _rows(world: World, shard: Shard, part: Part, until: int) -> Iterator[pa.RecordBatch]:
    """What the part lacks of the table, up to the cursor, in chunks."""
    if part.offset.offset >= until:
        return iter(())
    batches = landed_batches(
        world.offline, shard.source, shard.partition, part.columns(),
        from_place=part.offset.offset, until_place=until,
    )  # fmt: skip
    return islice(whole_records(chunked(batches, world.limits.fill_rows)), 1)


def whole_records(chunks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows, cut where a record of the log ends: how far state is in is counted in records."""
    left: pa.RecordBatch | None = None
    for chunk in chunks:
        rows = chunk if left is None else pa.concat_batches([left, chunk])
        records = to_numpy(rows.column(OFFSET))[0] >> PLACE_SHIFT
        count = int(np.searchsorted(records, records[-1])) if rows.num_rows else 0
        if count:
            yield rows.slice(0, count)
        left = rows.slice(count)
    if left is not None and left.num_rows:
        yield left


def _take(world: World, part: Part, rows: pa.RecordBatch) -> int:
    end = place_of(record_of(int(rows.column(OFFSET)[-1].as_py())) + 1)
    batch = derived_for([part], rows.select([*part.columns(), KNOWN_AT, OFFSET]), world.deriving)[0]
    change = part.change(batch, world.online.read, as_of_us=world.clock.now_us(), known_us=None, end=end)
    world.fault("fill", str(end))
    updates, offsets = change.updates(), change.offsets()
    done = world.online.commit(updates, offsets)
    world.fault("filled", str(end))
    if done.older:
        # The store lost some of it, or somebody else wrote records that hold less: it begins anew, above all of that.
        world.online.remove(part.layout.filling_key)
        raise _conflict(part)
    change.done()
    return int(rows.num_rows)


def _hand_over(world: World, part: Part, place: int, known_us: int) -> None:
    """Readers see the part from now on."""
    before = _position(world, part.layout.offset_key)
    offset = msgspec.structs.replace(part.offset, position=before + 1, offset=place, as_of_us=known_us)
    world.fault("hand_over", str(place))
    if not world.online.commit({}, {part.layout.offset_key: Update(offset.position, to_bytes(offset), before)}).written:
        raise _conflict(part)
    world.fault("handed_over", str(place))
    part.offset, part.ready = offset, True
    world.online.remove(part.layout.filling_key)


def _position(world: World, key: bytes) -> int:
    """Of the offset record that readers see; one that cannot be read is taken away."""
    data = world.online.read([key])[0]
    try:
        return 0 if data is None else from_bytes(data).position
    except CorruptData:
        world.online.remove(key)
        return 0


def _conflict(part: Part) -> Conflict:
    return Conflict(
        f"somebody else fills {', '.join(part.layout.views)}, partition {part.layout.partition}",
        next_step="it goes on from there by itself",
    )
