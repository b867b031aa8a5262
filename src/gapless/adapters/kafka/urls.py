"""Where a Kafka is, from its URL, and the settings of the clients that speak to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from gapless.adapters.kafka.names import full_topic
from gapless.errors import SettingsError

__all__ = ["Target", "parse_target"]

_ALLOWED = "kafka://HOST:PORT[,HOST:PORT]/[?prefix=NAME&OPTION=VALUE]"
_PORT = 9092
_PREFIX = re.compile(r"[A-Za-z0-9-]{0,32}")
_COMMON: Mapping[str, Any] = {
    "client.id": "gapless",
    "log_level": 2,  # what goes wrong is said by the error that is raised
    "reconnect.backoff.max.ms": 1_000,
    "allow.auto.create.topics": False,
}
_OURS = (
    *(
        "bootstrap.servers",
        "log_level",
        "allow.auto.create.topics",
        "enable.idempotence",
        "acks",
        "request.required.acks",
    ),
    *("enable.gapless.guarantee", "message.timeout.ms", "delivery.timeout.ms", "transactional.id"),
    *("group.id", "group.protocol", "isolation.level", "enable.auto.commit"),
    *("enable.auto.offset.store", "auto.offset.reset", "enable.partition.eof", "partition.assignment.strategy"),
)
"""What the guarantees of the log rest on is not to be set from outside."""


@dataclass(frozen=True)
class Target:
    """A cluster, by some of its brokers.

    Parameters:
        servers — HOST:PORT, with commas between.
        prefix — what the names of topics and groups begin with; may be empty.
        options — for the client library, by its own names.
        shown — for messages: without the password.
    """

    servers: str
    prefix: str = ""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    shown: str = ""

    def settings(self, defaults: Mapping[str, Any], fixed: Mapping[str, Any]) -> dict[str, Any]:
        """Of one client: the URL's options go over the defaults, and not over what is fixed."""
        return {**_COMMON, **defaults, **self.options, **fixed, "bootstrap.servers": self.servers}

    def topic(self, name: str) -> str:
        """What a topic is called on the brokers. Raises: InputError."""
        return full_topic(self.prefix, name)

    def group(self, name: str) -> str:
        """What a consumer group is called on the brokers."""
        return f"{self.prefix}{name}"


def parse_target(url: str) -> Target:
    """The parts of a URL.

    A user and a password in it mean SASL PLAIN over TLS, unless options say otherwise.

    Raises: SettingsError for one that is no Kafka URL, or that sets what the log sets itself.

    Examples:
        >>> target = parse_target("kafka://ann:secret@one:9092,two/?prefix=shop&linger.ms=20")
        >>> target
        Target(servers='one:9092,two:9092', prefix='shop.', shown='kafka://one:9092,two:9092')
        >>> dict(target.options)["linger.ms"], dict(target.options)["sasl.username"]
        ('20', 'ann')
    """
    parts = urlsplit(url)
    user, _, hosts = parts.netloc.rpartition("@")
    shown = f"{parts.scheme}://{hosts}"
    if parts.scheme != "kafka" or parts.path not in ("", "/") or parts.fragment:
        raise _refused(f"{shown}{parts.path}", "another scheme or a path")
    servers = ",".join(_server(host, shown) for host in hosts.split(","))
    options = _sasl(user) | dict(parse_qsl(parts.query, keep_blank_values=True))
    prefix = options.pop("prefix", "")
    if not _PREFIX.fullmatch(prefix):
        raise _refused(shown, f"prefix {prefix!r}")
    ours = sorted(options.keys() & set(_OURS))
    if ours:
        raise _refused(shown, f"{', '.join(ours)}, which the log sets itself")
    return Target(servers, f"{prefix}." if prefix else "", options, f"kafka://{servers}")


def _server(host: str, shown: str) -> str:
    name, colon, port = host.rpartition(":") if ":" in host.rpartition("]")[2] else (host, ":", str(_PORT))
    if not name or not colon or not port.isdigit():
        raise _refused(shown, f"host {host!r}")
    return f"{name}:{port}"


def _sasl(user: str) -> dict[str, str]:
    if not user:
        return {}
    name, _, password = user.partition(":")
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": unquote(name),
        "sasl.password": unquote(password),
    }


def _refused(shown: str, seen: str) -> SettingsError:
    return SettingsError(
        "the event log's URL is not one of a Kafka",
        seen=f"{shown} ({seen})",
        allowed=_ALLOWED,
        next_step="mend it",
    )
