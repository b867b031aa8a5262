"""The loops over bytes: ISO 8601 instants, and 128-bit hashes of rows. Compiled once per machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

__all__ = ["BAD", "FINE", "OK", "hash_nulls", "hash_text", "hash_words", "parse_instants", "resolve", "resolve_recent"]

_njit: Any = numba.njit

OK, BAD, FINE = 0, 1, 2
"""Of one parsed text: an instant; not one; one that needs more than microseconds."""

_C1, _C2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
_M1, _M2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_N1, _N2, _FIVE = np.uint64(0x52DCE729), np.uint64(0x38495AB5), np.uint64(5)
_NULL = np.uint64(0x9E3779B97F4A7C15)
_DAY_US = 86_400_000_000


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    try:
        return _njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # nowhere to keep the result: compile in each process
        return _njit(nogil=True)(function)  # type: ignore[no-any-return]


@_compiled
def _rotated(x: Any, bits: int) -> Any:
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


@_compiled
def _finished(k: Any) -> Any:
    k = (k ^ (k >> np.uint64(33))) * _M1
    k = (k ^ (k >> np.uint64(33))) * _M2
    return k ^ (k >> np.uint64(33))


@_compiled
def _word(data: Any, start: int, length: int) -> Any:
    """Up to eight bytes, little-endian."""
    word = np.uint64(0)
    for i in range(length):
        word |= np.uint64(data[start + i]) << np.uint64(8 * i)
    return word


@_compiled
def _closed(h1: Any, h2: Any, length: Any) -> Any:
    h1 ^= length
    h2 ^= length
    h1 += h2
    h2 += h1
    h1, h2 = _finished(h1), _finished(h2)
    h1 += h2
    return h1, h2 + h1


@_compiled
def _murmur(data: Any, start: int, length: int, h1: Any, h2: Any) -> Any:
    """MurmurHash3 x64 128 of data[start : start + length]; its seed is (h1, h2)."""
    blocks = length // 16
    for i in range(blocks):
        k1, k2 = _word(data, start + 16 * i, 8), _word(data, start + 16 * i + 8, 8)
        h1 ^= _rotated(k1 * _C1, 31) * _C2
        h1 = (_rotated(h1, 27) + h2) * _FIVE + _N1
        h2 ^= _rotated(k2 * _C2, 33) * _C1
        h2 = (_rotated(h2, 31) + h1) * _FIVE + _N2
    tail = length - 16 * blocks
    if tail > 8:
        h2 ^= _rotated(_word(data, start + 16 * blocks + 8, tail - 8) * _C2, 33) * _C1
    if tail > 0:
        h1 ^= _rotated(_word(data, start + 16 * blocks, min(tail, 8)) * _C1, 31) * _C2
    return _closed(h1, h2, np.uint64(length))


@_compiled
def hash_text(offsets: Any, data: Any, state: Any) -> None:
    """state[i] = murmur(text i, seed state[i])."""
    for i in range(len(state)):
        start = offsets[i]
        state[i, 0], state[i, 1] = _murmur(data, start, offsets[i + 1] - start, state[i, 0], state[i, 1])


@_compiled
def hash_words(words: Any, state: Any) -> None:
    """state[i] = murmur(the eight bytes of words[i], seed state[i])."""
    for i in range(len(state)):
        h1 = state[i, 0] ^ (_rotated(words[i] * _C1, 31) * _C2)
        state[i, 0], state[i, 1] = _closed(h1, state[i, 1], np.uint64(8))


@_compiled
def hash_nulls(valid: Any, before: Any, state: Any) -> None:
    """Where not valid: state[i] = a null behind before[i], which no value of any column is likely to hash to."""
    for i in range(len(state)):
        if not valid[i]:
            state[i, 0], state[i, 1] = _closed(before[i, 0] ^ _NULL, before[i, 1], _NULL)


@_compiled
def resolve(old: Any, new: Any, table: Any, verdicts: Any) -> None:
    """For rows (id, id, content, content, row) in order: 0 first with its id, 1 the same again, 2 other content.

    `table` is an open-addressing index into old + new, at least twice as long as both, a power of two, filled with -1.
    """
    mask = np.uint64(len(table) - 1)
    n_old = len(old)
    for i in range(n_old + len(new)):
        row = old[i] if i < n_old else new[i - n_old]
        slot = row[1] & mask
        verdict = 0
        while table[slot] >= 0:
            j = table[slot]
            first = old[j] if j < n_old else new[j - n_old]
            if first[0] == row[0] and first[1] == row[1]:
                verdict = 1 if first[2] == row[2] and first[3] == row[3] else 2
                break
            slot = (slot + np.uint64(1)) & mask
        if verdict == 0:
            table[slot] = i
        if i >= n_old:
            verdicts[i - n_old] = verdict


@_compiled
def resolve_recent(rows: Any, horizon: Any, accepted: Any, forced: Any, table: Any, verdicts: Any) -> Any:
    """For rows (id, id, content) in order: 0 taken, 1 the same again, 2 other content; how many were ever taken.

    An id is remembered while no `horizon` others were taken after it. A slot of `table`, an open-addressing index of a
    power of two slots that has room for all rows, is (id, id, content, the number under which it was taken, from 1).
    """
    mask = np.uint64(len(table) - 1)
    for i in range(len(rows)):
        slot = rows[i, 1] & mask
        while table[slot, 3] != 0 and (table[slot, 0] != rows[i, 0] or table[slot, 1] != rows[i, 1]):
            slot = (slot + np.uint64(1)) & mask
        number = np.int64(table[slot, 3])
        if number > max(accepted - horizon, 0) and not forced:
            verdicts[i] = 1 if table[slot, 2] == rows[i, 2] else 2
        else:
            accepted += 1
            table[slot, 0], table[slot, 1], table[slot, 2] = rows[i, 0], rows[i, 1], rows[i, 2]
            table[slot, 3] = np.uint64(accepted)
            verdicts[i] = 0
    return accepted


@_compiled
def _digits(data: Any, start: int, count: int) -> int:
    """The number, or -1."""
    value = 0
    for i in range(start, start + count):
        digit = int(data[i]) - 48
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
    return value


@_compiled
def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar."""
    y = year - 1 if month <= 2 else year
    era = y // 400
    of_era = y - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@_compiled
def _days_in_month(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@_compiled
def _instant(data: Any, at: int, end: int) -> Any:
    """(microseconds, OK | BAD | FINE) of YYYY-MM-DD[(T| )HH:MM[:SS[.f…]][Z|±HH[[:]MM]]]; UTC where it has no offset."""
    if end - at < 10 or data[at + 4] != 45 or data[at + 7] != 45:
        return 0, BAD
    year, month, day = _digits(data, at, 4), _digits(data, at + 5, 2), _digits(data, at + 8, 2)
    if year < 1 or month < 1 or month > 12 or day < 1 or day > _days_in_month(year, month):
        return 0, BAD
    us = _days(year, month, day) * _DAY_US
    at += 10
    if at == end:
        return us, OK
    if end - at < 6 or (data[at] != 84 and data[at] != 116 and data[at] != 32) or data[at + 3] != 58:
        return 0, BAD
    hour, minute = _digits(data, at + 1, 2), _digits(data, at + 4, 2)
    if hour < 0 or hour > 23 or minute < 0 or minute > 59:
        return 0, BAD
    us += (hour * 60 + minute) * 60_000_000
    at += 6
    status = OK
    if at < end and data[at] == 58:
        second = _digits(data, at + 1, 2) if end - at >= 3 else -1
        if second < 0 or second > 59:
            return 0, BAD
        us += second * 1_000_000
        at += 3
        if at < end and (data[at] == 46 or data[at] == 44):
            at += 1
            scale, first = 100_000, at
            while at < end and data[at] >= 48 and data[at] <= 57:
                digit = int(data[at]) - 48
                if scale == 0 and digit != 0:
                    status = FINE
                us += digit * scale
                scale //= 10
                at += 1
            if at == first:
                return 0, BAD
    if at == end:
        return us, status
    if data[at] == 90 or data[at] == 122:
        return (us, status) if at + 1 == end else (0, BAD)
    if data[at] != 43 and data[at] != 45:
        return 0, BAD
    ahead = data[at] == 43
    hours = _digits(data, at + 1, 2) if end - at >= 3 else -1
    at += 3
    minutes = 0
    if at < end and data[at] == 58:
        at += 1
        minutes = _digits(data, at, 2) if end - at == 2 else -1
    elif at < end:
        minutes = _digits(data, at, 2) if end - at == 2 else -1
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return 0, BAD
    shift = (hours * 60 + minutes) * 60_000_000
    return (us - shift if ahead else us + shift), status


@_compiled
def parse_instants(offsets: Any, data: Any, us: Any, status: Any) -> None:
    """Fills us[i] and status[i] from text i."""
    for i in range(len(us)):
        us[i], status[i] = _instant(data, offsets[i], offsets[i + 1])
