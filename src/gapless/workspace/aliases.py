"""The alias `live` at the tracker, for people who look there. Nothing of gapless reads it.

decision ─► committed ─► alias at the tracker ─► noted in aliases.json: model → decision
                            └ tracker away: a note for people, and the next command does it
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from gapless.errors import NotFound, RemoteError
from gapless.ports.metadata import Deployment
from gapless.workspace.parts import Parts

__all__ = ["ALIAS", "mirror"]

ALIAS = "live"


def mirror(parts: Parts) -> str | None:
    """Every model's alias is at what is live; None, or why it is not yet.

    What was decided stands in either case.
    """
    file = parts.home("") / "aliases.json"
    done = _noted(file)
    late = [one for one in parts.metadata.deployments.current().values() if done.get(one.model) != one.revision]
    faults = [fault for one in late if (fault := _mirrored(parts, one, file)) is not None]
    return "; ".join(faults) or None


def _mirrored(parts: Parts, deployment: Deployment, file: Path) -> str | None:
    try:
        parts.tracker.alias(parts.tracker.version(deployment.model, deployment.live), ALIAS)
        _note(file, _noted(file) | {deployment.model: deployment.revision})
    except (RemoteError, NotFound, OSError) as error:  # also a full disk
        return _late(deployment, str(error).splitlines()[0])
    return None


def _late(deployment: Deployment, why: str) -> str:
    what = f"the tracker's alias {ALIAS!r} of {deployment.model!r} is not at version {deployment.live} yet"
    return f"{what} ({why}); the next promotion, rollback or `gapless deployments` sets it"


def _noted(file: Path) -> dict[str, int]:
    try:
        found: Mapping[str, int] = json.loads(file.read_bytes())
    except (OSError, ValueError):  # lost or damaged: the aliases are set again, which changes nothing
        return {}
    return dict(found)


def _note(file: Path, done: Mapping[str, int]) -> None:
    own = file.with_name(f".{file.name}.{os.getpid()}")
    own.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    own.replace(file)
