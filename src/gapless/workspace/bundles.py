"""The bundle of a version that was decided on: from this machine where it is here, fetched anew where it broke."""

from __future__ import annotations

import shutil
from pathlib import Path

from gapless.bundle import Bundle, read_bundle
from gapless.deploying.history import bundle_hash_of
from gapless.errors import CorruptData, GaplessError, NotFound
from gapless.workspace.parts import Parts
from gapless.workspace.versions import bundle_name, fetch_bundle

__all__ = ["decided_bundle"]

_DECISIONS = 1_000


def decided_bundle(parts: Parts, model: str, version: str) -> Bundle:
    """The version's bundle, every file checked; that which was decided on, where a decision names it.

    What is kept below the workspace is taken without asking the tracker. Where its bytes are not what was written it is
    set aside and fetched anew, once.

    Raises: CorruptData; NotFound; Transient where it is not here and the tracker does not answer.
    """
    wanted = _decided_hash(parts, model, version)
    kept = _kept(parts, model, version, wanted)
    if kept is not None:
        try:
            return _same(read_bundle(kept), wanted)
        except (CorruptData, NotFound):
            _set_aside(kept)
    return _same(fetch_bundle(parts, parts.tracker.version(model, version)), wanted)


def _decided_hash(parts: Parts, model: str, version: str) -> str | None:
    try:
        return bundle_hash_of(parts.metadata.deployments.history(model, limit=_DECISIONS), version)
    except GaplessError:  # the database is away: what is kept was checked when it was decided on
        return None


def _kept(parts: Parts, model: str, version: str, wanted: str | None) -> Path | None:
    """The folder on this machine. Two of one version are of two registries: then only a hash can say which is meant."""
    found = sorted(parts.home("bundles").glob(bundle_name(model, version, "*" if wanted is None else wanted)))
    return found[0] if len(found) == 1 else None


def _set_aside(folder: Path) -> None:
    """The folder has another name, for somebody to look at; the one that had it before is gone."""
    aside = folder.with_name(f".damaged-{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        folder.rename(aside)
    except OSError:  # another process was first
        return


def _same(bundle: Bundle, wanted: str | None) -> Bundle:
    if wanted not in (None, bundle.hash):
        raise CorruptData(
            "another bundle than the one that was decided on",
            seen=f"sha256 {bundle.hash[:16]}",
            allowed=f"sha256 {str(wanted)[:16]}",
            next_step="promote the version again where this is the right one",
            where=str(bundle.path),
        )
    return bundle
