"""gapless features"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gapless.cli.functions import functions_table
from gapless.cli.output import emit, engine_option, facts, json_option, progress, workspace_option

__all__ = ["command"]


@click.command()
@click.argument("model")
@click.option("--requests", required=True, type=click.Path(path_type=Path), metavar="FILE", help="One row per request.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE", help=".parquet or .arrow")
@engine_option
@workspace_option
@json_option
def command(model: str, requests: Path, out: Path, engine: str | None, folder: str, as_json: bool) -> None:
    """Compute every feature of MODEL as of each request's event time.

    The result has the columns of the requests, then `view__feature_window` for each feature, in the requests' order.
    """
    from gapless.workspace import Workspace

    workspace = Workspace.open(Path(folder), engine=engine)
    with progress(f"features of {model}", total=workspace.count_rows(requests), quiet=as_json) as step:
        report = workspace.features(model, requests, out, progress=step.done)

    def render(console: Any) -> None:
        facts(
            console,
            {
                "rows": report.rows,
                "features": len(report.features),
                "written to": report.out,
                "features hash": report.features_hash[:16],
                "content hash": report.content_hash[:16],
            },
        )
        functions_table(console, report.pandas_functions)

    emit(report.to_dict(), render, as_json=as_json)
