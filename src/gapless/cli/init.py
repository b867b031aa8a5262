"""gapless init"""

from __future__ import annotations

from pathlib import Path

import click

from gapless.cli.output import emit, json_option

__all__ = ["command"]


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME=FILE",
    help="Write an EventSource with the schema of this Parquet, CSV or JSON lines file. May be repeated.",
)
@json_option
def command(folder: Path, sources: tuple[str, ...], as_json: bool) -> None:
    """Start a workspace in FOLDER: gapless.toml and a first product.py. Files that exist are left alone."""
    from gapless.workspace.starting import start

    files = {}
    for item in sources:
        name, sign, file = item.partition("=")
        if not sign:
            raise click.BadParameter(f"{item!r} is not NAME=FILE, such as orders=orders.parquet", param_hint="--source")
        files[name] = Path(file)
    written = start(folder, files)
    document = {"folder": str(folder.resolve()), "written": [path.name for path in written]}

    def render(out: object) -> None:
        for path in written:
            click.echo(f"wrote {path}")
        if not written:
            click.echo(f"{folder.resolve()} has both files already; nothing was changed")
            click.echo("next: to see the EventSource of another file, run it in a new folder and copy it from there")
            return
        click.echo("next: in product.py check the sources and declare a model; then: gapless ingest SOURCE FILE")

    emit(document, render, as_json=as_json)
