"""How results reach a person or a program: a table or one JSON document; progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Step", "console", "emit", "engine_option", "facts", "json_option", "progress", "table", "workspace_option"]

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
_BETWEEN = 3
"""Characters between two columns."""
_FOLDED = 16
"""A column of several words is not made narrower than this for the sake of others, unless its words are short."""

engine_option = click.option(
    "--engine", metavar="E", help="local, spark:local[2], spark://HOST:PORT. Default: what gapless.toml says, or local."
)
workspace_option = click.option(
    "--workspace", "folder", default=".", metavar="DIR", help="The folder with gapless.toml, or one below it."
)


def console() -> Console:
    """Standard output, as wide as the terminal."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def emit(document: Mapping[str, Any] | Sequence[Any], render: Callable[[Console], None], *, as_json: bool) -> None:
    """One JSON document, or whatever `render` prints."""
    if as_json:
        print(json.dumps(document, allow_nan=False))
    else:
        render(console())


def table(out: Console, columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str | None = None) -> None:
    """A table whose numbers stand right and whose long cells fold; those that are one word do so last."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if title is not None:  # by itself: as the table's own it would fold at the table's width
        out.print(title, markup=False)
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    cells = [[_cell(value) for value in row] for row in rows]
    whole = _kept_whole([[name, *(row[i] for row in cells)] for i, name in enumerate(columns)], out.width)
    for i, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[i], int | float) or row[i] is None for row in rows)
        drawn.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=whole[i])
    for row in cells:
        drawn.add_row(*map(Text, row))  # a value with brackets is no markup
    out.print(drawn)


def _kept_whole(columns: Sequence[Sequence[str]], width: int) -> list[bool]:
    """Which columns hold single words, where these fit: a name that is broken in two cannot be copied."""
    words = [not any(" " in cell for cell in column) for column in columns]
    longest = [max(len(word) for cell in column for word in cell.split(" ")) for column in columns]
    least = sum(size if one else min(size, _FOLDED) for one, size in zip(words, longest, strict=True))
    fits = least + _BETWEEN * (len(columns) - 1) <= width
    return [one and fits for one in words]


def facts(out: Console, pairs: Mapping[str, object]) -> None:
    """Names and values, one pair a line."""
    width = max(len(name) for name in pairs)
    for name, value in pairs.items():
        out.print(f"{name.ljust(width)}  {_cell(value)}", markup=False)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:.4f}" if abs(value) >= 0.001 else f"{value:.2g}"
    return str(value)


class Step:
    """What a progress bar is told: how much is done, or what has begun."""

    def __init__(self, done: Callable[[int], None], stage: Callable[[str], None]) -> None:
        self.done, self.stage = done, stage


@contextmanager
def progress(what: str, *, total: int | None, quiet: bool) -> Iterator[Step]:
    """A bar on standard error while the block runs."""
    if quiet or not sys.stderr.isatty():
        yield Step(lambda done: None, lambda text: None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield Step(
            lambda done: bar.update(task, completed=done),
            lambda text: bar.reset(task, description=f"{what}: {text}", total=None),
        )
