"""gapless ingest"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from gapless.cli.output import emit, json_option, progress, table, workspace_option

__all__ = ["command"]


@click.command()
@click.argument("source")
@click.argument("files", nargs=-1, required=True, metavar="FILE…|-")
@click.option("--format", "kind", type=click.Choice(["parquet", "csv", "jsonl"]), help="Default: by the ending.")
@workspace_option
@json_option
def command(source: str, files: tuple[str, ...], kind: str | None, folder: str, as_json: bool) -> None:
    """Add FILEs (Parquet, CSV, JSON lines, or - for standard input) to SOURCE.

    A file counts once, however often it is named. A row that breaks the schema is put aside with the reason, never
    dropped; an event_id counts once.
    """
    from gapless.ports.tables import quarantine_table
    from gapless.workspace import Workspace

    workspace = Workspace.open(Path(folder))
    reports = []
    for file in files:
        data: Any = sys.stdin.buffer if file == "-" else Path(file)
        with progress(f"ingest {Path(file).name}", total=None, quiet=as_json) as step:
            reports.append((file, workspace.ingest(source, data, format=kind, progress=step.done)))
    documents = [{"file": file, **report.to_dict()} for file, report in reports]

    def render(out: Any) -> None:
        columns = ["file", "read", "added", "quarantined", "duplicate", "note"]
        rows = [
            [
                Path(file).name,
                r.rows_read,
                r.rows_added,
                r.rows_quarantined,
                r.rows_duplicate,
                "was here already" if r.repeated else ", ".join(f"{k}: {n}" for k, n in r.reasons.items()),
            ]
            for file, r in reports
        ]
        table(out, columns, rows, title=f"source {source}")
        ignored = dict.fromkeys(name for _, r in reports for name in r.extra_columns)
        if ignored:
            click.echo(f"not in the schema, so not read: {', '.join(ignored)}")
        if any(r.rows_quarantined for _, r in reports):
            kept = workspace.settings.offline_path / quarantine_table(workspace.product.source(source))
            click.echo(f"each row put aside, with its reason: Delta table {kept}")

    emit({"source": source, "files": documents}, render, as_json=as_json)
