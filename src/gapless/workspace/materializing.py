"""Online state of a workspace: which groups, from which history, one at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gapless.clock import format_instant
from gapless.errors import Conflict, CorruptData, InputError, StorageError, UnknownName
from gapless.features import Deriving, Group, plan_groups
from gapless.online import Layout, Materialized, OnlineReader, Pruned, StoreHistory
from gapless.online import materialize as fill
from gapless.online import prune as remove_unneeded
from gapless.online.materialize import CHUNK_EVENTS
from gapless.product import EventSource, FeatureSet
from gapless.workspace.computing import arrivals_by
from gapless.workspace.functions import measured, runnable
from gapless.workspace.needed import Needed, feature_sets
from gapless.workspace.parts import Parts

__all__ = ["MaterializeReport", "fill_files", "incomplete_views", "materialize"]


@dataclass(frozen=True)
class MaterializeReport:
    """What was done for each group of views, what could not be looked at or computed, what was removed, and what pandas
    functions did."""

    groups: tuple[Materialized, ...]
    notes: tuple[str, ...]
    pruned: tuple[Pruned, ...] = ()
    pandas_functions: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "groups": [each.to_dict() for each in self.groups],
            "notes": list(self.notes),
            "pruned": [each.to_dict() for each in self.pruned],
            "pandas_functions": list(self.pandas_functions),
        }


def materialize(
    parts: Parts,
    views: Sequence[str],
    model: str | None,
    version: str | None,
    as_of_us: int | None,
    *,
    rebuild: bool = False,
    prune: bool = False,
    chunk_events: int = CHUNK_EVENTS,
    progress: Callable[[int], None] | None = None,
) -> MaterializeReport:
    """See `Workspace.materialize`."""
    notes, deriving = list[str](), parts.deriving()
    sets = list(feature_sets(parts, model, version, notes))
    groups = runnable(_groups(parts, sets, views), notes)
    history = StoreHistory(parts.offline, _origins(groups), deriving=deriving)
    with _lease(parts), parts.engine() as engine:
        if as_of_us is not None:
            _check_instant(parts, groups, as_of_us, rebuild)
        done = fill(
            groups,
            history,
            parts.online,
            as_of_us=parts.clock.now_us() if as_of_us is None else as_of_us,
            chunk_events=chunk_events,
            rebuild=rebuild,
            progress=progress or (lambda events: None),
            arrivals=None if engine is None else arrivals_by(parts, engine, history),
        )
        pruned = remove_unneeded(parts.online, Needed(parts, groups)) if prune else ()
    ran = [each for each in _measured(sets, deriving) if each["rows"]]
    return MaterializeReport(done, tuple(notes), pruned, tuple(ran))


def fill_files(parts: Parts, groups: Sequence[Group]) -> None:
    """The state of ingested files of these groups is there, as of now; of a source without files it holds nothing."""
    if not groups:
        return
    history = StoreHistory(parts.offline, _origins(groups), may_be_empty=True, deriving=parts.deriving())
    with _lease(parts):
        try:
            fill(groups, history, parts.online, as_of_us=parts.clock.now_us())
        except CorruptData:  # of this state nothing can be used
            fill(groups, history, parts.online, as_of_us=parts.clock.now_us(), rebuild=True)


def _measured(sets: Sequence[FeatureSet], deriving: Deriving) -> list[dict[str, Any]]:
    """What each function did, once for each version of it that ran."""
    runs = deriving.runs()
    found = {each["hash"]: each for features in sets for each in measured(features, runs)}
    return list(found.values())


def _origins(groups: Sequence[Group]) -> dict[str, EventSource]:
    return {group.source.origin.name: group.source.origin for group in groups}


def incomplete_views(parts: Parts, features: FeatureSet) -> list[str]:
    """The views of these features whose online state is not there yet, or cannot be read. Raises: Transient."""
    return OnlineReader.of(features, parts.online).heads().incomplete


def _groups(parts: Parts, sets: Sequence[FeatureSet], views: Sequence[str]) -> list[Group]:
    known = {view.name for features in sets for view in features.views}
    for name in views:
        if name not in known:
            raise UnknownName("feature view", name, known, where=str(parts.settings.folder))
    found = (group for features in sets for group in plan_groups(features.views))
    return [group for group in found if not views or set(views) & set(Layout.of(group).views)]


def _check_instant(parts: Parts, groups: Sequence[Group], as_of_us: int, rebuild: bool) -> None:
    """State never forgets what it knew: an earlier instant than its own cannot be had. Nor does it know what is to
    come: as of a later one than now it would look fresh for as long, whatever is missing.
    """
    now_us = parts.clock.now_us()
    if as_of_us > now_us:
        raise InputError(
            "nobody knows yet what will be known then",
            seen=f"--as-of {format_instant(as_of_us)}",
            allowed=f"up to now, {format_instant(now_us)}",
            next_step="leave it out to take in all that is known now",
        )
    if rebuild:
        return
    for state in OnlineReader(groups, {}, parts.online).heads().groups:
        if state.as_of_us is not None and state.as_of_us > as_of_us:
            raise InputError(
                f"the online state of {', '.join(state.views)} knows more than that",
                seen=f"--as-of {format_instant(as_of_us)}",
                allowed=f"{format_instant(state.as_of_us)}, which it is as of, or later",
                next_step="name a later instant; to go back, add --rebuild",
            )


@contextmanager
def _lease(parts: Parts) -> Iterator[None]:
    """One materialize at a time in a workspace; the lock goes with the process, however that ends."""
    path = parts.home("locks") / "materialize.lock"
    try:
        file = os.open(path, os.O_CREAT | os.O_RDWR, 0o660)
    except OSError as error:
        raise StorageError("could not take the lock", seen=str(error), where=str(path)) from error
    try:
        _lock(file, str(path))
        yield
    finally:
        os.close(file)


def _lock(file: int, where: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(
            "another gapless materialize is under way in this workspace",
            where=where,
            next_step="wait for it, then run this again",
        ) from error
