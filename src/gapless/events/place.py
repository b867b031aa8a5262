"""Where an event lies in the log, as one number.

order   (partition + 1) << 52 | place      breaks ties between events; rows of files are partition -1
place   record offset << 16 | index        within a partition: 52 bits, so that a store can take it as a position
"""

from __future__ import annotations

from gapless.ports.events import MAX_EVENTS

__all__ = ["ORDER_SHIFT", "PLACE_SHIFT", "order_base", "place_of", "record_of"]

PLACE_SHIFT = MAX_EVENTS.bit_length() - 1
ORDER_SHIFT = 52


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
