"""From deployments to loaded versions: what is live is served, or what was served before, and somebody is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from gapless.clock import SECOND, Clock
from gapless.errors import CorruptData, GaplessError, NotFound
from gapless.ports.metadata import Deployment, Incident, Metadata
from gapless.serving.answers import Signature
from gapless.serving.chain import Chain, Loaded, attempted
from gapless.serving.reports import Reports

__all__ = ["INCIDENTS", "Attempt", "Follower", "Memory"]

INCIDENTS = ("swap_refused", "version_not_loaded", "answer_failed")
"""The kinds that a server reports; docs/serving.md says what each means."""

_LONGEST_PAUSE_US = 60 * SECOND


class Memory(Protocol):
    """What was live when it was last heard of. `serving.remembered` has the real one."""

    def load(self) -> Mapping[str, Deployment]:
        """What `save` was given last. Raises: CorruptData, StorageError."""
        ...

    def save(self, deployments: Mapping[str, Deployment]) -> None:
        """Raises: StorageError."""
        ...


@dataclass(frozen=True)
class Attempt:
    """How far bringing up a deployment has come.

    Parameters:
        faults — what is wrong, by version that could not be loaded; empty: all is as decided.
        tries — since the deployment changed; next_us — when the next one is due.
    """

    revision: int
    faults: Mapping[str, str] = field(default_factory=dict)
    tries: int = 1
    next_us: int = 0

    def is_due(self, deployment: Deployment, now_us: int) -> bool:
        """Whether there is anything to do now."""
        return deployment.revision != self.revision or (bool(self.faults) and now_us >= self.next_us)


class Follower:
    """Keeps `serving` at what the metadata database says is live; `look` does one step, and nothing runs by itself.

    The new version is loaded beside the old one, then one reference is replaced: a request that has the old chain goes
    on with it, and the old version is gone with the last of them. Where the new main version cannot be served, the
    old chain stays, an incident is reported and it is tried again after 1, 2, 4… at most 60 s. Where there is no old
    one, the fallbacks answer.

    Parameters:
        load — (model, version) → that version, warm and checked; raises anything.
        clock — one that does not go back.
        memory — asked where the database does not answer at the start.
    """

    def __init__(
        self, metadata: Metadata, load: Callable[[str, str], Loaded], clock: Clock, *, memory: Memory | None = None
    ) -> None:
        self._metadata, self._load, self._clock, self._memory = metadata, load, clock, memory
        self.serving: Mapping[str, Chain] = {}
        self.wanted: Mapping[str, Deployment] = {}
        self.attempts: Mapping[str, Attempt] = {}
        self.faults: Mapping[str, str] = {}
        """What is wrong with "metadata", "memory" and each "model NAME"; without those that work."""
        self._revision: int | None = None
        self._kept: dict[tuple[str, str], Loaded] = {}
        self._reports = Reports(metadata, clock)

    def look(self) -> None:
        """One look at the database, one attempt at what is due, and incidents are filed."""
        self._ask()
        for deployment in list(self.wanted.values()):
            # Whatever is wrong with one model, the others are followed.
            found = attempted(partial(self._follow, deployment))
            self._fault(f"model {deployment.model}", _first_line(found) if isinstance(found, Exception) else None)
        self._reports.file()

    # --- what is wanted ---

    def _ask(self) -> None:
        try:
            revision = self._metadata.deployments.revision()
            if revision != self._revision:
                self._take(revision, self._metadata.deployments.current())
            self._fault("metadata", None)
        except GaplessError as error:
            self._fault("metadata", error.what)
            self._recall()

    def _take(self, revision: int, current: Mapping[str, Deployment]) -> None:
        if self._revision is not None and revision < self._revision:
            # Decisions are only ever added: this is another database, or an old copy. What is live here is not
            # taken down for that; a server that is started anew believes the database.
            raise CorruptData(
                f"the metadata database went back from decision {self._revision} to {revision}",
                next_step="put the right database back, or start the server anew to follow this one",
            )
        self.wanted, self._revision = dict(current), revision
        self._remember()

    def _remember(self) -> None:
        if self._memory is not None:
            saved = attempted(partial(self._memory.save, self.wanted))
            self._fault("memory", str(saved) if isinstance(saved, Exception) else None)

    def _recall(self) -> None:
        if self._memory is None or self._revision is not None or self.wanted:
            return
        try:
            self.wanted = self._memory.load()
        except GaplessError as error:
            self._fault("memory", error.what)

    def _fault(self, part: str, what: str | None) -> None:
        others = {name: text for name, text in self.faults.items() if name != part}
        self.faults = others if what is None else others | {part: what}

    # --- what is served ---

    def _follow(self, deployment: Deployment) -> None:
        attempt = self.attempts.get(deployment.model)
        if attempt is None or attempt.is_due(deployment, self._clock.now_us()):
            self._bring(deployment, attempt)

    def _bring(self, deployment: Deployment, last: Attempt | None) -> None:
        model, old = deployment.model, self.serving.get(deployment.model)
        found = {version: self._version(model, version, deployment, old) for version in _order(deployment)}
        faults = {version: error for version, error in found.items() if isinstance(error, Exception)}
        good = [loaded for loaded in found.values() if not isinstance(loaded, Exception)]
        stays = old is not None and deployment.live in faults
        if good and not stays:
            self.serving = {**self.serving, model: Chain(deployment.live, good, self._answer_failed)}
        for version, error in faults.items():
            self._not_loaded(deployment, version, error, stays=stays)
        tries = last.tries + 1 if last is not None and last.revision == deployment.revision else 1
        pause = min(SECOND << min(tries - 1, 10), _LONGEST_PAUSE_US)
        named = {version: _first_line(error) for version, error in faults.items()}
        attempt = Attempt(deployment.revision, named, tries, self._clock.now_us() + pause)
        self.attempts = {**self.attempts, model: attempt}
        self._forget(model, set(found))

    def _version(self, model: str, version: str, deployment: Deployment, old: Chain | None) -> Loaded | Exception:
        kept = self._kept.get((model, version))
        loaded = attempted(partial(self._load, model, version)) if kept is None else kept
        if isinstance(loaded, Exception):
            return loaded
        self._kept[model, version] = loaded
        if version != deployment.live or old is None or loaded in old.members[:1]:
            return loaded  # a fallback, or nothing better is there: its answers say what they do not know
        return attempted(partial(_complete, loaded))

    def _forget(self, model: str, wanted: set[str]) -> None:
        """Versions that are neither wanted nor served any more."""
        chain = self.serving.get(model)
        wanted |= {member.signature.version for member in chain.members} if chain is not None else set()
        self._kept = {key: loaded for key, loaded in self._kept.items() if key[0] != model or key[1] in wanted}

    # --- who is told ---

    def _not_loaded(self, deployment: Deployment, version: str, error: Exception, *, stays: bool) -> None:
        kind = INCIDENTS[0] if stays and version == deployment.live else INCIDENTS[1]
        facts = {"version": version, "revision": deployment.revision, "error": _facts(error)}
        what = f"version {version} is live and cannot be served: {_first_line(error)}"
        self._reports.put(Incident(kind, deployment.model, what, facts))

    def _answer_failed(self, signature: Signature, error: Exception) -> None:
        what = f"version {signature.version} could not answer: {_first_line(error)}"
        facts = {"version": signature.version, "error": _facts(error)}
        self._reports.put(Incident(INCIDENTS[2], signature.model, what, facts))


def _order(deployment: Deployment) -> list[str]:
    """The live version, then the fallbacks."""
    fallbacks = [route.version for route in deployment.routes if route.role == "fallback"]
    return list(dict.fromkeys([deployment.live, *fallbacks]))


def _complete(loaded: Loaded) -> Loaded:
    missing = loaded.not_materialized()
    if missing:
        raise NotFound(
            "views without complete online state",
            seen=", ".join(missing),
            next_step=f"gapless materialize --model {loaded.signature.model}",
        )
    return loaded


def _first_line(error: Exception) -> str:
    return error.what if isinstance(error, GaplessError) else f"{type(error).__name__}: {error}".splitlines()[0]


def _facts(error: Exception) -> dict[str, Any]:
    if isinstance(error, GaplessError):
        return error.to_dict()
    return {"error": type(error).__name__, "what": str(error)}
