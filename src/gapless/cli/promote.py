"""gapless promote"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from gapless.cli.deciding import by_option, show_decided, why_option
from gapless.cli.output import emit, json_option, progress, workspace_option

__all__ = ["command"]


@click.command()
@click.argument("model")
@click.argument("version")
@click.option(
    "--fallback",
    "fallbacks",
    multiple=True,
    metavar="V",
    help="A version that answers where those before it cannot; may be repeated. Default: what is live now.",
)
@click.option("--no-fallback", is_flag=True, help="Nothing answers where the version cannot.")
@click.option("--force", is_flag=True, help="Decide although a gate is shut that is not of integrity; needs --why.")
@click.option("--allow-pickle", is_flag=True, help='Permit a version with runtime="python".')
@why_option
@by_option
@workspace_option
@json_option
def command(
    model: str,
    version: str,
    fallbacks: tuple[str, ...],
    no_fallback: bool,
    force: bool,
    allow_pickle: bool,
    why: str,
    by: str | None,
    folder: str,
    as_json: bool,
) -> None:
    """Let VERSION answer for MODEL, once every gate is open; servers notice within a second.

    \b
    bundle       its files have their hashes                       integrity
    definition   it holds the definition of its features           integrity
    certificate  ONNX and the estimator were compared, and agree   integrity
    golden       it gives its golden answers on this machine       integrity
    evaluated    its evaluation has metrics, all of them finite
    online       the online state of its views is complete
    change       it is not what is live already
    """
    from gapless.workspace import Workspace

    if fallbacks and no_fallback:
        raise click.UsageError("--fallback names a version, --no-fallback says there is none: one or the other")
    chain = () if no_fallback else fallbacks or None
    with progress(f"promote {model} {version}", total=None, quiet=as_json):
        decided = Workspace.open(Path(folder)).promote(
            model, version, why=why, by=by, fallbacks=chain, force=force, allow_pickle=allow_pickle
        )
    emit(decided.to_dict(), partial(show_decided, decided=decided), as_json=as_json)
