"""Where an event lies in the log, as one number.

order   (partition + 1) << 52 | place      breaks ties between events; rows of files are partition -1
place   record offset << 16 | index        within a partition: 52 bits, so that a store can take it as a position
"""

from __future__ import annotations

from gapless.ports.events import MAX_EVENTS, MAX_OFFSET

__all__ = [
    "FILLING_SHIFT",
    "ORDER_SHIFT",
    "PLACE_SHIFT",
    "filling_after",
    "order_base",
    "place_at",
    "place_of",
    "position_at",
    "record_of",
]

PLACE_SHIFT = MAX_EVENTS.bit_length() - 1
ORDER_SHIFT = 52
FILLING_SHIFT = MAX_OFFSET.bit_length()


def place_of(offset: int, index: int = 0) -> int:
    """The place of the event `index` of the record at `offset`; of the first one, also where a cut before it lies.

    Examples:
        >>> place_of(3, 7), record_of(place_of(3, 7))
        (196615, 3)
    """
    return offset << PLACE_SHIFT | index


def record_of(place: int) -> int:
    """The offset of the record that holds a place."""
    return place >> PLACE_SHIFT


def order_base(partition: int) -> int:
    """What is added to a place to make it an order.

    Examples:
        >>> order_base(-1), order_base(0) == 2**52
        (0, True)
    """
    return (partition + 1) << ORDER_SHIFT


def position_at(base: int, place: int) -> int:
    """The position of state that holds every event below a place, the first of a record.

    Parameters:
        base — of the filling: 0 for the first one.

    Examples:
        >>> position_at(0, place_of(3)), place_at(0, 3) == place_of(3)
        (3, True)
    """
    return base + record_of(place)


def place_at(base: int, position: int) -> int:
    """The place below which every event is in, by a position of the filling."""
    return place_of(position - base)


def filling_after(newest: int) -> int:
    """The base of a filling that wins over every position up to the newest one that was found.

    Examples:
        >>> filling_after(0), filling_after(7) == 2**36, filling_after(2**36 + 7) == 2**37
        (0, True, True)
    """
    return 0 if not newest else ((newest >> FILLING_SHIFT) + 1) << FILLING_SHIFT
