"""What every online store refuses before it touches anything."""

from __future__ import annotations

from collections.abc import Mapping

from gapless.errors import InputError
from gapless.ports.online import MAX_POSITION, Update

__all__ = ["MAX_KEY_BYTES", "MAX_VALUE_BYTES", "check_prefix", "check_updates"]

MAX_KEY_BYTES = 400
MAX_VALUE_BYTES = 16 * 2**20


def check_updates(updates: Mapping[bytes, Update], offsets: Mapping[bytes, Update]) -> None:
    """Raises: InputError for a key, a position or a value out of range, or a key that is in both."""
    for group in (updates, offsets):
        for key, update in group.items():
            position, after = update.position, update.after
            in_order = 0 < position <= MAX_POSITION and (after is None or 0 <= after < position)
            if not in_order or not 0 < len(key) <= MAX_KEY_BYTES or len(update.value) > MAX_VALUE_BYTES:
                raise _out_of_range(key, update)
    if both := updates.keys() & offsets.keys():
        raise _refused("a key is an update and an offset at once", min(both), "one of them")


def check_prefix(prefix: bytes) -> None:
    """Raises: InputError for an empty prefix: removing everything is never meant."""
    if not prefix:
        raise _refused("an empty prefix would remove every key", prefix, "at least one byte")


def _out_of_range(key: bytes, update: Update) -> InputError:
    if not 0 < len(key) <= MAX_KEY_BYTES:
        return _refused("a key has a length that no online store takes", len(key), f"1 to {MAX_KEY_BYTES} bytes")
    if not 0 < update.position <= MAX_POSITION:
        return _refused("a position is out of range", update.position, f"1 to {MAX_POSITION}")
    if update.after is not None and not 0 <= update.after < update.position:
        allowed = f"0 to {update.position - 1}, one below its own"
        return _refused("an update cannot come after such a position", update.after, allowed)
    return _refused("a value is too large", f"{len(update.value)} bytes for {key!r}", f"up to {MAX_VALUE_BYTES} bytes")


def _refused(what: str, seen: object, allowed: str) -> InputError:
    return InputError(what, seen=seen, allowed=allowed, next_step="nothing was changed; mend the caller")
