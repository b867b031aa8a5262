"""gapless profile"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapless.cli.output import emit, engine_option, facts, json_option, progress, table, workspace_option
from gapless.cli.times import duration, instant
from gapless.clock import MINUTE

if TYPE_CHECKING:
    from gapless.monitoring import Profile
    from gapless.workspace.profiling import Profiled

__all__ = ["command"]

_LONGEST = 40
_WIDE = 110
"""Characters from which on a table has every number."""

_TITLES = {"numbers": "numbers", "categories": "texts and flags", "instants": "times"}


@click.command()
@click.argument("name")
@click.option("--column", "columns", multiple=True, metavar="C", help="Only this column; may be given several times.")
@click.option("--every", "every_us", type=duration, metavar="D", help="Cut time into slices: 1h, 1d, 7d.")
@click.option("--from", "from_us", type=instant, metavar="T", help="Event times at T or later.")
@click.option("--until", "until_us", type=instant, metavar="T", help="Event times before T.")
@click.option("--known-by", "known_by_us", type=instant, metavar="T", help="See only what was known by T.")
@engine_option
@workspace_option
@json_option
def command(
    name: str,
    columns: tuple[str, ...],
    every_us: int | None,
    from_us: int | None,
    until_us: int | None,
    known_by_us: int | None,
    engine: str | None,
    folder: str,
    as_json: bool,
) -> None:
    """What the columns of NAME look like: a source, or a model's features and label as its training set has them.

    Counts of rows, missing values, values and bins of values; with --json all of them, so that profiles can be added up
    and compared. They are the same from every engine.
    """
    from gapless.workspace import Workspace

    workspace = Workspace.open(Path(folder), engine=engine)
    with progress(f"profile of {name}", total=None, quiet=as_json) as step:
        found = workspace.profile(
            name,
            columns=columns,
            every_us=every_us,
            from_us=from_us,
            until_us=until_us,
            known_by_us=known_by_us,
            progress=step.done,
        )
    emit(found.to_dict(), lambda out: _render(out, found), as_json=as_json)


def _render(out: Any, found: Profiled) -> None:
    profiles = list(found.profiles)
    rows = sum(one.counts.rows for one in profiles) // max(len(found.profiles.columns), 1)
    facts(out, {found.of: found.name, "rows": rows, "columns": len(found.profiles.columns)})
    for kind, title in _TITLES.items():
        some = [one for one in profiles if one.counts.kind == kind]
        if some:
            sliced = ["from", "rows"] if found.profiles.every_us is not None else []
            heads = _heads(kind, wide=out.width >= _WIDE)
            table(out, ["column", *sliced, "missing", *heads], [_row(one, heads) for one in some], title=f"\n{title}")


def _heads(kind: str, *, wide: bool) -> list[str]:
    if kind == "categories":
        return ["distinct", "most frequent"]
    if kind == "instants":
        return ["first", "last"]
    return ["least", "p05", "p50", "p95", "largest", "mean", "std"] if wide else ["least", "p50", "largest", "mean"]


def _row(one: Profile, heads: list[str]) -> list[object]:
    counts, summary = one.counts, one.counts.summary()
    when = [] if one.slice_us is None else [_from(one.slice_us), counts.rows]
    start = [one.column, *when, f"{counts.missing / counts.rows:.1%}" if counts.rows else None]
    if counts.kind == "categories":
        about = "" if summary["exact"] else "~"
        top = ", ".join(f"{_cut(value)} {rows / counts.rows:.0%}" for value, rows in summary["top"][:3])
        return [*start, f"{about}{summary['distinct']:,}", top]
    if counts.kind == "instants":
        return [*start, *(None if text is None else text[:16].replace("T", " ") for text in summary.values())]
    return [*start, *(_short(summary[name]) for name in heads)]


def _from(us: int) -> str:
    from gapless.monitoring.instants import shown

    text = shown(us)
    return text[:16].replace("T", " ").removesuffix(" 00:00") if us % MINUTE == 0 else text


def _cut(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"


def _short(value: float | None) -> str | None:
    """Four digits: tables of many numbers are looked at, not calculated with."""
    return None if value is None else f"{value:.4g}"
