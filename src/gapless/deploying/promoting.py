"""A version goes live, or the one before it comes back.

look at the versions ─► gates ─► one transaction: compare with what was live, decision, deployment, audit
                          └ shut: a line in the audit trail, and nothing else happened
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gapless.deploying.auditing import refusals
from gapless.deploying.comparing import worse
from gapless.deploying.gates import Gate, check, gates_of, integrity_of
from gapless.deploying.history import bundle_hash_of, earlier
from gapless.deploying.inspecting import Inspection
from gapless.errors import GateFailed, InputError, NotFound
from gapless.ports.metadata import Decision, Deployment, Metadata, Proposal, Route

__all__ = ["Decided", "Promotion", "Rollback", "promote", "rollback"]

Look = Callable[[str], Inspection]
"""A version → what is found out about it."""


@dataclass(frozen=True)
class Promotion:
    """What somebody asks for.

    Parameters:
        by — who: a person, a token's name, a policy.
        fallbacks — versions that answer where those before them cannot, in order; None: the version that is live now,
            where it passes.
        force — decide although a gate that is not of integrity is shut; `why` must say why.
        allow_pickle — permit versions with runtime "python".
    """

    model: str
    version: str
    by: str
    why: str = ""
    fallbacks: tuple[str, ...] | None = None
    force: bool = False
    allow_pickle: bool = False


@dataclass(frozen=True)
class Rollback:
    """What somebody asks for: what was live before."""

    model: str
    by: str
    why: str = ""


@dataclass(frozen=True)
class Decided:
    """A decision that is in force, with what people should hear of it."""

    decision: Decision
    gates: tuple[Gate, ...] = ()
    notes: tuple[str, ...] = ()

    def with_note(self, note: str | None) -> Decided:
        """The same, and one thing more to say."""
        return self if note is None else replace(self, notes=(*self.notes, note))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        gates = [gate.to_dict() for gate in self.gates]
        return {"decision": asdict(self.decision), "gates": gates, "notes": list(self.notes)}


def promote(asked: Promotion, metadata: Metadata, look: Look, *, at_us: int) -> Decided:
    """The version answers first, once its gates are open.

    Parameters:
        look — everything about a version; raises NotFound for one that does not exist.
        at_us — now.

    Raises: GateFailed; Conflict where somebody else decided meanwhile; InputError, NotFound; Transient, Refused,
        StorageError. Nothing is changed then.

    Guarantees: one transaction; what was refused is in the audit trail too.
    """
    with refusals(metadata.audit, "promote", asked.model, by=asked.by, at_us=at_us, facts={"version": asked.version}):
        _check_request(asked)
        live = metadata.deployments.current().get(asked.model)
        found = look(asked.version)
        chain, notes = _fallbacks(asked, live, look)
        routes = (Route(asked.version), *(Route(one.version, "fallback") for one in chain))
        gates = gates_of(found, asked.model, live, routes, allow_pickle=asked.allow_pickle)
        gates += [gate for one in chain for gate in integrity_of(one, asked.model, allow_pickle=asked.allow_pickle)]
        forced = check(gates, model=asked.model, version=asked.version, force=asked.force)
        metrics = _compared(found, live, chain, look)
        if live is not None:
            notes += worse(found.metrics, metrics[live.live], live_version=live.live)
        evidence = {
            "gates": [gate.to_dict() | {"forced": not gate.passed} for gate in gates],
            "metrics": {version: _finite(one) for version, one in metrics.items()},
            "hashes": {one.version: dict(one.hashes) for one in (found, *chain)},
            "notes": notes,
        }
        proposal = Proposal(asked.model, "promote", routes, asked.by, asked.why, evidence)
        decision = metadata.deployments.decide(proposal, expected=_revision(live), at_us=at_us)
    said = [f"forced: {', '.join(forced)}"] if forced else []
    return Decided(decision, tuple(gates), (*notes, *said))


def rollback(asked: Rollback, metadata: Metadata, read: Look, *, at_us: int) -> Decided:
    """What was live before the newest promotion is live again. Calling it again goes back further.

    No gate but one is asked, for it was live: the bundle must be readable, and the same that was decided on then.

    Parameters:
        read — whether a version's bundle can be read, and its hashes.

    Raises: NotFound where nothing was live before; GateFailed; Conflict; Transient, Refused, StorageError.
    """
    with refusals(metadata.audit, "rollback", asked.model, by=asked.by, at_us=at_us):
        live = metadata.deployments.current().get(asked.model)
        history = metadata.deployments.history(asked.model, limit=None)
        before = earlier(history)
        if live is None or before is None:
            raise _nothing_before(asked.model, live)
        gates = [_as_it_was(route.version, history, read) for route in before]
        check(gates[:1], model=asked.model, version=before[0].version, force=False)
        routes = tuple(route for route, gate in zip(before, gates, strict=True) if gate.passed)
        notes = [f"fallback {gate.version} is left out: {gate.seen}" for gate in gates if not gate.passed]
        evidence = {"gates": [gate.to_dict() for gate in gates], "notes": notes, "from": live.live}
        proposal = Proposal(asked.model, "rollback", routes, asked.by, asked.why, evidence)
        decision = metadata.deployments.decide(proposal, expected=live.revision, at_us=at_us)
    return Decided(decision, tuple(gates), tuple(notes))


def _check_request(asked: Promotion) -> None:
    if asked.force and not asked.why.strip():
        raise InputError("whoever forces a gate says why", seen="no reason", next_step="add --why TEXT")
    names = [asked.version, *(asked.fallbacks or ())]
    if len(set(names)) < len(names):
        raise InputError("a version answers once in a chain", seen=", ".join(names), allowed="each version once")


def _fallbacks(asked: Promotion, live: Deployment | None, look: Look) -> tuple[list[Inspection], list[str]]:
    """The chain behind the version. One that nobody asked for is left out where it does not pass, with a note."""
    if asked.fallbacks is not None:
        return [look(version) for version in asked.fallbacks], []
    chain: list[Inspection] = []
    notes: list[str] = []
    for version in _usual(asked.version, live):
        try:
            one = look(version)
            check(
                integrity_of(one, asked.model, allow_pickle=asked.allow_pickle),
                model=asked.model,
                version=version,
                force=False,
            )
            chain.append(one)
        except (GateFailed, NotFound) as error:
            notes.append(f"version {version} is no fallback: {error.seen}")
    return chain, notes


def _usual(version: str, live: Deployment | None) -> list[str]:
    """What was live; the same fallbacks where the version itself is live."""
    if live is None:
        return []
    if live.live != version:
        return [live.live]
    return [route.version for route in live.routes if route.role == "fallback"]


def _compared(
    found: Inspection, live: Deployment | None, chain: Sequence[Inspection], look: Look
) -> dict[str, Mapping[str, float]]:
    """Metrics of the version beside those of what is live; each on its own evaluation."""
    metrics = {found.version: found.metrics}
    if live is not None and live.live not in metrics:
        known = next((one for one in chain if one.version == live.live), None)
        metrics[live.live] = known.metrics if known is not None else _metrics(live.live, look)
    return metrics


def _metrics(version: str, look: Look) -> Any:
    try:
        return look(version).metrics
    except NotFound:  # the tracker has forgotten it; then there is nothing to compare with
        return {}


def _finite(metrics: Any) -> dict[str, Any]:
    return {name: value if abs(value) < float("inf") else str(value) for name, value in metrics.items()}


def _as_it_was(version: str, history: Sequence[Decision], read: Look) -> Gate:
    wanted = "the bundle that was decided on, readable"
    then = bundle_hash_of(history, version)
    found = read(version)
    if "bundle" in found.faults:
        step = "fetch it again, or promote another version"
        return Gate("bundle", version, False, found.faults["bundle"], wanted, step)
    now = found.hashes["bundle"]
    same = then in (None, now)
    seen = f"sha256 {now[:16]}" + ("" if same else f", where {str(then)[:16]} was decided on")
    return Gate("bundle", version, same, seen, wanted, "promote another version")


def _nothing_before(model: str, live: Deployment | None) -> NotFound:
    if live is None:
        step = f"gapless deployments lists what is live; or gapless promote {model} VERSION"
        return NotFound("no version of this model is live", seen=model, next_step=step)
    return NotFound(
        f"nothing was live for {model!r} before version {live.live}",
        seen=f"decision {live.revision}",
        next_step=f"gapless promote {model} VERSION, or see gapless deployments {model} --history",
    )


def _revision(live: Deployment | None) -> int:
    return 0 if live is None else live.revision
