"""gapless rollback"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from gapless.cli.deciding import by_option, show_decided, why_option
from gapless.cli.output import emit, json_option, workspace_option

__all__ = ["command"]


@click.command()
@click.argument("model")
@why_option
@by_option
@workspace_option
@json_option
def command(model: str, why: str, by: str | None, folder: str, as_json: bool) -> None:
    """Let what was live before the newest promotion of MODEL answer again; once more, and it goes back further.

    No gate is asked but that the bundle can be read and is the one that was decided on.
    """
    from gapless.workspace import Workspace

    decided = Workspace.open(Path(folder)).rollback(model, why=why, by=by)
    emit(decided.to_dict(), partial(show_decided, decided=decided), as_json=as_json)
