"""Values by key in Redis, each guarded by a compare-and-set of its own, so that a cluster serves as well as one server.

Updates go out in pipelined batches; the offsets follow when every update was acknowledged. A reader may so see one key
before another, never half of one, and never an offset before the updates under it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.exceptions import AskError, MovedError, NoPermissionError, NoScriptError, RedisError

from gapless.adapters.redis.exchange import Command, exchange
from gapless.adapters.redis.failures import evicting, failed, unknown_layout
from gapless.adapters.redis.routing import router
from gapless.adapters.redis.script import (
    EVAL,
    EVALSHA,
    HEADER_BYTES,
    OFFSET,
    STATE,
    is_offset,
    is_ours,
    pack,
    pack_position,
)
from gapless.adapters.redis.urls import parse_target
from gapless.faults import Fault
from gapless.ports.online import Committed, OnlineCapabilities, Update
from gapless.ports.updates import check_prefix, check_updates

__all__ = ["COMMIT_POINTS", "RedisStore"]

COMMIT_POINTS = ("begun", "update", "offset", "committed")
"""Where `fault` is called in a commit: nothing is sent; after each acknowledged batch of updates; of offsets; at the
end."""

_BATCH_BYTES = 2**20
_MGET_KEYS = 1000
_REDIRECTIONS = 4


class RedisStore:
    """The online store on a Redis server or a Redis Cluster.

    Connects at the first use, and again by itself after the server was away. Threads may share it, and processes that
    were forked.

    Parameters:
        url — `redis://`, `rediss://` or `unix://` for one server, `redis+cluster://` or `rediss+cluster://` with any
            node of a cluster. `?prefix=NAME` is what its keys begin with ("gapless"): two stores in one database need
            two. Other options are those of redis-py.
        timeout_s — how long to wait for a connection, and for the next bytes of an answer.
        batch_updates — how many updates go out before their answers are awaited.
        fault — called at COMMIT_POINTS with the point and the key, for tests.

    Cost: a read is one round trip; in a cluster, or with more than 1,000 keys, one for offsets and one for the rest, to
        all nodes at once. A commit of n updates takes n / batch_updates round trips, and two at least.
    """

    capabilities = OnlineCapabilities(atomic="key", local=False)

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 1.0,
        batch_updates: int = 1000,
        fault: Fault | None = None,
    ) -> None:
        self._target = parse_target(url)
        self._batch_updates = batch_updates
        self._fault = fault
        self._router = router(self._target, timeout_s)
        self._offsets: frozenset[bytes] = frozenset()
        self._keeps_keys = False

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Raises: Transient, Refused, CorruptData."""
        names = [self._target.prefix + key for key in keys]
        with self._failures("read the online store"):
            if self._target.cluster or len(names) > _MGET_KEYS:
                found = self._offsets_first(names)
            else:
                found = self._fetch(names)
        for name, value in zip(names, found, strict=True):
            if value is not None and not is_ours(value):
                raise unknown_layout(f"{name!r}: first bytes {value[:HEADER_BYTES]!r}", self._target.shown)
        return [None if value is None else value[HEADER_BYTES:] for value in found]

    def commit(self, updates: Mapping[bytes, Update], offsets: Mapping[bytes, Update]) -> Committed:
        """Raises: InputError, Transient, Refused, CorruptData; then some of the updates may be there: call it again.

        Guarantees: as durable as the server's own settings make what it acknowledged (`appendfsync`, replicas).
        """
        check_updates(updates, offsets)
        with self._failures("commit to the online store"):
            self._check_eviction()
            self._point("begun")
            written = self._send(updates, STATE, "update") + self._send(offsets, OFFSET, "offset")
            self._point("committed")
        return Committed(written, len(updates) + len(offsets) - written)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """Reads the name of every key of the database, and remembers those that it gives: some come more than once."""
        start = self._target.prefix
        seen: set[bytes] = set()
        with self._failures("list the online store"):
            for page in self._scan(start + prefix):
                fresh = {name[len(start) :] for name in page} - seen
                seen |= fresh
                yield from fresh

    def remove(self, prefix: bytes) -> int:
        """Page by page: where it fails on the way, call it again. Raises: InputError, Transient, Refused."""
        check_prefix(prefix)
        with self._failures("remove from the online store"):
            return sum(
                sum(self._run([Command(name, (b"UNLINK", name)) for name in page]))
                for page in self._scan(self._target.prefix + prefix)
            )

    def close(self) -> None:
        """Every connection is closed."""
        self._router.close()

    # ---- reading -------------------------------------------------------------------------------------

    def _offsets_first(self, names: Sequence[bytes]) -> list[bytes | None]:
        """Several commands are several instants: an offset read after a key could speak of updates that the key does
        not have yet. Which keys are offsets is learned from their values, and then known.
        """
        while True:
            offsets = [name for name in names if name in self._offsets]
            others = [name for name in names if name not in self._offsets]
            found = dict(zip(offsets, self._fetch(offsets), strict=True))
            found |= dict(zip(others, self._fetch(others), strict=True))
            new = frozenset(name for name in others if is_offset(found[name]))
            if not new:
                return [found[name] for name in names]
            self._offsets |= new

    def _fetch(self, names: Sequence[bytes]) -> list[bytes | None]:
        if not names:
            return []
        if self._target.cluster:
            return self._run([Command(name, (b"GET", name)) for name in names], again=True)
        pages = [names[start : start + _MGET_KEYS] for start in range(0, len(names), _MGET_KEYS)]
        answers = self._run([Command(page[0], (b"MGET", *page)) for page in pages], again=True)
        return [value for answer in answers for value in answer]

    def _scan(self, start: bytes) -> Iterator[list[bytes]]:
        pattern = b"".join(b"\\" + letter if letter in b"*?[]\\" else letter for letter in _letters(start)) + b"*"
        for node in self._router.nodes():
            cursor = -1
            while cursor:
                answer: Any = node.scan(max(cursor, 0), match=pattern, count=_MGET_KEYS)
                cursor, page = answer
                if page:
                    yield page

    # ---- writing -------------------------------------------------------------------------------------

    def _send(self, group: Mapping[bytes, Update], mark: int, point: str) -> int:
        """Returns how many were taken."""
        written = 0
        for batch in self._batches(group, mark):
            written += sum(self._run(batch))
            self._point(point, batch[-1].key)
        return written

    def _batches(self, group: Mapping[bytes, Update], mark: int) -> Iterator[list[Command]]:
        batch: list[Command] = []
        size = 0
        for key, update in group.items():
            name = self._target.prefix + key
            after = () if update.after is None else (pack_position(update.after),)
            batch.append(Command(name, (*EVALSHA, name, pack(mark, update.position, update.value), *after)))
            size += len(update.value)
            if len(batch) >= self._batch_updates or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _check_eviction(self) -> None:
        """Once for a store, before it writes."""
        if self._keeps_keys:
            return
        for node in self._router.nodes():
            try:
                memory: Any = node.info("memory")
            except NoPermissionError:  # then whoever set the server up must know
                continue
            if memory.get("maxmemory") and str(memory.get("maxmemory_policy", "")).startswith("allkeys"):
                raise evicting(self._target.shown, memory["maxmemory_policy"])
        self._keeps_keys = True

    # ---- both ----------------------------------------------------------------------------------------

    def _run(self, commands: Sequence[Command], *, again: bool = False) -> list[Any]:
        """The answers in order; redirections are followed, and a node that lost the script is sent it.

        Parameters:
            again — try once more over a new connection where one breaks: only for what changes nothing.
        """
        answers: list[Any] = [None] * len(commands)
        waiting = list(enumerate(commands))
        for _ in range(_REDIRECTIONS):
            for place, answer in self._exchange(waiting, again=again):
                answers[place] = answer
            waiting = [(p, turned) for p, one in waiting if (turned := self._turned(one, answers[p]))]
            if not waiting:
                break
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _exchange(self, waiting: Sequence[tuple[int, Command]], *, again: bool) -> Iterator[tuple[int, Any]]:
        parts = self._router.split(waiting)
        try:
            answers = exchange([(client, [one for _, one in part]) for client, part in parts])
        except (redis.ConnectionError, redis.TimeoutError) as problem:
            self._router.forget()
            if not again or isinstance(problem, redis.TimeoutError):
                raise
            yield from self._exchange(waiting, again=False)
            return
        for (_, part), group in zip(parts, answers, strict=True):
            yield from ((place, answer) for (place, _), answer in zip(part, group, strict=True))

    def _turned(self, command: Command, answer: Any) -> Command | None:
        """What to send instead, where the answer says that nothing was done."""
        if isinstance(answer, NoScriptError):
            return command._replace(args=(*EVAL, *command.args[3:]))
        if isinstance(answer, MovedError) and self._target.cluster:
            self._router.forget()
            return command._replace(asked_at=None)
        if isinstance(answer, AskError) and self._target.cluster:
            return command._replace(asked_at=(answer.host, answer.port))
        return None

    @contextmanager
    def _failures(self, doing: str) -> Iterator[None]:
        try:
            yield
        except RedisError as problem:
            raise failed(problem, self._target.shown, doing, cluster=self._target.cluster) from problem

    def _point(self, point: str, key: bytes = b"") -> None:
        if self._fault is not None:
            self._fault(point, repr(key))


def _letters(text: bytes) -> list[bytes]:
    return [text[i : i + 1] for i in range(len(text))]
