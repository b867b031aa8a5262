"""A stable merge sort that is linear on rows nearly in order, for compiled code.

Blocks are sorted by insertion, then merged pairwise; before each merge the ends that already stand right are cut off:

    left   1 2 3 5 | 8 9          only [8 9] and [4 6] overlap ... a log with a few late rows costs one pass
    right  4 6     | 9 10 11
"""

from __future__ import annotations

from gapless.windows.batch import Ints
from gapless.windows.jit import inlined

__all__ = ["merge_sort"]

_BLOCK = 16


@inlined
def _insertion(first: Ints, second: Ints, rows: Ints, start: int, stop: int) -> None:
    for i in range(start + 1, stop):
        a, b, row = first[i], second[i], rows[i]
        j = i
        while j > start and (first[j - 1] > a or (first[j - 1] == a and second[j - 1] > b)):
            first[j], second[j], rows[j] = first[j - 1], second[j - 1], rows[j - 1]
            j -= 1
        first[j], second[j], rows[j] = a, b, row


@inlined
def _after(first: Ints, second: Ints, low: int, high: int, a: int, b: int) -> int:
    """The first place in the sorted [low, high) that holds more than (a, b)."""
    while low < high:
        middle = (low + high) >> 1
        if first[middle] > a or (first[middle] == a and second[middle] > b):
            high = middle
        else:
            low = middle + 1
    return low


@inlined
def _before(first: Ints, second: Ints, low: int, high: int, a: int, b: int) -> int:
    """The first place in the sorted [low, high) that holds (a, b) or more."""
    while low < high:
        middle = (low + high) >> 1
        if first[middle] < a or (first[middle] == a and second[middle] < b):
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def _merge(first: Ints, second: Ints, rows: Ints, start: int, middle: int, stop: int, spare: Ints) -> None:
    """Merge [start, middle) and [middle, stop), the left copied out to `spare` first."""
    left = middle - start
    for i in range(left):
        spare[0, i], spare[1, i], spare[2, i] = first[start + i], second[start + i], rows[start + i]
    i, j, out = 0, middle, start
    while i < left and j < stop:
        if spare[0, i] > first[j] or (spare[0, i] == first[j] and spare[1, i] > second[j]):
            first[out], second[out], rows[out] = first[j], second[j], rows[j]
            j += 1
        else:
            first[out], second[out], rows[out] = spare[0, i], spare[1, i], spare[2, i]
            i += 1
        out += 1
    while i < left:
        first[out], second[out], rows[out] = spare[0, i], spare[1, i], spare[2, i]
        i += 1
        out += 1


@inlined
def merge_sort(first: Ints, second: Ints, rows: Ints, length: int, spare: Ints) -> None:
    """Sort rows [0, length) by (first, second), stably, all three arrays together."""
    for start in range(0, length, _BLOCK):
        _insertion(first, second, rows, start, min(start + _BLOCK, length))
    width = _BLOCK
    while width < length:
        for start in range(0, length - width, 2 * width):
            middle, stop = start + width, min(start + 2 * width, length)
            low = _after(first, second, start, middle, first[middle], second[middle])
            if low < middle:
                high = _before(first, second, middle, stop, first[middle - 1], second[middle - 1])
                _merge(first, second, rows, low, middle, high, spare)
        width *= 2
