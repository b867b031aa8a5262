"""Whose online state is needed: the product's, and that of versions that answer now or may soon."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from gapless.bundle import feature_set
from gapless.deploying import rollback_target
from gapless.errors import CorruptData, InputError, NotFound, RemoteError, Transient
from gapless.features import Group, plan_groups
from gapless.online import Layout
from gapless.online.topology import TOPOLOGY_KEY, topology_from
from gapless.product import FeatureSet
from gapless.workspace.parts import Parts
from gapless.workspace.versions import fetch_bundle

__all__ = ["Needed", "feature_sets"]

_NOT_READABLE = (RemoteError, NotFound, CorruptData)


def feature_sets(parts: Parts, model: str | None, version: str | None, notes: list[str]) -> Iterator[FeatureSet]:
    """What the product defines, and what versions that answer now were trained with.

    Parameters:
        model, version — None: all; else as in `Workspace.materialize`.
        notes — takes what could not be looked at.

    Raises: InputError; UnknownName; for a version that is named, what reading it raises.
    """
    if model is None and version is not None:
        raise InputError("a version of which model?", seen=version, next_step="pass --model MODEL too")
    if version is not None:
        yield _trained(parts, str(model), version)
        return
    for each in parts.product.models if model is None else [parts.product.model(model)]:
        yield each.feature_set
    for name, live in _live_versions(parts, notes):
        if model in (None, name):
            yield from _trained_if_there(parts, name, live, notes)


def _trained(parts: Parts, model: str, version: str) -> FeatureSet:
    found = feature_set(fetch_bundle(parts, parts.tracker.version(model, version)))
    return found.with_functions(parts.product.pandas_functions)


def _live_versions(parts: Parts, notes: list[str]) -> list[tuple[str, str]]:
    try:
        current = parts.metadata.deployments.current()
    except RemoteError as error:  # what the product defines is filled all the same
        notes.append(f"left out what versions that are live need: {error.what}")
        return []
    return [(name, route.version) for name, deployment in current.items() for route in deployment.routes]


def _trained_if_there(parts: Parts, model: str, version: str, notes: list[str]) -> Iterator[FeatureSet]:
    try:
        yield _trained(parts, model, version)
    except _NOT_READABLE as error:  # the rest is filled all the same
        notes.append(f"left out what version {version} of {model!r} needs: {error.what}")


class Needed:
    """Which namespaces must stay: called anew before each removal, since somebody may promote meanwhile.

    Parameters:
        groups — that are needed besides.
    """

    def __init__(self, parts: Parts, groups: Sequence[Group]) -> None:
        self._parts, self._groups = parts, groups
        self._known: tuple[int, frozenset[bytes]] | None = None

    def __call__(self) -> Collection[bytes]:
        """Raises: Transient where a version that answers now, or would after a rollback, cannot be looked at."""
        revision = self._parts.metadata.deployments.revision()
        if self._known is None or self._known[0] != revision:
            self._known = revision, frozenset(self._namespaces())
        return self._known[1]

    def _namespaces(self) -> Iterator[bytes]:
        notes: list[str] = []
        sets = [*feature_sets(self._parts, None, None, notes), *self._back(notes)]
        if notes:
            raise Transient(
                "nothing is removed while not all is known that is needed",
                seen="; ".join(notes),
                next_step="run it again when that can be read",
            )
        groups = [*self._groups, *(group for features in sets for group in plan_groups(features.views))]
        partitions = topology_from(self._parts.online.read([TOPOLOGY_KEY])[0])
        for layout in map(Layout.of, groups):
            yield layout.namespace
            for partition in range(partitions.get(layout.group.source.origin.name, 0)):
                yield layout.of_partition(partition).namespace

    def _back(self, notes: list[str]) -> Iterator[FeatureSet]:
        """What rollbacks of today's deployments lead to, since they work at once; a version that is gone does not."""
        deployments = self._parts.metadata.deployments
        for model in deployments.current():
            for route in rollback_target(deployments.history(model, limit=None)) or ():
                with suppress(NotFound):
                    self._parts.tracker.version(model, route.version)
                    yield from _trained_if_there(self._parts, model, route.version, notes)
