"""A store that lost what it had taken, or that somebody else writes to: noticed before anybody is told a value."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import NoReturn

import msgspec

from gapless.errors import Conflict, CorruptData
from gapless.online.layout import namespace_of
from gapless.online.offsets import from_bytes, to_bytes
from gapless.online.record import Record, pack, unpack
from gapless.ports.online import OnlineStore, Update
from gapless.ports.places import filling_after
from gapless.streaming.parts import Part
from gapless.windows.window import BEGINNING

__all__ = ["check_there", "explain_refusal", "forget", "mark_lost", "new_fillings"]

_PAGE_KEYS = 10_000


def check_there(store: OnlineStore, parts: Collection[Part]) -> None:
    """What was read of these parts was theirs: their offset records are still those that they go on from.

    Raises: Conflict where one is not; what the store raises.
    """
    found = store.read([part.key for part in parts])
    if any(data != to_bytes(part.offset) for part, data in zip(parts, found, strict=True)):
        raise _changed(lost=None in found)


def explain_refusal(
    store: OnlineStore, parts: Collection[Part], updates: Mapping[bytes, Update], offsets: Mapping[bytes, Update]
) -> NoReturn:
    """Some updates of a commit found another record than the one they were made from.

    A part whose records are older than what was just committed counts as not there from now on: its offset record
    would say that events are in which are not.

    Raises: Conflict, always: what is there has to be read anew.
    """
    keys = [*updates, *offsets]
    found = dict(zip(keys, store.read(keys), strict=True))
    lost = {namespace_of(key) for key, update in updates.items() if _is_behind(found[key], update.position)}
    lost |= {namespace_of(key) for key, update in offsets.items() if is_older(found[key], update.after or 0)}
    for part in parts:
        if part.layout.namespace in lost:
            mark_lost(store, part)
    raise _changed(lost=bool(lost))


def _is_behind(record: bytes | None, position: int) -> bool:
    return record is None or unpack(record).position < position


def is_older(offset_record: bytes | None, position: int) -> bool:
    """Whether a store holds no offset record, or one of an earlier commit than it had taken."""
    return offset_record is None or from_bytes(offset_record).position < position


def new_fillings(store: OnlineStore, parts: Collection[Part]) -> None:
    """Parts that are about to be filled from their first event have a base above every record that is there.

    A record that a store kept, or that was made on an emptied store, would else pass for the whole of its key.

    Cost: nothing where every part has begun; else goes through every key of the store.
    """
    anew = {part.layout.namespace: part for part in parts if not part.ready and not part.offset.position}
    if not anew:
        return
    newest, damaged = dict.fromkeys(anew, 0), []
    for page in _pages(key for key in store.keys(b"") if namespace_of(key) in anew):
        for key, data in zip(page, store.read(page), strict=True):
            namespace = namespace_of(key)
            position = _newest_of(data, is_offset=key == anew[namespace].layout.offset_key)
            newest[namespace] = max(newest[namespace], position or 1)
            damaged += [key] * (position is None)
    for namespace, part in anew.items():
        part.offset = msgspec.structs.replace(part.offset, base=filling_after(newest[namespace]))
    for key in damaged:  # it does not say that it counts no more: an empty one takes its place
        base = anew[namespace_of(key)].offset.base
        store.commit({key: Update(base, pack(Record(base, BEGINNING, b"", b"")))}, {})


def forget(store: OnlineStore, parts: Collection[Part]) -> None:
    """Readers see none of these parts, and whoever opens them fills them anew, from the first event."""
    for part in parts:
        mark_lost(store, part)


def _pages(keys: Iterator[bytes]) -> Iterator[list[bytes]]:
    while page := list(islice(keys, _PAGE_KEYS)):
        yield page


def _newest_of(data: bytes | None, *, is_offset: bool) -> int | None:
    """The highest position that what is there speaks of; None for what is damaged."""
    try:
        if data is None:
            return 0
        return from_bytes(data).base + 1 if is_offset else unpack(data).position
    except CorruptData:
        return 1 if is_offset else None


def mark_lost(store: OnlineStore, part: Part) -> None:
    """Readers see that the part is not there, and it begins anew when it is opened."""
    nothing = msgspec.structs.replace(part.offset, position=part.offset.position + 2, offset=0, as_of_us=None)
    store.commit({}, {part.layout.offset_key: Update(nothing.position, to_bytes(nothing))})
    store.remove(part.layout.filling_key)


def _changed(*, lost: bool) -> Conflict:
    return Conflict(
        "the online store has lost state that it had taken" if lost else "the online state changed under this process",
        seen="records that are gone or older" if lost else "another record than the one that was gone on from",
        next_step="nothing is lost: it is read again, and filled from tables and the log where it has to be",
    )
