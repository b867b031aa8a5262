"""gapless status"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gapless.cli.functions import functions_table
from gapless.cli.output import emit, facts, json_option, table, workspace_option

__all__ = ["command"]


@click.command()
@workspace_option
@json_option
def command(folder: str, as_json: bool) -> None:
    """What the sources, the quarantine and the outbox hold."""
    from gapless.workspace import Workspace

    document = Workspace.open(Path(folder)).status()

    def render(out: Any) -> None:
        facts(
            out, {"product": document["product"], "folder": document["folder"], "models": ", ".join(document["models"])}
        )
        columns = ["source", "rows", "quarantined", "first event", "last event", "version"]
        rows = [
            [s["source"], s["rows"], s["quarantined"], _minute(s["first"]), _minute(s["last"]), s["version"]]
            for s in document["sources"]
        ]
        table(out, columns, rows)
        functions_table(out, document["pandas_functions"])
        if document["outbox"]:
            click.echo(f"{document['outbox']} runs wait for the tracker; they are delivered with the next train")

    emit(document, render, as_json=as_json)


def _minute(instant: str | None) -> str | None:
    return None if instant is None else instant[:16].replace("T", " ")
