"""gapless push"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapless.cli.output import emit, json_option, progress, table, workspace_option

if TYPE_CHECKING:
    from gapless.events.aside import PushReport

__all__ = ["command"]


@click.command()
@click.argument("source")
@click.argument("files", nargs=-1, metavar="[FILE…|-]")
@click.option("--format", "kind", type=click.Choice(["parquet", "csv", "jsonl"]), help="Default: by the ending.")
@click.option("--replay", is_flag=True, help="Play history back: rows are known when the source says, not from now on.")
@workspace_option
@json_option
def command(source: str, files: tuple[str, ...], kind: str | None, replay: bool, folder: str, as_json: bool) -> None:
    """Push events of SOURCE from FILEs, in order, or from standard input into the event log.

    Standard input is JSON lines, and each line is in the log soon after it came: tail -f FILE | gapless push SOURCE. A
    row that breaks the schema is put aside with the reason, never dropped. Pushed again, an event_id counts once.
    """
    from gapless.ports.tables import quarantine_table
    from gapless.workspace import Workspace

    workspace = Workspace.open(Path(folder))
    reports = []
    for file in files or ("-",):
        data: Any = sys.stdin.buffer if file == "-" else Path(file)
        with progress(f"push {Path(file).name}", total=None, quiet=as_json) as step:
            reports.append((file, workspace.push(source, data, replay=replay, format=kind, progress=step.done)))
    documents = [{"file": file, **report.to_dict()} for file, report in reports]

    def render(out: Any) -> None:
        _show(out, source, reports)
        if any(report.rows_quarantined for _, report in reports):
            kept = workspace.settings.offline_path / quarantine_table(workspace.product.source(source))
            click.echo(f"each row put aside, with its reason: Delta table {kept}")

    emit({"source": source, "files": documents}, render, as_json=as_json)


def _show(out: Any, source: str, reports: list[tuple[str, PushReport]]) -> None:
    rows = [
        [
            Path(file).name,
            report.rows_read,
            report.rows_pushed,
            report.rows_quarantined,
            ", ".join(f"{reason}: {n}" for reason, n in report.reasons.items()),
        ]
        for file, report in reports
    ]
    table(out, ["file", "read", "pushed", "quarantined", "note"], rows, title=f"source {source}")
    ignored = dict.fromkeys(name for _, report in reports for name in report.extra_columns)
    if ignored:
        click.echo(f"not in the schema, so not read: {', '.join(ignored)}")
