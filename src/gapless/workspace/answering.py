"""Predictors of a workspace, and what a server holds of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle import Bundle, feature_set
from gapless.bundle.opening import open_scorer
from gapless.bundle.profile import read_profile
from gapless.clock import Clock, SteadyClock
from gapless.errors import Transient
from gapless.online import OnlineReader
from gapless.ports.online import OnlineStore
from gapless.product import Trust
from gapless.serving.batch import Version
from gapless.serving.breaker import Breaker
from gapless.serving.following import Follower
from gapless.serving.live import Live
from gapless.serving.predictor import Predictor
from gapless.serving.remembered import Remembered
from gapless.serving.trust import Judge
from gapless.serving.views import Views
from gapless.workspace.bundles import decided_bundle
from gapless.workspace.parts import Parts

__all__ = ["Predictors", "live", "live_version"]


class Predictors:
    """Loads versions of models over one online store.

    Parameters:
        clock — one that does not go back; ticks — a clock for durations, in ns.
        allow_pickle — open versions with runtime "python" too, whose pickle then runs.
        store — what they read, instead of the workspace's own behind a breaker: who gives it sees its failures.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        clock: Clock,
        ticks: Callable[[], int],
        allow_pickle: bool = False,
        store: OnlineStore | None = None,
    ) -> None:
        self._parts, self._ticks, self._allow_pickle = parts, ticks, allow_pickle
        self.clock, self.breaker = clock, Breaker(parts.online, clock)
        self.store: OnlineStore = store or self.breaker

    @classmethod
    def of(cls, parts: Parts, *, allow_pickle: bool = False) -> Self:
        """By the clocks of this machine."""
        return cls(parts, clock=SteadyClock(parts.clock), ticks=time.perf_counter_ns, allow_pickle=allow_pickle)

    def load(self, model: str, version: str) -> Predictor:
        """The version, warm; its bundle has just been checked and has given its golden answers.

        Raises: CorruptData, NotFound, Transient; SettingsError for a pickle without permission.
        """
        made = self._made(Version(model, version, "", ""), decided_bundle(self._parts, model, version))
        with suppress(Transient):  # the store is away, and the model is not to answer without it
            made.warm(self.clock.now_us())
        return made

    def _made(self, asked: Version, bundle: Bundle) -> Predictor:
        features, manifest = feature_set(bundle), bundle.manifest
        scorer = open_scorer(bundle, OnnxRuntime(), allow_pickle=self._allow_pickle)
        declared = self._parts.product.declared(asked.model)
        policy = Trust() if declared is None else declared.trust
        freshness = {} if declared is None else {view.name: view.freshness_us for view in declared.views}
        return Predictor(
            Version(asked.model, asked.version, manifest.definition_hash, bundle.hash),
            features,
            scorer,
            OnlineReader.of(features, self.store),
            policy,
            Judge(policy, read_profile(bundle), features, freshness),
            probability=manifest.kind == "classification",
            ticks=self._ticks,
        )


def live(parts: Parts, predictors: Predictors) -> Live:
    """See `Workspace.live`."""
    memory = Remembered(parts.home("serving") / "live.json", parts.settings.metadata_url)
    follower = Follower(parts.metadata, predictors.load, predictors.clock, memory=memory)
    freshness = {view.name: view.freshness_us for model in parts.product.models for view in model.views}
    return Live(follower, predictors.breaker, Views(predictors.breaker, freshness), closing=parts.online.close)


def live_version(parts: Parts, model: str) -> str:
    """The version that is live, else the newest one that is registered. Raises: NotFound where there is none."""
    deployment = parts.metadata.deployments.current().get(model)
    return parts.tracker.version(model).version if deployment is None else deployment.live
