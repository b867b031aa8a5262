"""One table of 10,000 hard rows with what every expression of `cases` makes of it, for any runtime to be held against.

    for case in cases():
        expected(case)               # bits and validity, or texts, from the emitter of one row
        differences(case, found)     # how many of the 10,000 rows another runtime gets wrong
    exchange()                       # the table as one file that Node and a browser read at once
    digests()                        # expression → SHA-256 of `packed` answers: equal digests are equal bits

Layout of `packed`, little-endian, each part padded with zeros to 8 bytes; a null's value is 0, or no text:

    validity, 1 byte a row ── float: 8 bytes a row, its bits       ── bool: 1 byte a row
                              timestamp: 8 bytes a row, signed µs  ── string: 4 bytes a row, its length in UTF-8; all bytes

Layout of `exchange`: 4 bytes, the length of a JSON header; the header, padded with blanks so that a multiple of 8 bytes
has gone by; the packed columns. The header: {"rows": 10000, "columns": [{"name", "type", "offset", "length"}]}, offsets
from the end of the header.

`python -m tests.expr.adversarial` writes adversarial.json, the digests beside this file.
"""

# ruff: noqa: E501, RUF001
from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import ARROW_TYPES
from gapless.expr import Expr, compile_row
from gapless.expr.zones import load_zone
from gapless.schema import Type
from tests.expr.cases import CASES, COLUMNS, FLOATS, STRINGS, TIMESTAMPS, ZONES, random_value

__all__ = [
    "FILE",
    "ROWS",
    "Answers",
    "Case",
    "answers_of",
    "cases",
    "differences",
    "different_rows",
    "digest",
    "digests",
    "exchange",
    "expected",
    "expected_of",
    "packed",
    "rows",
    "stored_digests",
    "unpacked",
]

ROWS = 10_000
FILE = Path(__file__).with_name("adversarial.json")
_SEED = 20261129
_HOUR = 3_600_000_000


@dataclass(frozen=True, eq=False)
class Case:
    """One expression of an operation; its name is unique."""

    op: str
    number: int
    expr: Expr

    @property
    def name(self) -> str:
        return f"{self.op}_{self.number}"


@dataclass(frozen=True, eq=False)
class Answers:
    """What an expression makes of each row.

    Parameters:
        valid — bool array; False is null.
        bits — int64 array: the bits of a float, the µs of a timestamp, 0 or 1 of a bool; 0 for null. Empty for texts.
        texts — the texts, "" for null; None for other types.
    """

    kind: Type
    valid: np.ndarray
    bits: np.ndarray
    texts: tuple[str, ...] | None = None


@cache
def cases() -> tuple[Case, ...]:
    """Every expression of every operation, in the order of `CASES`."""
    return tuple(Case(op, number, expr) for op, exprs in CASES.items() for number, expr in enumerate(exprs))


@cache
def rows() -> pa.RecordBatch:
    """The table: every column of `COLUMNS`, the same on every machine."""
    values = {name: [row[name] for row in _rows()] for name in COLUMNS}
    return pa.RecordBatch.from_arrays([_array(values[name], kind) for name, kind in COLUMNS.items()], list(COLUMNS))


def expected(case: Case) -> Answers:
    """What the emitter of one row gives."""
    return answers_of(_by_row()[case.name], case.expr.type)


def expected_of(others: Sequence[Case]) -> list[Answers]:
    """The same for expressions that are not among `cases`, over the same rows."""
    return [answers_of(array, case.expr.type) for case, array in zip(others, _computed(others), strict=True)]


def answers_of(found: pa.Array, kind: Type) -> Answers:
    """An Arrow array of a result, as bits."""
    valid = np.asarray(found.is_valid())
    if kind is Type.STRING:
        return Answers(kind, valid, np.zeros(0, np.int64), tuple(pc.fill_null(found, "").to_pylist()))
    if kind is Type.FLOAT:
        return Answers(kind, valid, np.asarray(pc.fill_null(found, 0.0)).view(np.int64))
    return Answers(kind, valid, np.asarray(pc.fill_null(found.cast(pa.int64()), 0)))


def differences(case: Case, found: Answers) -> int:
    """In how many rows a runtime's answers differ from `expected`, in null, bits or text."""
    return different_rows(expected(case), found)


def different_rows(right: Answers, found: Answers) -> int:
    """In how many rows two answers differ."""
    if found.kind is not right.kind or len(found.valid) != len(right.valid):
        return len(right.valid)
    wrong = found.valid != right.valid
    if right.texts is None or found.texts is None:
        return int(np.count_nonzero(wrong | (found.bits != right.bits)))
    return sum(bool(w) or a != b for w, a, b in zip(wrong, found.texts, right.texts, strict=True))


def packed(answers: Answers) -> bytes:
    """The bytes that a digest is of."""
    head = _padded(answers.valid.astype(np.uint8).tobytes())
    if answers.texts is not None:
        texts = [text.encode() for text in answers.texts]
        return head + _padded(struct.pack(f"<{len(texts)}I", *map(len, texts))) + _padded(b"".join(texts))
    return head + _padded(answers.bits.astype(np.uint8 if answers.kind is Type.BOOL else "<i8").tobytes())


def unpacked(data: bytes, kind: Type, count: int = ROWS) -> Answers:
    """What `packed` was given."""
    valid = np.frombuffer(data, np.uint8, count).astype(bool)
    at = _after(count)
    if kind is Type.STRING:
        lengths = struct.unpack_from(f"<{count}I", data, at)
        ends = np.cumsum((at + _after(4 * count), *lengths)).tolist()
        texts = tuple(data[begin:end].decode() for begin, end in itertools.pairwise(ends))
        return Answers(kind, valid, np.zeros(0, np.int64), texts)
    return Answers(
        kind, valid, np.frombuffer(data, np.uint8 if kind is Type.BOOL else "<i8", count, at).astype(np.int64)
    )


def digest(answers: Answers) -> str:
    """SHA-256 of the packed answers, in hex."""
    return hashlib.sha256(packed(answers)).hexdigest()


@cache
def digests() -> Mapping[str, str]:
    """Expression's name → digest of what is expected of it."""
    return {case.name: digest(expected(case)) for case in cases()}


def stored_digests() -> Mapping[str, str]:
    """The digests as they were when this was last decided to be right; "table" is the one of `exchange`."""
    return dict(json.loads(FILE.read_text("utf-8")))


@cache
def exchange() -> bytes:
    """The table as one file."""
    columns, parts, at = [], [], 0
    for name, kind in COLUMNS.items():
        part = packed(answers_of(rows().column(name), kind))
        columns.append({"name": name, "type": kind.value, "offset": at, "length": len(part)})
        parts.append(part)
        at += len(part)
    header = json.dumps({"rows": ROWS, "columns": columns}).encode()
    header += b" " * (-(len(header) + 4) % 8)
    return struct.pack("<I", len(header)) + header + b"".join(parts)


# ---- the rows ------------------------------------------------------------------------------------


def _array(values: Sequence[Any], kind: Type) -> pa.Array:
    if kind is Type.TIMESTAMP:
        return pa.array(values, pa.int64()).cast(ARROW_TYPES[kind])
    return pa.array(values, ARROW_TYPES[kind])


@cache
def _by_row() -> Mapping[str, pa.Array]:
    return {case.name: array for case, array in zip(cases(), _computed(cases()), strict=True)}


def _computed(of: Sequence[Case]) -> list[pa.Array]:
    """By one program of all expressions, since compiling and calling 300 costs more than computing."""
    program = compile_row({case.name: case.expr for case in of})
    results = [program(row) for row in _rows()]
    return [_array([found[case.name] for found in results], case.expr.type) for case in of]


@cache
def _rows() -> tuple[dict[str, Any], ...]:
    """Each hard value in each column of its type first; then at random, often beside an equal or a neighbouring one."""
    choose = random.Random(_SEED)
    pools = {kind: list(pool) for kind, pool in _pools().items()}
    every = max(map(len, pools.values()))
    table = []
    for number in range(ROWS):
        row: dict[str, Any] = {}
        for place, (name, kind) in enumerate(COLUMNS.items()):
            pool = pools[kind]
            if number < every:
                row[name] = pool[(number * (2 * place + 1) + place) % len(pool)]
            else:
                row[name] = _value(kind, [row[n] for n in row if COLUMNS[n] is kind], pool, choose)
        table.append(row)
    return tuple(table)


def _value(kind: Type, twins: Sequence[Any], pool: Sequence[Any], choose: random.Random) -> Any:
    dice = choose.random()
    if dice < 0.04:
        return None
    if dice < 0.14 and twins:
        return twins[-1]
    if dice < 0.24 and twins and twins[-1] is not None:
        return _neighbour(twins[-1], kind, choose)
    if dice < 0.55:
        return choose.choice(pool)
    return _float(choose) if kind is Type.FLOAT else random_value(kind, choose)


def _float(choose: random.Random) -> float:
    """By arithmetic that is the same everywhere: `pow` is not."""
    kind = choose.randrange(5)
    if kind == 0:
        return struct.unpack("<d", struct.pack("<Q", choose.getrandbits(64)))[0]
    if kind == 1:
        return choose.randrange(-4000, 4000) / 2
    if kind == 2:
        return choose.uniform(-750, 750)
    if kind == 3:
        return 1 + choose.uniform(-1, 1) * 2.0 ** -choose.randrange(53)
    return choose.uniform(-2, 2) * 2.0 ** choose.randrange(-70, 70)


def _neighbour(value: Any, kind: Type, choose: random.Random) -> Any:
    """A value that is easily taken for this one."""
    if kind is Type.FLOAT:
        return choose.choice([math.nextafter(value, math.inf), math.nextafter(value, -math.inf), -value])
    if kind is Type.TIMESTAMP:
        return max(-(2**63), min(2**63 - 1, value + choose.choice([1, -1, _HOUR, -_HOUR, 86_400_000_000, 2**53])))
    if kind is Type.STRING:
        return choose.choice(
            [value + "\x00", value + " ", value.replace("a", "A"), value[1:], value[::-1], "\ue000" + value]
        )
    return not value


def _pools() -> dict[Type, tuple[Any, ...]]:
    return {
        Type.FLOAT: (*_distinct_floats(), *(FLOATS[:6] * 8)),  # null, NaN, ±inf and ±0 more often
        Type.STRING: (*STRINGS, *_MORE_STRINGS),
        Type.BOOL: (None, True, False, True, False),
        Type.TIMESTAMP: tuple(dict.fromkeys([*TIMESTAMPS, *_instants()])),
    }


def _distinct_floats() -> list[float | None]:
    """The hard floats and both neighbours of each."""
    centres = [
        *(n + 0.5 for n in range(-5, 6)), *(s * 2.0**e for s in (-1, 1) for e in (31, 32, 52, 53, 62, 63, 64, 1023, -1022, -1074)),
        *(s * float(f"1e{e}") for s in (-1, 1) for e in (-308, -307, -21, -7, -6, -5, 0, 15, 16, 17, 20, 21, 22, 300, 308)),
        709.782712893384, 709.79, -708.3964185322641, -745.1332191019412, -745.14, 710.0, -746.0, math.sqrt(0.5), math.sqrt(2), math.e, 0.6931471805599453, 0.010830424696249145,
        0.1, 0.2, 0.3, 1 / 3, 0.7, 1e6 / 3, 90 / 128, 181.5 / 128, 1.0 - 2**-10, 1.0 + 2**-10, 4503599627370495.5, 4503599627370497.5, 9007199254740991.0, 9007199254740993.0,
        1.7976931348623157e308, 2.225073858507201e-308, 1e-310, 3e-320, 9.223372036854775e12, -9.223372036854775e12, 1372654800.1234565, 86400.0, 4294967295.0, 4294967296.0,
    ]  # fmt: skip
    found: dict[Any, float | None] = {}
    for value in (*FLOATS, *centres, *(-c for c in centres)):
        near = (
            []
            if value is None or math.isnan(value)
            else [math.nextafter(value, math.inf), math.nextafter(value, -math.inf)]
        )
        for one in (value, *near):
            found.setdefault(None if one is None else struct.pack("<d", one), one)
    return list(found.values())


_MORE_STRINGS = (
    "\u3000a\u3000", "\u2003a", "\u00ada", "\x0ba\x0c", "\x1c\x1d\x1ea", " \x00 ", "a ", "ẞ", "ıI", "ǅ", "ÀÉÎ", "ÿŸ", "ſ", "K", "Å", "ﬀ", "ς", "Ω",
    "\U00010400\U00010428", "\ue000", "\U00010000", "😀😀😀", "x😀", "😀x", "é😀e\u0301", "\u0301\u0301", "\ud7ff\ue000\uffff\U00010000", "aéa", "aaaa", "aaaaa", "'a'", "a\\a",
    "0", "00", "-", "+", "+.5", "-.", "5.", "1e5", "1E+05", "1e-5", "1e+", "0e0", "-0.0", "1e308", "1.8e308", "-1.7976931348623157e308", "1.7976931348623159e308", "4.9e-324", "2e-324",
    "2.2250738585072011e-308", "179769313486231580793e289", "9007199254740992.5", "9007199254740993.0000000001", "0.1000000000000000055511151231257827", "1" * 400, "0." + "0" * 400 + "1",
    "1e99999999999999999999", "1e-99999999999999999999", "0e99999999999999999999", "１", "1٠", "0b1", "0o7", "1f", "1d", "1n", "NaN", "-inf", "+Infinity", "1e5 ", "\t1", "1\x00", "1__0", "",
    "\u2009", "\u200b", "\u180e", "abc\u0301", "%", "$&", "$$", "\\1", "a$1b", "\r\n", "abcd", "abcde", "abcdefg", "ÿ" * 3, "€" * 5, "\U0010fffd\U0010ffff", "\u0080", "\u07ff\u0800",
)  # fmt: skip


def _instants() -> list[int]:
    """Gaps and overlaps of every zone: the moment, one µs, and an hour or a day to either side; the ends of years."""
    found = [n * _HOUR * 24 * 365 + d for n in (-3000, -1969, -400, -1, 1, 400, 8029) for d in (-1, 0, 1)]
    found += [s * (2**e) + d for s in (-1, 1) for e in (31, 52, 53, 61, 62) for d in (-1, 0, 1)]
    for zone in map(load_zone, ZONES):
        starts = [*zone.starts[1:6], *zone.starts[-4:], *zone.starts[1 : -4 : max(len(zone.starts) // 40, 1)]]
        found += [s + d for s in starts for d in (-1, 0, 1, -_HOUR, _HOUR - 1, 24 * _HOUR)]
        found += [] if zone.ends is None else [zone.ends + d for d in (-1, 0, 1, 146_097 * 24 * _HOUR)]
    return [one for one in found if -(2**63) <= one < 2**63]


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def _after(size: int) -> int:
    return size + -size % 8


def main() -> None:
    found = {"table": hashlib.sha256(exchange()).hexdigest(), **digests()}
    FILE.write_text(json.dumps(found, indent=0) + "\n", "utf-8")
    print(FILE.name, len(found))


if __name__ == "__main__":
    main()
