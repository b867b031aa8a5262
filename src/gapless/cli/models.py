"""gapless models"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gapless.cli.functions import functions_table
from gapless.cli.output import emit, facts, json_option, table, workspace_option
from gapless.cli.times import minute

__all__ = ["command"]


@click.command()
@click.argument("words", nargs=-1, metavar="[MODEL] | show MODEL [VERSION]")
@workspace_option
@json_option
def command(words: tuple[str, ...], folder: str, as_json: bool) -> None:
    """List registered versions, newest first, or show one whole.

    \b
    gapless models                     every version of every model
    gapless models MODEL               the versions of one
    gapless models show MODEL [V]      all of one version; the newest where V is left out
    """
    from gapless.workspace import Workspace

    workspace = Workspace.open(Path(folder))
    if words[:1] == ("show",):
        if not 2 <= len(words) <= 3:
            raise click.UsageError("gapless models show MODEL [VERSION]")
        _show(workspace.describe(words[1], words[2] if len(words) == 3 else None), as_json)
        return
    if len(words) > 1:
        raise click.UsageError("gapless models takes one MODEL, or: show MODEL [VERSION]")
    _list(workspace.versions(words[0] if words else None), as_json)


def _list(versions: list[Any], as_json: bool) -> None:
    found = dict.fromkeys(name for v in versions for name in v.metrics if "." not in name and "/" not in name)
    names = [name for name in found if name != "base_rate"][:4]

    def render(out: Any) -> None:
        if not versions:
            click.echo("no version is registered yet; next: gapless train MODEL")
            return
        rows = [
            [v.model, v.version, minute(v.created_us), *(v.metrics.get(name) for name in names), v.definition_hash[:8]]
            for v in versions
        ]
        table(out, ["model", "version", "registered", *names, "definition"], rows)
        click.echo("all of one: gapless models show MODEL VERSION")

    emit({"versions": [v.to_dict() for v in versions]}, render, as_json=as_json)


def _show(document: dict[str, Any], as_json: bool) -> None:
    def render(out: Any) -> None:
        for title in ("model", "version", "registered", "run", "bundle"):
            out.print(f"{title.ljust(10)}  {document[title]}", markup=False)
        _evaluation(out, document["evaluation"] or {})
        importance = [[one["feature"], one["loss"], one["spread"]] for one in (document["importance"] or [])[:10]]
        table(out, ["feature", "loss without it", "spread"], importance, title="\nimportance, by shuffling")
        for title in ("certificate", "lineage", "training set", "params", "environment"):
            if document[title]:
                out.print(f"\n[bold]{title}[/bold]")
                facts(out, {name: _short(value) for name, value in document[title].items()})
        functions_table(out, document["pandas functions"])
        out.print(f"\nfeatures  {_short(document['features'])}", markup=False)

    emit(document, render, as_json=as_json)


def _evaluation(out: Any, evaluation: dict[str, Any]) -> None:
    if not evaluation:
        return
    names = list(evaluation["metrics"])
    rows = [[name, e["value"], e["low"], e["high"]] for name, e in evaluation["metrics"].items()]
    title = f"\nevaluated on {evaluation['rows']:,} requests, base rate {evaluation['base_rate']:.4f}"
    table(out, ["metric", "value", "low", "high"], rows, title=title)
    table(out, ["month", "rows", *names], [_part(part, names) for part in evaluation["months"]])
    for column, parts in evaluation["slices"].items():
        table(out, [column, "rows", *names], [_part(part, names) for part in parts[:8]])


def _part(part: dict[str, Any], names: list[str]) -> list[Any]:
    name = f"{part['name']} (few)" if part["small"] else part["name"]
    return [name, part["rows"], *(part["metrics"][metric]["value"] for metric in names)]


def _short(value: Any) -> Any:
    if isinstance(value, list) and not value:
        return "none"
    if isinstance(value, list):
        return f"{len(value)}: {', '.join(map(str, value[:6]))}{' …' if len(value) > 6 else ''}"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_short(v)}" for k, v in list(value.items())[:6])
    return value
