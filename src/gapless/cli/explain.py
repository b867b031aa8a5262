"""gapless explain"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapless.cli.output import emit, facts, json_option, table, workspace_option
from gapless.cli.times import span

if TYPE_CHECKING:
    from gapless.verifying.explain import Explanation
    from gapless.workspace.sql import Select
    from gapless.workspace.verifying import Explained

__all__ = ["command"]


@click.command()
@click.option("--request", metavar="ID", help="The id of a request that was answered.")
@click.option("--feature", metavar="COLUMN", help="A feature of the version that answered.")
@click.option("--model", metavar="MODEL", help="Where several models answered requests of that id.")
@click.option("--limit", type=click.IntRange(0), default=20, help="Events that are shown.", show_default=True)
@click.option("--sql", metavar="NAME", help="Instead: the row expressions of this view or model as Spark SQL.")
@click.option("--allow-pickle", is_flag=True, help='Needed for a version with runtime="python".')
@workspace_option
@json_option
def command(
    request: str | None,
    feature: str | None,
    model: str | None,
    limit: int,
    sql: str | None,
    allow_pickle: bool,
    folder: str,
    as_json: bool,
) -> None:
    """Show how one value of an answer was made: its window, the events inside, and why others are not.

    The value is made anew by the definition, from what the answer says was in; beside it stands what was served.
    With --sql, show the row expressions of a view or a model as SQL instead; it is there to be read.
    """
    from gapless.workspace import Workspace

    workspace = Workspace.open(Path(folder))
    if sql is not None:
        selects = workspace.sql(sql)
        emit([one.to_dict() for one in selects], lambda console: _render_sql(console, selects), as_json=as_json)
        return
    if request is None or feature is None:
        raise click.UsageError("name an answer's value with --request and --feature, or a view or model with --sql")
    found = workspace.explain(request, feature, model=model, allow_pickle=allow_pickle)
    emit(found.to_dict(), lambda console: _render(console, found, limit), as_json=as_json)


def _render_sql(console: Any, selects: list[Select]) -> None:
    for one in selects:
        console.print(f"-- {one.of}", markup=False, soft_wrap=True)
        if one.missing:
            console.print(f"-- not SQL's to the bit: {', '.join(one.missing)}", markup=False, soft_wrap=True)
        console.print(one.text + "\n", markup=False, soft_wrap=True)


def _render(console: Any, found: Explained, limit: int) -> None:
    from gapless.verifying.differences import CAUSES
    from gapless.verifying.verified import WAYS

    one = found.explanation
    facts(
        console,
        {
            "feature": one.feature,
            "is": one.text,
            "request": f"{found.request_id} at {_instant(one.as_of_us)}",
            "answered by": f"{found.model} {found.version}" + _of_several(found.answers),
            "served": _value(one.served) if one.was_served else "(no number, so not in the log)",
            "recomputed": _value(one.value),
            "as float32": _value(one.float32),
            "the answer": {**WAYS, **CAUSES}.get(found.verdict, "names events that are not landed yet"),
        },
    )
    if one.defaults:
        console.print("the store was away: the author's default stands in place of the window")
    if one.reads:
        table(console, ["it reads", "value"], [(name, _value(value)) for name, value in one.reads.items()])
        console.print("each can be explained by its name", markup=False)
    if one.window is not None:
        _render_window(console, one, limit)


def _render_window(console: Any, one: Explanation, limit: int) -> None:
    window = one.window or {}
    width = (
        "since forever" if window["width"] is None else f"{window['width']}, its start moves by {window['hop'] or 'µs'}"
    )
    facts(
        console,
        {
            "window": width,
            "from": window["from"],
            "until": window["until"],
            "key": ", ".join(f"{name}={value!r}" for name, value in one.key.items()),
            **{_part(part): f"events below {part['offset']:,}, known by {part['as_of']}" for part in one.groups},
        },
    )
    inside = [event for event in one.events if event.inside]
    console.print(f"{len(inside):,} events of {one.source} are in", markup=False)
    _events(console, inside[-limit:] if limit else [])
    if len(inside) > limit > 0:
        console.print(f"and {len(inside) - limit:,} before them", markup=False)
    if len(one.tiles) > 1:
        rows = [(_instant(tile.start_us), tile.events, _value(tile.result)) for tile in one.tiles[-limit:]]
        table(console, ["tile from", "events", "alone"], rows)
    for why, count in one.others.items():
        console.print(f"{count:,} events are not in: {why}", markup=False)
    near = sorted((e for e in one.events if not e.inside), key=lambda e: abs(e.time_us - one.as_of_us))[:limit]
    if near:
        console.print("the nearest of them", markup=False)
        _events(console, sorted(near))


def _events(console: Any, events: list[Any]) -> None:
    if not events:
        return
    why = not events[0].inside
    rows = [(_instant(e.time_us), _known(e), _place(e), _value(e.value), *([e.why] if why else [])) for e in events]
    table(console, ["event time", "known", "place", "value", *(["why not"] if why else [])], rows)


def _known(event: Any) -> str:
    delay = event.known_us - event.time_us
    return "at once" if not delay else f"{span(abs(delay))} {'later' if delay > 0 else 'before'}"


def _of_several(answers: int) -> str:
    return f" (the last of {answers} answers)" if answers > 1 else ""


def _part(part: Any) -> str:
    return "files" if part["partition"] < 0 else f"partition {part['partition']}"


def _place(event: Any) -> str:
    return f"file {event.place}" if event.partition < 0 else f"{event.partition}:{event.place >> 16}"


def _instant(us: int | None) -> str:
    from gapless.clock import format_instant

    return "forever" if us is None else format_instant(us).removesuffix("Z").replace("T", " ")


def _value(value: object) -> str:
    """All digits that a float32 has and two more."""
    return "null" if value is None else f"{value:.11g}" if isinstance(value, float) else f"{value!r}"
