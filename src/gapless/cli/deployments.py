"""gapless deployments"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gapless.cli.deciding import show_decisions
from gapless.cli.output import emit, json_option, workspace_option
from gapless.cli.times import instant

__all__ = ["command"]


@click.command()
@click.argument("model", required=False)
@click.option("--at", "at_us", type=instant, metavar="T", help="What was live at that instant.")
@click.option("--history", is_flag=True, help="Every decision, newest first.")
@click.option("--limit", default=50, show_default=True, help="So many decisions of the history.")
@workspace_option
@json_option
def command(model: str | None, at_us: int | None, history: bool, limit: int, folder: str, as_json: bool) -> None:
    """What is live, of MODEL or of all: since when, who said so and why.

    With --json each decision comes with its evidence: gates, metrics compared, hashes.
    """
    from gapless.workspace import Workspace

    if history and at_us is not None:
        raise click.UsageError("--history shows every decision, --at one instant: one or the other")
    workspace = Workspace.open(Path(folder))
    found = workspace.decisions(model, limit=limit) if history else workspace.deployed(model, at_us=at_us)
    note = workspace.mirror_aliases()

    def render(out: Any) -> None:
        if found:
            show_decisions(out, found)
        else:
            click.echo(
                "nothing was live then" if at_us is not None else "nothing is live; next: gapless promote MODEL V"
            )
        if note is not None:
            click.echo(f"note: {note}")

    document = {"decisions": [asdict(one) for one in found], "notes": [] if note is None else [note]}
    emit(document, render, as_json=as_json)
