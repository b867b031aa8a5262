"""Every model that is live, kept so by a thread that asks the metadata database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gapless.errors import GaplessError, NotFound, Transient
from gapless.ports.metadata import Deployment
from gapless.product import FeatureSet
from gapless.schema import Schema
from gapless.serving.answers import Features, Health, Row
from gapless.serving.breaker import Breaker
from gapless.serving.chain import Chain, attempted
from gapless.serving.following import Attempt, Follower
from gapless.serving.views import Views

__all__ = ["Live"]

INTERVAL_S = 0.5
_PROBE = (b"\0probe",)


class Live:
    """The real `Models`: what is live is looked up, loaded, watched and replaced while it answers.

    Parameters:
        follower — knows what is live and brings it up.
        store — the online store; read at every look, so that its state is known without requests too.
        views — reads features of views alone.
        closing — called by `close`, last: lets go of files and connections.
        interval_s — between two looks at the metadata database.
    """

    def __init__(
        self,
        follower: Follower,
        store: Breaker,
        views: Views,
        *,
        closing: Callable[[], None],
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._follower, self._store, self._views = follower, store, views
        self._closing, self._interval_s = closing, interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gapless-live", daemon=True)
        self._fault: str | None = None

    @property
    def local(self) -> bool:
        """Whether state is read in microseconds and cannot hang."""
        return self._store.capabilities.local

    def get(self, model: str) -> Chain:
        """What answers for a model now: one look into a dict."""
        chain = self._follower.serving.get(model)
        if chain is None:
            raise self._absent(model)
        return chain

    def _absent(self, model: str) -> GaplessError:
        if model in self._follower.wanted:
            attempt = self._follower.attempts.get(model)
            return Transient(
                f"model {model!r} is live and could not be loaded yet",
                seen=_fault_of(attempt),
                next_step="ask again in a second; gapless incidents says what is wrong",
            )
        return NotFound(
            "no version of this model is live",
            seen=model,
            allowed=", ".join(self.models()) or "(nothing is live)",
            next_step=f"gapless promote {model} VERSION",
        )

    def models(self) -> Sequence[str]:
        """The names of the models that are live, sorted; also those that could not be loaded yet."""
        return sorted(self._follower.wanted)

    def health(self) -> Health:
        """The state as of the last look, which is at most `interval_s` and one time limit of the stores ago."""
        follower, serving = self._follower, self._follower.serving
        models = {name: self._state(name, deployment) for name, deployment in sorted(follower.wanted.items())}
        loaded = bool(models) and all(name in serving for name in models)
        store = self._store.fault
        answers = store is None or not any(_needs_store(chain) for chain in serving.values())
        parts: dict[str, str | None] = {"metadata": None, "online": store, "follower": self._fault, **follower.faults}
        return Health(loaded and answers and not self._stop.is_set(), models, parts)

    def _state(self, model: str, deployment: Deployment) -> dict[str, Any]:
        chain = self._follower.serving.get(model)
        fault = _fault_of(self._follower.attempts.get(model))
        state: dict[str, Any] = {"live": deployment.live, "revision": deployment.revision, "fault": fault}
        if chain is None:
            return {"version": None, "state": "not loaded"} | state
        names = [member.signature.version for member in chain.members]
        served = {"version": names[0], "fallbacks": names[1:], "bundle": chain.members[0].bundle_hash}
        return served | {"state": _word(deployment, chain, fault)} | state

    def view_keys(self, views: Sequence[str]) -> Schema:
        """The columns of the entity keys of views together."""
        return self._views.keys(views, self._feature_sets())

    def view_features(self, views: Sequence[str], rows: Sequence[Row], at_us: Sequence[int], now_us: int) -> Features:
        """Features of views for entity keys, each row at its own instant."""
        return self._views.read(views, self._feature_sets(), rows, at_us, now_us)

    def _feature_sets(self) -> list[FeatureSet]:
        """Of the versions that answer, by the name of their model."""
        return [chain.members[0].feature_set for _, chain in sorted(self._follower.serving.items())]

    def start(self) -> None:
        """What is live is loaded when it returns, as far as it can be; changes are followed from then on."""
        self._look()
        self._thread.start()

    def close(self) -> None:
        """Nothing is followed any more; files and connections are let go of. Called once no request is under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._closing()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self._look()

    def _look(self) -> None:
        attempted(partial(self._store.read, _PROBE))  # the breaker keeps what is wrong with it
        found = attempted(self._follower.look)
        # Trouble that can be expected is in the follower's own faults; what comes out of it is a bug, and said too.
        self._fault = f"{type(found).__name__}: {found}" if isinstance(found, Exception) else None


def _needs_store(chain: Chain) -> bool:
    return all(member.refuses_without_store for member in chain.members)


def _fault_of(attempt: Attempt | None) -> str | None:
    if attempt is None or not attempt.faults:
        return None
    return "; ".join(f"version {version}: {what}" for version, what in attempt.faults.items())


def _word(deployment: Deployment, chain: Chain, fault: str | None) -> str:
    """One word for a person: what answers, next to what was decided."""
    if chain.members[0].signature.version != deployment.live:
        return "fallback" if chain.live_version == deployment.live else "behind"
    return "live" if fault is None else "without fallback"
