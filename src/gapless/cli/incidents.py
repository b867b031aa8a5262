"""gapless incidents"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapless.cli.deciding import by_option
from gapless.cli.output import emit, facts, json_option, table, workspace_option
from gapless.cli.times import minute

if TYPE_CHECKING:
    from gapless.ports.metadata import Incident

__all__ = ["command"]


@click.command()
@click.argument("words", nargs=-1, metavar="[close ID]")
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
@click.option("--limit", default=50, show_default=True, help="So many, newest first.")
@by_option
@workspace_option
@json_option
def command(words: tuple[str, ...], everything: bool, limit: int, by: str | None, folder: str, as_json: bool) -> None:
    """What somebody must look at, newest first; or close one that was looked at.

    \b
    gapless incidents             those that are open
    gapless incidents close ID    somebody has looked at it
    """
    from gapless.workspace import Workspace

    if words and (len(words) != 2 or words[0] != "close" or not words[1].isdecimal()):
        raise click.UsageError("gapless incidents, or: gapless incidents close ID")
    workspace = Workspace.open(Path(folder))
    if not words:
        _list(workspace.metadata.incidents.list(open_only=not everything, limit=limit), as_json)
        return
    closed = workspace.close_incident(int(words[1]), by=by)
    shown = {"closed": closed.what, "about": closed.subject, "at": minute(closed.closed_us), "by": closed.closed_by}
    emit(asdict(closed), lambda out: facts(out, shown), as_json=as_json)


def _list(incidents: Sequence[Incident], as_json: bool) -> None:
    def render(out: Any) -> None:
        if not incidents:
            click.echo("no incident is open")
            return
        rows = [[i.id, i.kind, i.subject, i.what, i.times, minute(i.last_us), minute(i.closed_us)] for i in incidents]
        table(out, ["id", "kind", "about", "what", "times", "last", "closed"], rows)
        for incident in incidents:
            if incident.facts:
                facts(out, {f"{incident.id}: {name}": value for name, value in incident.facts.items()})

    emit({"incidents": [asdict(one) for one in incidents]}, render, as_json=as_json)
