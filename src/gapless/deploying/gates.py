"""What a version must show before it answers anybody. Pure: facts in, judgements out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gapless.deploying.inspecting import Inspection
from gapless.errors import GateFailed
from gapless.ports.metadata import Deployment, Route

__all__ = ["GATES", "Gate", "check", "gates_of", "integrity_of"]

GATES = ("bundle", "definition", "certificate", "golden", "evaluated", "online", "change")
"""In the order in which they are asked; the first four are of integrity: no one can force them."""
_OF_INTEGRITY = GATES[:4]
_WHOLE = "a bundle whose files have their hashes"


@dataclass(frozen=True)
class Gate:
    """One question and its answer.

    Parameters:
        seen — what was found; wanted — what passes.
        next_step — what helps where it did not pass.
    """

    name: str
    version: str
    passed: bool
    seen: str
    wanted: str
    next_step: str = ""

    @property
    def can_be_forced(self) -> bool:
        """Whether somebody may decide otherwise and say why: not where the version could answer wrongly."""
        return self.name not in _OF_INTEGRITY

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"can_be_forced": self.can_be_forced}


def integrity_of(found: Inspection, model: str, *, allow_pickle: bool = False) -> list[Gate]:
    """The gates that also a fallback must pass: it is what was certified, and answers here as it did there."""
    v, faults = found.version, found.faults
    if "bundle" in faults:
        again = "remove its folder here, so that it is fetched from the tracker again; or train again"
        return [Gate("bundle", v, False, faults["bundle"], _WHOLE, again)]
    return [
        Gate("bundle", v, True, f"sha256 {found.hashes.get('bundle', '')[:16]}", _WHOLE),
        Gate(
            "definition",
            v,
            "definition" not in faults,
            faults.get("definition", "in the bundle"),
            "the definition of its features in the bundle",
            f"train again: gapless train {model}",
        ),
        _certificate(found, allow_pickle),
        Gate(
            "golden",
            v,
            "golden" not in faults,
            faults.get("golden", "given"),
            "its golden answers, given on this machine",
            "compare the versions in manifest.json with what is installed here",
        ),
    ]


def gates_of(
    found: Inspection, model: str, live: Deployment | None, routes: Sequence[Route], *, allow_pickle: bool = False
) -> list[Gate]:
    """Every gate of a version that is to answer first.

    Parameters:
        live — what answers now; routes — what would.
        allow_pickle — the stated exception for runtime "python", which has no certificate.
    """
    return [
        *integrity_of(found, model, allow_pickle=allow_pickle),
        _evaluated(found, model),
        _online(found, model),
        _change(found, model, live, routes),
    ]


def check(gates: Sequence[Gate], *, model: str, version: str, force: bool) -> tuple[str, ...]:
    """The names of the gates that were forced.

    Raises: GateFailed naming every gate that is shut and what would open it.
    """
    failed = [gate for gate in gates if not gate.passed]
    stops = [gate for gate in failed if not (force and gate.can_be_forced)]
    if not stops:
        return tuple(gate.name for gate in failed)
    error = GateFailed(
        f"version {version} of {model!r} does not pass: {', '.join(dict.fromkeys(gate.name for gate in stops))}",
        seen="; ".join(f"{gate.name} of version {gate.version}: {gate.seen}" for gate in stops),
        allowed="; ".join(gate.wanted for gate in stops),
        next_step=_next_step(stops),
    )
    error.gates = [gate.to_dict() for gate in gates]
    raise error


def _next_step(stops: Sequence[Gate]) -> str:
    steps = dict.fromkeys(gate.next_step for gate in stops if gate.next_step)
    forcing = "or decide otherwise with --force --why TEXT"
    return "; ".join([*steps, *([forcing] if all(gate.can_be_forced for gate in stops) else [])])


def _certificate(found: Inspection, allow_pickle: bool) -> Gate:
    wanted = "a passed parity certificate"
    if found.runtime == "python":
        seen = 'runtime="python": no certificate' + (", permitted" if allow_pickle else "")
        step = 'train with runtime="onnx", or permit unpickling with --allow-pickle'
        return Gate("certificate", found.version, allow_pickle, seen, wanted, step)
    facts = found.certificate or {}
    passed = facts.get("passed") is True and facts.get("failures") == 0
    worst = facts.get("worst")
    shown = f"{worst:.1e}" if isinstance(worst, float) else worst  # text where it is not finite
    seen = f"{'passed' if passed else 'not passed'}: {facts.get('total_rows', 0)} rows, worst difference {shown}"
    return Gate("certificate", found.version, passed, seen, wanted, "train again")


def _evaluated(found: Inspection, model: str) -> Gate:
    main = {name: value for name, value in found.metrics.items() if "." not in name and name != "base_rate"}
    unknown = [name for name, value in main.items() if not math.isfinite(value)]
    seen = ", ".join(f"{name} {value:.4g}" for name, value in main.items()) or "no metric"
    step = f"train with --until early enough that labelled requests follow: gapless train {model}"
    return Gate("evaluated", found.version, bool(main) and not unknown, seen, "metrics of an evaluation, finite", step)


def _online(found: Inspection, model: str) -> Gate:
    missing = found.missing_views
    seen = f"not materialized: {', '.join(missing)}" if missing else "complete"
    step = f"gapless materialize --model {model} --version {found.version}"
    return Gate("online", found.version, not missing, seen, "complete online state of every view", step)


def _change(found: Inspection, model: str, live: Deployment | None, routes: Sequence[Route]) -> Gate:
    same = live is not None and live.routes == tuple(routes)
    seen = f"version {live.live} is live" if live is not None else "nothing is live"
    return Gate("change", found.version, not same, seen, "not what is live already", f"gapless deployments {model}")
