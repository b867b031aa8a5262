"""gapless compact"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gapless.cli.output import emit, facts, json_option, progress, table, workspace_option

__all__ = ["command"]


@click.command()
@workspace_option
@json_option
def command(folder: str, as_json: bool) -> int:
    """Move what servers have logged into tables of the offline store, each answer once.

    What a running server still writes to comes with a later call: it lets go of a file after a minute. Killed at any
    point and started again, nothing is lost and nothing is there twice. The exit code is 1 where a part of the log is
    damaged; it stays where it is.
    """
    from gapless.workspace import Workspace

    workspace = Workspace.open(Path(folder))
    with progress("compact", total=None, quiet=as_json) as step:
        report = workspace.compact(progress=step.done)

    def render(console: Any) -> None:
        moved = {"answers moved": report.entries, "from segments": report.segments}
        if report.streamed:
            moved["answers moved from the event log"] = report.streamed
        if report.landed:
            moved["events moved from the event log"] = report.landed
        facts(console, moved)
        if report.tables:
            table(console, ["table", "rows"], sorted(report.tables.items()))
        for kept in report.kept:
            click.echo(f"kept {kept.segment} ({kept.entries:,} answers): {kept.why}", err=True)

    emit(report.to_dict(), render, as_json=as_json)
    return 1 if report.damaged else 0
