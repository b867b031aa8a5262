"""What a setting says of a Spark cluster, as Spark writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gapless.errors import SettingsError

__all__ = ["Master", "spark_master"]

_PREFIX = "spark:"
_LOCAL = re.compile(r"local(\[([1-9]\d*|\*)(,[1-9]\d*)?\])?")
_TRIES = ",4"
"""Of a task, as on a cluster; Spark's own default for a local session is one."""
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:]+\]|[\w.-]+):(\d{1,5})")
_LOOPBACK = re.compile(r"127\.\d+\.\d+\.\d+|localhost|\[::1\]")
ALLOWED = "spark, spark:local[2], local[2], local[*], spark://HOST:PORT, spark://HOST:PORT,HOST:PORT"


@dataclass(frozen=True)
class Master:
    """Where a session runs.

    Parameters:
        url — as Spark takes it; addresses — host and port of each master of a standalone cluster, none for local.
    """

    url: str
    addresses: tuple[tuple[str, int], ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether driver and executors are one process of this machine."""
        return not self.addresses

    @property
    def is_loopback(self) -> bool:
        """Whether nobody else is reached through it."""
        return all(_LOOPBACK.fullmatch(host) for host, _ in self.addresses)

    def __str__(self) -> str:
        return self.url


def spark_master(text: str) -> Master:
    """The master that a setting names.

    Raises: SettingsError with the forms that there are.

    Examples:
        >>> [str(spark_master(text)) for text in ("spark", "spark:local[2]", "local[4]", "spark://10.0.0.5:7077")]
        ['local[*,4]', 'local[2,4]', 'local[4,4]', 'spark://10.0.0.5:7077']
        >>> spark_master("spark://one:7077,two:7077").addresses
        (('one', 7077), ('two', 7077))
    """
    local = "local[*]" if text == _PREFIX.removesuffix(":") else text.removeprefix(_PREFIX)
    found = _LOCAL.fullmatch(local)
    if found:
        return Master(f"local[{found[2] or 1}{found[3] or _TRIES}]")
    return Master(text, tuple(_addresses(text)))


def _addresses(text: str) -> list[tuple[str, int]]:
    scheme, found = text[: len(_PREFIX) + 2], text[len(_PREFIX) + 2 :].split(",")
    matches = [match for one in found if (match := _ADDRESS.fullmatch(one))]
    ports = [int(match[2]) for match in matches]
    if scheme != _PREFIX + "//" or len(matches) != len(found) or not all(0 < port < 65_536 for port in ports):
        raise SettingsError(
            "not a Spark master",
            seen=text,
            allowed=ALLOWED,
            next_step="write one of these; a cluster's web page shows its address, spark://HOST:PORT",
        )
    return [(match[1], port) for match, port in zip(matches, ports, strict=True)]
