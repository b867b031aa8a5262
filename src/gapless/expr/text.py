"""What operations on text mean, one value at a time."""

from __future__ import annotations

import re
import struct

__all__ = ["BLANKS", "ascii_lower", "ascii_upper", "format_float", "murmur3", "parse_float"]

BLANKS = " \t\n\v\f\r"
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LOWER = {code: code + 32 for code in range(65, 91)}
_UPPER = {code + 32: code for code in range(65, 91)}


def ascii_lower(text: str) -> str:
    """A-Z to a-z; every other character stays."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def ascii_upper(text: str) -> str:
    """a-z to A-Z; every other character stays."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


def parse_float(text: str) -> float:
    """The nearest float of a decimal number; NaN for any other text; ±inf where it is too large.

    Examples:
        >>> parse_float("1.5e3"), parse_float("-.5"), parse_float(" 1"), parse_float("1_000")
        (1500.0, -0.5, nan, nan)
    """
    return float(text) if _NUMBER.fullmatch(text) else float("nan")


def format_float(x: float) -> str:
    """The shortest decimal that reads back as x, laid out as ECMAScript's Number::toString.

    Examples:
        >>> [format_float(x) for x in (1.0, -0.0, 0.1, 1e21, 1e-7, 123456789012345680000.0)]
        ['1', '0', '0.1', '1e+21', '1e-7', '123456789012345680000']

    References: [1] ECMA-262, Number::toString.
    """
    if x == 0.0:
        return "0"
    sign = "-" if x < 0.0 else ""
    mantissa, _, exponent = f"{abs(x)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return sign + _laid_out(digits.rstrip("0"), point)


def _laid_out(digits: str, point: int) -> str:
    """`digits` with the decimal point after `point` of them."""
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    rest = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{rest}e{point - 1:+d}"


def murmur3(text: str, seed: int) -> int:
    """MurmurHash3 x86 32 bit of the UTF-8 bytes, unsigned.

    Examples:
        >>> murmur3("", 0), murmur3("hello", 0)
        (0, 613153351)

    References: [1] A. Appleby, MurmurHash3, 2011.
    """
    data = text.encode()
    h = seed
    whole = len(data) & ~3
    for k in struct.unpack_from(f"<{whole >> 2}I", data):
        h ^= _scrambled(k)
        h = (h << 13 | h >> 19) & 0xFFFFFFFF
        h = (h * 5 + 0xE6546B64) & 0xFFFFFFFF
    if whole < len(data):
        h ^= _scrambled(int.from_bytes(data[whole:], "little"))
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return h ^ h >> 16


def _scrambled(k: int) -> int:
    k = k * 0xCC9E2D51 & 0xFFFFFFFF
    return (k << 15 | k >> 17) * 0x1B873593 & 0xFFFFFFFF
