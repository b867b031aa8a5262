"""gapless export"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gapless.cli.output import emit, facts, json_option, workspace_option

__all__ = ["command"]


@click.group()
def command() -> None:
    """Take a registered version elsewhere, as a package with everything that its answers need."""


@command.command()
@click.argument("model")
@click.argument("target", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--version", metavar="V", help="A registered version. Default: the newest.")
@workspace_option
@json_option
def typescript(model: str, target: Path, version: str | None, folder: str, as_json: bool) -> None:
    """Write an npm package of MODEL into DIR: types, on-demand features, the model as ONNX, a client of the HTTP API.

    An earlier export in DIR is replaced whole. `npm test` in it proves that it answers like Python.
    """
    from gapless.workspace import Workspace

    report = Workspace.open(Path(folder)).export_typescript(model, target, version=version)

    def render(console: Any) -> None:
        facts(
            console,
            {
                "package": f"{report.name} {report.npm_version}",
                "model version": report.version,
                "bundle": report.bundle_hash[:16],
                "files": report.files,
                "bytes": report.bytes,
                "written to": report.folder,
            },
        )
        click.echo(f"next: cd {report.folder} && npm install && npm test")

    emit(report.to_dict(), render, as_json=as_json)
