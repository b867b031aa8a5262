"""The command line: a table of commands, each loaded when it is called."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from typing import Any

import click

from gapless.errors import GaplessError, closest

__all__ = ["COMMANDS", "main"]

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("init", "Start a workspace: gapless.toml and a first product.py."),
    "adopt": ("adopt", "Say what of a pandas function or fitted pipeline is an expression, and prove it."),
    "ingest": ("ingest", "Add files to a source: validated, bad rows put aside, each file once."),
    "push": ("push", "Push events into the event log: files at once, lines as they come."),
    "features": ("features", "Compute every feature of a model for the requests in a file."),
    "profile": ("profile", "What the columns of a source, or a model's features, look like over time."),
    "train": ("train", "Build the training set, fit, evaluate, track and register a version."),
    "models": ("models", "List registered versions, or show one whole."),
    "promote": ("promote", "Let a version answer, once every gate is open."),
    "rollback": ("rollback", "Let what was live before answer again."),
    "deployments": ("deployments", "What is live, or was at an instant: since when, by whom, why."),
    "predict": ("predict", "Score requests into a table; resumable, each row once."),
    "export": ("export", "Write a version as an npm package that answers like Python."),
    "materialize": ("materialize", "Bring online state to what the ingested history says."),
    "serve": ("serve", "Answer over HTTP with every model that is live."),
    "stream": ("stream", "Keep state fresh from the event log, and answer requests that come as events."),
    "compact": ("compact", "Move what servers logged into tables, each answer once."),
    "labels": ("labels", "Join labels with answers: coverage by day, how late labels come."),
    "verify": ("verify", "Compute again what was answered, and compare every bit."),
    "explain": ("explain", "How one value of an answer was made, event by event."),
    "token": ("token", "Create, list and revoke access tokens."),
    "incidents": ("incidents", "What somebody must look at, and closing it."),
    "audit": ("audit", "Who changed what is live and who may ask, and when."),
    "status": ("status", "What the sources, the quarantine and the outbox hold."),
}


class _Lazy(click.Group):
    """Knows its commands by name and one line; a command's module loads when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gapless.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            guess = closest(args[0], COMMANDS)
            hint = f"did you mean {guess!r}?" if guess else f"there are {', '.join(COMMANDS)}"
            ctx.fail(f"No such command {args[0]!r}; {hint}.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="gapless", prog_name="gapless")
def app() -> None:
    """From a feature definition in Python to predictions that can be recomputed.

    Every command takes --json: one JSON document on standard output, nothing else.
    """


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; the exit code: 0 done, 1 an error that was explained, 2 wrong usage, 130 interrupted."""
    words = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in words
    try:
        result: Any = app.main(args=words, prog_name="gapless", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except GaplessError as error:
        _explain(error.to_dict(), str(error), as_json=as_json)
        return 1
    except click.ClickException as error:
        document = {"error": type(error).__name__, "what": error.format_message()}
        if as_json:
            _explain(document, "", as_json=True)
        else:
            error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        print("interrupted; whatever was acknowledged is kept, run it again to go on", file=sys.stderr)
        return 130


def _explain(document: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document))
    else:
        print(f"error: {text}", file=sys.stderr)
