"""What promote, rollback and deployments show alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from gapless.cli.output import facts, table
from gapless.cli.times import minute

if TYPE_CHECKING:
    from rich.console import Console

    from gapless.deploying import Decided
    from gapless.ports.metadata import Decision, Route

__all__ = ["by_option", "chain", "show_decided", "show_decisions", "why_option"]

by_option = click.option("--by", metavar="NAME", help="Who says so. Default: the user who runs this.")
why_option = click.option("--why", default="", metavar="TEXT", help="Why; it is kept with the decision.")


def show_decided(out: Console, decided: Decided) -> None:
    """What is live now and what it had to show."""
    decision = decided.decision
    facts(
        out,
        {
            "model": decision.model,
            "live": chain(decision.after),
            "before": chain(decision.before),
            "decision": f"{decision.id} at {minute(decision.at_us)} by {decision.by}",
        },
    )
    rows = [[gate.name, gate.version, "open" if gate.passed else "shut", gate.seen] for gate in decided.gates]
    table(out, ["gate", "version", "is", "seen"], rows, title="")
    _metrics(out, decision.evidence.get("metrics", {}))
    for note in decided.notes:
        out.print(f"note: {note}", markup=False, highlight=False)  # which breaks lines between words


def show_decisions(out: Console, decisions: Sequence[Decision]) -> None:
    """One line for each."""
    rows = [[one.id, one.model, _live(one), minute(one.at_us), one.kind, one.by, one.why] for one in decisions]
    table(out, ["id", "model", "live", "since", "how", "who", "why"], rows)


def chain(routes: Sequence[Route]) -> str:
    """The versions in the order in which they are asked."""
    return ", then ".join(f"version {route.version}" for route in routes) or "nothing"


def _live(decision: Decision) -> str:
    return ", ".join(route.version for route in decision.after)


def _metrics(out: Console, by_version: Mapping[str, Mapping[str, Any]]) -> None:
    names = [name for name in next(iter(by_version.values()), {}) if "." not in name]
    columns = ["metric", *(f"version {version}" for version in by_version)]
    if names:
        table(out, columns, [[name, *(by_version[v].get(name) for v in by_version)] for name in names], title="")
