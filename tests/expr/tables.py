"""Writes src/gapless/expr/elementary_tables.py from mpmath. Run: python tests/expr/tables.py"""

from __future__ import annotations

from pathlib import Path

import mpmath as mp

OUT = Path(__file__).parents[2] / "src" / "gapless" / "expr" / "elementary_tables.py"
HEAD = '''"""The tables of `elementary`, written by tests/expr/tables.py from mpmath.

Every number reads back as the same float.
LOG, from m = 90/128 to 182/128: c ≈ 1/m with 10 bits, then -log c as a sum of two floats.
EXP, for j from 0 to 31: 2^(j/32) as a sum of two floats.
"""

from __future__ import annotations

__all__ = ["EXP", "LOG"]
# fmt: off
'''


def pair(x: mp.mpf) -> list[float]:
    high = float(x)
    return [high, float(x - mp.mpf(high))]


def log_table() -> list[float]:
    rows = []
    for i in range(90, 183):
        c = round(512 * 128 / i) / 512
        rows += [c, *(pair(-mp.log(mp.mpf(c))) if c != 1.0 else [0.0, 0.0])]
    return rows


def exp_table() -> list[float]:
    return [part for j in range(32) for part in pair(mp.mpf(2) ** (mp.mpf(j) / 32))]


def cut(x: mp.mpf, bits: int) -> list[float]:
    """x as a float of so many bits and a float of the rest."""
    scale = mp.mpf(2) ** (bits - 1 - mp.floor(mp.log(x, 2)))
    high = mp.floor(x * scale) / scale
    return [float(high), float(x - high)]


def lines(name: str, values: list[float], width: int) -> str:
    rows = [", ".join(repr(v) for v in values[i : i + width]) for i in range(0, len(values), width)]
    return f"\n{name} = (\n" + "".join(f"    {row},\n" for row in rows) + ")\n"


def source() -> str:
    with mp.workprec(300):
        return HEAD + lines("LOG", log_table(), 3) + lines("EXP", exp_table(), 2)


if __name__ == "__main__":
    OUT.write_text(source())
    with mp.workprec(300):
        print(cut(mp.log(2), 42), cut(mp.log(2) / 32, 37), float(32 / mp.log(2)), float(mp.sqrt(0.5)))
