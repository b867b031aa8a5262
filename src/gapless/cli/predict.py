"""gapless predict"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gapless.cli.output import emit, engine_option, facts, json_option, progress, workspace_option
from gapless.cli.times import instant

__all__ = ["command"]


@click.command()
@click.argument("model")
@click.option("--requests", type=click.Path(path_type=Path), metavar="FILE", help="One row per request.")
@click.option("--from", "from_us", type=instant, metavar="T", help="Instead: ingested requests from then on,")
@click.option("--until", "until_us", type=instant, metavar="T", help="and before then.")
@click.option("--known-by", "known_by_us", type=instant, metavar="T", help="Features see nothing known later.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="TABLE", help="A Delta table (a folder)."
)
@click.option("--version", metavar="V", help="A registered version. Default: the newest.")
@click.option("--allow-pickle", is_flag=True, help='Needed for a version with runtime="python".')
@engine_option
@workspace_option
@json_option
def command(
    model: str,
    requests: Path | None,
    from_us: int | None,
    until_us: int | None,
    known_by_us: int | None,
    out: Path,
    version: str | None,
    allow_pickle: bool,
    engine: str | None,
    folder: str,
    as_json: bool,
) -> None:
    """Score requests with MODEL into a Delta table.

    Killed at any point and started again, the table is that of an undisturbed run. A finished run adds nothing.
    """
    from gapless.workspace import Workspace

    if requests is not None and (from_us is not None or until_us is not None):
        raise click.UsageError("--requests names a file; --from and --until choose ingested requests: one or the other")
    workspace = Workspace.open(Path(folder), engine=engine)
    total = workspace.count_rows(requests) if requests else None
    with progress(f"predict {model}", total=total, quiet=as_json) as step:
        report = workspace.predict(
            model,
            out,
            requests=requests,
            from_us=from_us,
            until_us=until_us,
            known_by_us=known_by_us,
            version=version,
            allow_pickle=allow_pickle,
            progress=step.done,
        )

    def render(console: Any) -> None:
        facts(
            console,
            {
                "rows": report.rows,
                "there already": report.rows_repeated,
                "trust": ", ".join(f"{level} {rows:,}" for level, rows in report.trust.items() if rows) or None,
                "model version": report.version,
                "written to": str(out),
            },
        )
        if report.rows == 0 and requests is None:
            click.echo("no request lies in that time; next: gapless status shows what there is")

    emit(report.to_dict(), render, as_json=as_json)
