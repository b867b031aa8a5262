"""Which server has a key: the only one, or a node of a cluster by the key's slot.

The client library's own cluster client repeats a failed pipeline command by command, with pauses, so that one hanging
node would hold a request for minutes. Here a failure costs one timeout, and the caller decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from gapless.adapters.redis.exchange import Address, Command
from gapless.adapters.redis.failures import bad_option, unreachable
from gapless.adapters.redis.urls import Target

__all__ = ["Router", "router"]


class Router(Protocol):
    """Clients by key."""

    def split(self, commands: Iterable[tuple[int, Command]]) -> list[tuple[redis.Redis, list[tuple[int, Command]]]]:
        """Commands with their places in the caller's list, by the server that has their key."""
        ...

    def nodes(self) -> Sequence[redis.Redis]:
        """Every server that holds keys."""
        ...

    def forget(self) -> None:
        """What is known of who has what may be wrong: it is found out anew before the next command."""
        ...

    def close(self) -> None:
        """Every connection is closed."""
        ...


def router(target: Target, timeout_s: float) -> Router:
    """The router of a target; nothing is connected yet."""
    return Cluster(target, timeout_s) if target.cluster else Single(target, timeout_s)


def _client(target: Target, timeout_s: float, **address: Any) -> redis.Redis:
    """One attempt for each connection: waiting and trying again are the caller's to decide."""
    try:
        client: redis.Redis = redis.Redis.from_url(
            target.url,
            protocol=2,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing; refuses unknown options
    except (TypeError, ValueError, redis.RedisError) as problem:
        raise bad_option(target.shown, problem) from None
    pool.connection_kwargs.update(address)
    return client


class Single:
    """One server has every key."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        self._only = _client(target, timeout_s)

    def split(self, commands: Iterable[tuple[int, Command]]) -> list[tuple[redis.Redis, list[tuple[int, Command]]]]:
        return [(self._only, list(commands))]

    def nodes(self) -> Sequence[redis.Redis]:
        return [self._only]

    def forget(self) -> None:
        """There is nothing else to ask."""

    def close(self) -> None:
        self._only.close()


class Cluster:
    """Each node has a part of the 16,384 slots; any node knows who has which."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        self._target = target
        self._timeout_s = timeout_s
        self._seed = _client(target, timeout_s)
        self._clients: dict[Address, redis.Redis] = {}
        self._slots: list[Address | None] | None = None

    def split(self, commands: Iterable[tuple[int, Command]]) -> list[tuple[redis.Redis, list[tuple[int, Command]]]]:
        slots = self._known_slots()
        groups: dict[Address, list[tuple[int, Command]]] = {}
        for place, command in commands:
            home = command.asked_at or slots[key_slot(command.key)]
            if home is None:
                self.forget()
                raise unreachable(self._target.shown, f"slot {key_slot(command.key)}: nobody has it")
            groups.setdefault(home, []).append((place, command))
        return [(self._client_at(home), group) for home, group in groups.items()]

    def nodes(self) -> Sequence[redis.Redis]:
        return [self._client_at(home) for home in sorted({home for home in self._known_slots() if home})]

    def forget(self) -> None:
        self._slots = None

    def close(self) -> None:
        for client in (self._seed, *self._clients.values()):
            client.close()

    def _known_slots(self) -> list[Address | None]:
        slots = self._slots
        if slots is None:
            slots = self._slots = self._find_slots()
        return slots

    def _find_slots(self) -> list[Address | None]:
        """From the first node that answers; the one of the URL may be gone by now."""
        seen = "no node is known"
        for client in (self._seed, *list(self._clients.values())):
            try:
                return _table(client)
            except (redis.ConnectionError, redis.TimeoutError) as problem:
                seen = str(problem)
        raise unreachable(self._target.shown, seen)

    def _client_at(self, home: Address) -> redis.Redis:
        client = self._clients.get(home)
        if client is None:
            host, port = home
            client = self._clients.setdefault(home, _client(self._target, self._timeout_s, host=host, port=port))
        return client


def _table(client: redis.Redis) -> list[Address | None]:
    """Slot to the node that takes its writes."""
    asked = client.connection_pool.connection_kwargs["host"]
    table: list[Address | None] = [None] * 16384
    answer: Any = client.execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]
    for first, last, (host, port, *_), *_ in answer:
        name = (host or b"").decode()
        table[first : last + 1] = [(name if name not in ("", "?") else asked, port)] * (last + 1 - first)
    return table
