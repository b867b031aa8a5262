"""gapless audit"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gapless.cli.output import emit, json_option, table, workspace_option
from gapless.cli.times import minute

__all__ = ["command"]


@click.command()
@click.option("--limit", default=50, show_default=True, help="So many, newest first.")
@workspace_option
@json_option
def command(limit: int, folder: str, as_json: bool) -> None:
    """Who changed what is live, tokens and incidents, and when; also what was refused."""
    from gapless.workspace import Workspace

    entries = Workspace.open(Path(folder)).metadata.audit.list(limit=limit)

    def render(out: Any) -> None:
        rows = [[minute(one.at_us), one.by, one.action, one.subject, one.outcome, _why(one.facts)] for one in entries]
        if rows:
            table(out, ["when", "who", "what", "of", "was", "why"], rows)
        else:
            click.echo("nothing was changed yet")

    emit({"entries": [asdict(one) for one in entries]}, render, as_json=as_json)


def _why(facts: Any) -> str:
    return str(facts.get("what") or facts.get("why") or "")
