"""Promotion, rollback and access on a workspace."""

from __future__ import annotations

import getpass
import os
import secrets
from functools import partial

from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle.opening import open_scorer
from gapless.deploying import Decided, Inspection, Issued, Promotion, Rollback, inspect, issue, read_only, refusals
from gapless.deploying import promote as decide_promotion
from gapless.deploying import rollback as decide_rollback
from gapless.errors import NotFound
from gapless.ports.metadata import Decision, Deployment, Incident, Token
from gapless.workspace.aliases import mirror
from gapless.workspace.bundles import decided_bundle
from gapless.workspace.materializing import incomplete_views
from gapless.workspace.parts import Parts
from gapless.workspace.versions import fetch_bundle

__all__ = ["close_incident", "deployed", "issue_token", "promote", "revoke_token", "rollback", "user"]


def promote(parts: Parts, asked: Promotion) -> Decided:
    """See `Workspace.promote`."""

    def look(version: str) -> Inspection:
        record = parts.tracker.version(asked.model, version)
        opened = partial(open_scorer, runtime=OnnxRuntime(), allow_pickle=asked.allow_pickle)
        return inspect(record, partial(fetch_bundle, parts), opened, partial(incomplete_views, parts))

    decided = decide_promotion(asked, parts.metadata, look, at_us=parts.clock.now_us())
    return decided.with_note(mirror(parts))


def rollback(parts: Parts, asked: Rollback) -> Decided:
    """See `Workspace.rollback`."""

    def read(version: str) -> Inspection:
        return read_only(version, partial(decided_bundle, parts, asked.model, version))

    decided = decide_rollback(asked, parts.metadata, read, at_us=parts.clock.now_us())
    return decided.with_note(mirror(parts))


def deployed(parts: Parts, model: str | None, at_us: int | None) -> list[Decision]:
    """The decisions that are in force, or were at an instant, by model.

    Raises: NotFound for a model that nobody has ever decided about.
    """
    current = parts.metadata.deployments.current()
    if model is not None and model not in current:
        raise NotFound(
            "no version of this model was ever live",
            seen=model,
            allowed=", ".join(current) or "(no model was promoted yet)",
            next_step=f"gapless promote {model} VERSION",
        )
    names = list(current) if model is None else [model]
    then = [current[name] if at_us is None else parts.metadata.deployments.at(name, at_us) for name in names]
    return [_decision_of(parts, one) for one in then if one is not None]


def issue_token(
    parts: Parts, name: str, role: str, *, expires_us: int | None, per_second: float | None, by: str
) -> Issued:
    """See `Workspace.issue_token`."""
    now_us = parts.clock.now_us()
    with refusals(parts.metadata.audit, "token create", name, by=by, at_us=now_us, facts={"role": role}):
        made = issue(
            name,
            role,
            random_bytes=secrets.token_bytes,
            now_us=now_us,
            expires_us=expires_us,
            per_second=per_second,
        )
        parts.metadata.tokens.add(made.token, by=by)
    return made


def revoke_token(parts: Parts, name: str, *, by: str) -> Token:
    """See `Workspace.revoke_token`."""
    now_us = parts.clock.now_us()
    with refusals(parts.metadata.audit, "token revoke", name, by=by, at_us=now_us):
        return parts.metadata.tokens.revoke(name, at_us=now_us, by=by)


def close_incident(parts: Parts, id: int, *, by: str) -> Incident:
    """See `Workspace.close_incident`."""
    now_us = parts.clock.now_us()
    with refusals(parts.metadata.audit, "incident close", str(id), by=by, at_us=now_us):
        return parts.metadata.incidents.close(id, by=by, at_us=now_us)


def user() -> str:
    """Who runs this process, by the machine's word."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user of a container has a number and may have no name
        return f"uid {os.getuid()}"


def _decision_of(parts: Parts, deployment: Deployment) -> Decision:
    history = parts.metadata.deployments.history(deployment.model, limit=None)
    return next(one for one in history if one.id == deployment.revision)
