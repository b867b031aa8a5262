"""Features of one request, computed the slow way straight from the definition of visibility and windows."""

import math

from gapless.clock import DAY, HOUR, MINUTE


def visible(events, key, at, width_us, hop_us, known_by=None):
    """The events of a key that a request at `at` sees in a window, in their order."""
    hop = hop_us or 1
    lower = -math.inf if width_us is None else (at - width_us) // hop * hop
    seen = [
        (e["time"], e["known"], i, e)
        for i, e in enumerate(events)
        if key is not None
        and None not in key
        and e["key"] == key
        and lower <= e["time"] < at
        and e["known"] <= (at if known_by is None else min(at, known_by))
    ]
    return [e for *_, e in sorted(seen, key=lambda item: item[:3])]


def features(events, key, at, known_by=None):
    """What `world.view` declares."""

    def rows(width_us, hop_us=0):
        return visible(events, key, at, width_us, hop_us, known_by)

    def values(width_us, hop_us, column="x"):
        return [e[column] for e in rows(width_us, hop_us) if e[column] is not None]

    hour, day = values(HOUR, 5 * MINUTE), values(DAY, HOUR)
    texts = values(None, 0, "text")
    recent = [*values(6 * HOUR, 0)[::-1], None, None]
    return {
        "stats__n_1h": float(len(rows(HOUR, 5 * MINUTE))),
        "stats__total_1h": math.fsum(hour) if hour else None,
        "stats__total_1d": math.fsum(day) if day else None,
        "stats__largest_1d": max(day) if day else None,
        "stats__high_1d": sum(x > 1 for x in day) / len(day) if day else None,
        "stats__high_total_1d": math.fsum(x for x in day if x > 1) if any(x > 1 for x in day) else None,
        "stats__kinds_1d": float(len(set(values(DAY, HOUR, "text")))),
        "stats__text": texts[-1] if texts else None,
        "stats__recent_1": recent[0],
        "stats__recent_2": recent[1],
        "stats__seen": max((e["time"] for e in rows(None)), default=None),
    }
