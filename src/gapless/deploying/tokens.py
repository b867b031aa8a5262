"""Access tokens as texts: made once, shown once, and known afterwards by a digest.

gl_0f3c9a1be277_5d0c…   the public id, and 24 random bytes of which only the sha256 is kept
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from gapless.clock import format_instant
from gapless.errors import InputError
from gapless.ports.metadata import ROLES, Role, Token

__all__ = ["Issued", "digest_of", "issue", "parts_of"]

_TEXT = re.compile(r"gl_([0-9a-f]{12})_([0-9a-f]{48})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True)
class Issued:
    """A new token, and the text that its owner sends: the one time that it is anywhere."""

    token: Token
    text: str


def issue(
    name: str,
    role: str,
    *,
    random_bytes: Callable[[int], bytes],
    now_us: int,
    expires_us: int | None = None,
    per_second: float | None = None,
) -> Issued:
    """A token that nobody has had before.

    Parameters:
        role — one of read, predict, push, deploy, admin: see `gapless.ports.metadata.MAY`.
        random_bytes — a source fit for secrets, such as `secrets.token_bytes`.
        per_second — requests that are admitted; None: no limit of its own.

    Raises: InputError naming the value that cannot be.

    Examples:
        >>> made = issue("shop", "predict", random_bytes=bytes, now_us=0)
        >>> made.text[:20], made.token.id, parts_of(made.text) == (made.token.id, "00" * 24)
        ('gl_000000000000_0000', '000000000000', True)
    """
    _check(name, role, now_us, expires_us, per_second)
    known: Role = next(one for one in ROLES if one == role)
    id, secret = random_bytes(6).hex(), random_bytes(24).hex()
    token = Token(id, name, known, digest_of(secret), now_us, expires_us, None, per_second)
    return Issued(token, f"gl_{id}_{secret}")


def digest_of(secret: str) -> bytes:
    """What is kept of a secret. It is random, so one round of sha256 is as hard to turn back as many."""
    return hashlib.sha256(secret.encode()).digest()


def parts_of(text: str) -> tuple[str, str] | None:
    """The public id and the secret; None for what is no token.

    Examples:
        >>> parts_of("gl_12_34") is None
        True
    """
    found = _TEXT.fullmatch(text)
    return (found[1], found[2]) if found else None


def _check(name: str, role: str, now_us: int, expires_us: int | None, per_second: float | None) -> None:
    if not _NAME.fullmatch(name):
        raise InputError("not a token's name", seen=name, allowed="up to 64 letters, digits, and . _ @ -")
    if role not in ROLES:
        raise InputError("no such role", seen=role, allowed=", ".join(ROLES))
    if expires_us is not None and expires_us <= now_us:
        seen, allowed = format_instant(expires_us), f"later than {format_instant(now_us)}, or a duration such as 90d"
        raise InputError("the token would have expired already", seen=seen, allowed=allowed)
    if per_second is not None and not (math.isfinite(per_second) and per_second > 0):
        raise InputError("not a rate", seen=per_second, allowed="a number above 0, in requests per second")
