"""The operation table, second half: strings, casts, time."""

from __future__ import annotations

from gapless.expr.operation import Operation, define

__all__ = ["TEXT_AND_TIME"]

_ZONED = "timestamp -> float"

TEXT_AND_TIME: tuple[Operation, ...] = (
    # Strings
    define("lower", "Strings", "string -> string", "s.lower()", "A-Z to a-z; every other character stays."),
    define("upper", "Strings", "string -> string", "s.upper()", "a-z to A-Z; every other character stays."),
    define(
        "trim",
        "Strings",
        "string -> string",
        "s.trim()",
        "Without space, tab, line feed, vertical tab, form feed, carriage return at both ends.",
    ),
    define("length", "Strings", "string -> float", "s.length()", "Number of code points."),
    define(
        "slice",
        "Strings",
        "string -> string",
        "s[start:stop]",
        "Code points from start up to stop, as Python slices: a negative one counts from the end.",
        start="int",
        stop="int?",
    ),
    define(
        "contains",
        "Strings",
        "string -> bool",
        's.contains("b")',
        "Whether the text occurs in s, code point by code point.",
        text="text",
    ),
    define(
        "starts_with", "Strings", "string -> bool", 's.starts_with("b")', "Whether s begins with the text.", text="text"
    ),
    define("ends_with", "Strings", "string -> bool", 's.ends_with("b")', "Whether s ends with the text.", text="text"),
    define(
        "concat",
        "Strings",
        "string, string... -> string",
        "concat(s, t, ...)",
        "One after the other; null when any is null.",
    ),
    define(
        "replace",
        "Strings",
        "string -> string",
        's.replace("a", "b")',
        "Each occurrence of the first text, from the left without overlap, becomes the second.",
        old="pattern",
        new="text",
    ),
    define(
        "hash_bucket",
        "Strings",
        "string -> float",
        "s.hash_bucket(n, seed=0)",
        "MurmurHash3 (x86, 32 bit, unsigned) of the UTF-8 bytes, modulo n.",
        buckets="buckets",
        seed="seed",
    ),
    # Casts
    define("bool_to_float", "Casts", "bool -> float", "p.to_float()", "1 for true, 0 for false."),
    define("float_to_bool", "Casts", "float -> bool", "x.to_bool()", "False for 0.0 and -0.0, else true."),
    define(
        "string_to_float",
        "Casts",
        "string -> float",
        "s.to_float()",
        "The nearest float of [+-] digits [. digits] [e [+-] digits], with a digit before or after the point, "
        "ASCII, no blanks; anything else, and overflow, is null.",
        partial=True,
    ),
    define(
        "float_to_string",
        "Casts",
        "float -> string",
        "x.to_string()",
        'The shortest decimal that reads back as x, laid out as ECMAScript does: 1 → "1", 0.1 → "0.1", 1e21 → '
        '"1e+21", -0.0 → "0".',
    ),
    define(
        "timestamp_to_float",
        "Casts",
        "timestamp -> float",
        "t.to_float()",
        "Seconds since 1970-01-01 UTC: the microseconds as a float, divided by 1e6.",
    ),
    define(
        "float_to_timestamp",
        "Casts",
        "float -> timestamp",
        "x.to_timestamp()",
        "From seconds since 1970-01-01 UTC: x * 1e6 rounded half up to microseconds; null outside 64 bits.",
        partial=True,
    ),
    # Time
    define(
        "elapsed",
        "Time",
        "timestamp, timestamp -> float",
        "t.hours_since(u)",
        "Microseconds from u to t as a float, divided by those of the unit (seconds, minutes, hours, days_since);"
        " null where the difference exceeds 64 bits.",
        partial=True,
        unit="span unit",
    ),
    define(
        "shift",
        "Time",
        "timestamp -> timestamp",
        't + "90m"',
        "The instant a fixed duration later (or earlier, with -); null outside 64 bits. A day is 24 hours.",
        partial=True,
        by="microseconds",
    ),
    define(
        "truncate",
        "Time",
        "timestamp -> timestamp",
        't.truncate("day", zone)',
        "Second, minute, hour: local time cut down, at the offset in force at t. Day, week (Monday), month, year:"
        " the first instant of that local date; "
        "where its midnight is skipped, the end of the gap; where it occurs twice, the first. Null beyond ±2^62 µs.",
        partial=True,
        unit="clock unit",
        zone="zone",
    ),
    *(
        define(
            name,
            "Time",
            _ZONED,
            f"t.{name}(zone)",
            f"{meaning} in the zone (UTC by default). Null beyond ±2^62 µs.",
            partial=True,
            zone="zone",
        )
        for name, meaning in {
            "year": "Calendar year (proleptic Gregorian; 0 is 1 BC)",
            "month": "Month, 1 to 12,",
            "day": "Day of the month, 1 to 31,",
            "hour": "Hour, 0 to 23,",
            "minute": "Minute, 0 to 59,",
            "second": "Whole second, 0 to 59,",
            "weekday": "Day of the week, Monday 0 to Sunday 6,",
            "day_of_year": "Day of the year, 1 to 366,",
            "week": "ISO 8601 week, 1 to 53,",
        }.items()
    ),
)
