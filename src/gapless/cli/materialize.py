"""gapless materialize"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gapless.cli.functions import functions_table
from gapless.cli.output import emit, engine_option, json_option, progress, table, workspace_option
from gapless.cli.times import instant
from gapless.clock import format_instant

__all__ = ["command"]


@click.command()
@click.argument("views", nargs=-1, metavar="[VIEW]...")
@click.option("--model", metavar="M", help="Only what this model needs: as the product defines it, and as it is live.")
@click.option("--version", metavar="V", help="Only what this version of the model was trained with.")
@click.option("--as-of", "as_of_us", type=instant, metavar="T", help="Take in what was known by then. Default: now.")
@click.option("--rebuild", is_flag=True, help="Fill anew from the first event; servers see no state until it is done.")
@click.option("--prune", is_flag=True, help="Then remove state that neither the product nor a version in use needs.")
@engine_option
@workspace_option
@json_option
def command(
    views: tuple[str, ...],
    model: str | None,
    version: str | None,
    as_of_us: int | None,
    rebuild: bool,
    prune: bool,
    engine: str | None,
    folder: str,
    as_json: bool,
) -> None:
    """Bring the online state of feature views to what the ingested history says.

    Without a view: of all. Only what is new since the last time is read. Killed at any point and started again, it goes
    on where it was; servers read on meanwhile.
    """
    from gapless.workspace import Workspace

    workspace = Workspace.open(Path(folder), engine=engine)
    with progress("materialize", total=None, quiet=as_json) as step:
        report = workspace.materialize(
            views, model=model, version=version, as_of_us=as_of_us, rebuild=rebuild, prune=prune, progress=step.done
        )

    def render(console: Any) -> None:
        rows = [
            [view, each.events, each.records, each.offset, format_instant(each.as_of_us // 1_000_000 * 1_000_000)]
            for each in report.groups
            for view in each.views
        ]
        table(console, ["view", "events", "records written", "history up to", "as of"], rows)
        for gone in report.pruned:
            click.echo(f"removed {gone.namespace}: {gone.keys} keys that nothing needs any more")
        functions_table(console, report.pandas_functions)
        for note in report.notes:
            click.echo(note, err=True)

    emit(report.to_dict(), render, as_json=as_json)
