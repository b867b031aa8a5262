"""Where a Redis is, from its URL."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gapless.errors import SettingsError

__all__ = ["Target", "parse_target"]

_SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")
_PREFIX = "gapless"


@dataclass(frozen=True)
class Target:
    """A server, or one node of a cluster that knows the others.

    Parameters:
        url — as the client library reads it.
        prefix — what every key of this store begins with.
        shown — for messages: without the password.
    """

    url: str
    prefix: bytes
    cluster: bool
    shown: str


def parse_target(url: str) -> Target:
    """The parts of a URL.

    Raises: SettingsError for one that is no Redis URL.

    Examples:
        >>> parse_target("redis+cluster://:secret@cache:7000?prefix=shop")
        Target(url='redis://:secret@cache:7000', prefix=b'shop:', cluster=True, shown='redis+cluster://cache:7000')
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError as problem:
        raise _refused(url.rpartition("@")[2], str(problem)) from None
    shown = f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"
    if parts.scheme not in _SCHEMES:
        raise _refused(shown, f"scheme {parts.scheme!r}")
    options = dict(parse_qsl(parts.query))
    prefix = options.pop("prefix", _PREFIX)
    scheme, _, cluster = parts.scheme.partition("+")
    plain = urlunsplit((scheme, parts.netloc, parts.path, urlencode(options), ""))
    return Target(plain, f"{prefix}:".encode(), bool(cluster), shown)


def _refused(shown: str, seen: str) -> SettingsError:
    allowed = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
    return SettingsError(
        "the online store's URL is not one of a Redis", seen=f"{shown} ({seen})", allowed=allowed, next_step="mend it"
    )
