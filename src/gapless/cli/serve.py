"""gapless serve"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from gapless.cli.output import emit, facts, json_option, workspace_option

if TYPE_CHECKING:
    from gapless.workspace import Workspace

__all__ = ["command"]

_ACCESS = {
    "local": "everybody on this machine",
    "tokens": "who has a token (gapless token create)",
    "open": "EVERYBODY who can reach it (--insecure)",
}


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="The address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), metavar="P", help="0 takes a free one."
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 512), metavar="N", help="Processes.")
@click.option("--tokens", is_flag=True, help="Ask for tokens on loopback too, as behind a proxy.")
@click.option("--insecure", is_flag=True, help="Let everybody in, without tokens.")
@click.option(
    "--log",
    type=click.Choice(["sync", "async"]),
    default="sync",
    show_default=True,
    help="async: answers do not wait for the disk.",
)
@click.option(
    "--drain",
    "drain_s",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    metavar="S",
    help="On SIGTERM, let clients leave for up to S seconds.",
)
@click.option("--allow-pickle", is_flag=True, help='Open versions with runtime="python" too.')
@click.option("--tls-cert", "certificate", type=click.Path(path_type=Path), metavar="PEM", help="Serve HTTPS with it,")
@click.option("--tls-key", "key", type=click.Path(path_type=Path), metavar="PEM", help="and with this key.")
@workspace_option
@json_option
def command(
    host: str,
    port: int,
    workers: int,
    tokens: bool,
    insecure: bool,
    log: Literal["sync", "async"],
    drain_s: float,
    allow_pickle: bool,
    certificate: Path | None,
    key: Path | None,
    folder: str,
    as_json: bool,
) -> None:
    """Answer over HTTP with every model that is live, until SIGTERM or Ctrl-C.

    A promotion is noticed within a second. Without tokens only this machine is answered.
    """
    from gapless.serving.http import run
    from gapless.workspace import Workspace
    from gapless.workspace.serving import Serving, opened

    if insecure and tokens:
        raise click.UsageError("--tokens asks for tokens, --insecure does not: one or the other")
    if (certificate is None) != (key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    workspace = Workspace.open(Path(folder))
    serving = Serving(host, port, workers, insecure, tokens, log, drain_s, allow_pickle, certificate, key)
    with opened(workspace, serving) as (listening, access):
        document = {"url": listening.url, "workers": workers, "access": access, "log": log, "live": _live(workspace)}
        emit(document, lambda console: _show(console, document), as_json=as_json)
        sys.stdout.flush()  # who waits for the address reads it before the first request
        run(listening)


def _live(workspace: Workspace) -> dict[str, str] | None:
    """Version by model; None where the database does not say now. Servers look again by themselves."""
    from gapless.errors import GaplessError

    try:
        return {model: one.live for model, one in workspace.metadata.deployments.current().items()}
    except GaplessError:
        return None


def _show(console: Any, document: dict[str, Any]) -> None:
    live: dict[str, str] | None = document["live"]
    nothing = "nothing yet: gapless promote MODEL VERSION"
    absent = "unknown: the metadata database does not answer" if live is None else nothing
    facts(
        console,
        {
            "listening on": document["url"],
            "documentation": f"{document['url']}/docs",
            "workers": document["workers"],
            "answers": _ACCESS[document["access"]],
            "prediction log": document["log"],
            "live": ", ".join(f"{model} {version}" for model, version in sorted(live.items())) if live else absent,
        },
    )
