"""Moving the prediction log of a workspace into its offline store."""

from __future__ import annotations

from collections.abc import Callable

from gapless.bundle import Bundle, feature_set, read_bundle
from gapless.errors import CorruptData
from gapless.serving.compact import CompactReport
from gapless.serving.compact import compact as compact_log
from gapless.serving.entries import Entry
from gapless.serving.landing import Definition, definition_of
from gapless.workspace.logs import read_log
from gapless.workspace.parts import Parts
from gapless.workspace.versions import bundle_name, fetch_bundle

__all__ = ["compact"]


def compact(parts: Parts, *, progress: Callable[[int], None] | None = None) -> CompactReport:
    """See `Workspace.compact`."""
    log, notes = read_log(parts.settings), parts.home("compact")

    def definition(entry: Entry) -> Definition:
        return definition_of(feature_set(_bundle(parts, entry)))

    return compact_log(log, parts.offline, definition, notes, progress=progress)


def _bundle(parts: Parts, entry: Entry) -> Bundle:
    """The bundle that answered: kept here by the server, else fetched."""
    kept = parts.home("bundles") / bundle_name(entry.model, entry.version, entry.bundle_hash)
    there = kept.exists()
    bundle = read_bundle(kept) if there else fetch_bundle(parts, parts.tracker.version(entry.model, entry.version))
    if bundle.hash == entry.bundle_hash:
        return bundle
    raise CorruptData(
        f"version {entry.version} of {entry.model!r} is not the one that answered",
        seen=f"bundle {bundle.hash[:16]}",
        allowed=f"bundle {entry.bundle_hash[:16]}, as the prediction log says",
        next_step="point [stores] tracking at the registry that the server used",
        where=str(bundle.path),
    )
