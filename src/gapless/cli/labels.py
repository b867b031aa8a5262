"""gapless labels"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapless.cli.output import emit, facts, json_option, progress, table, workspace_option
from gapless.cli.times import instant

if TYPE_CHECKING:
    from gapless.streaming.coverage import Day, Delays
    from gapless.workspace.labels import LabelsReport

__all__ = ["command"]

_UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"))


@click.command()
@click.argument("model")
@click.option("--since", "since_us", type=instant, metavar="T", help="Tell of requests at T or later.")
@click.option("--until", "until_us", type=instant, metavar="T", help="Tell of requests before T.")
@click.option("--as-of", "known_by_us", type=instant, metavar="T", help="Join what was known by T.  [default: now]")
@click.option("--all", "everything", is_flag=True, help="Look at answers given up over 35 days ago again, too.")
@workspace_option
@json_option
def command(
    model: str,
    since_us: int | None,
    until_us: int | None,
    known_by_us: int | None,
    everything: bool,
    folder: str,
    as_json: bool,
) -> None:
    """Join labels with the answers of MODEL: coverage by day, how late labels come.

    What is known of an answer is written to the table outcomes/MODEL whenever it changes: pending, labelled, labelled
    otherwise, given up. `gapless compact` brings in what servers answered since. Killed at any point and started again,
    every change is in once.
    """
    from gapless.workspace import Workspace

    workspace = Workspace.open(Path(folder))
    with progress("labels", total=None, quiet=as_json) as step:
        report = workspace.labels(
            model,
            since_us=since_us,
            until_us=until_us,
            known_by_us=known_by_us,
            everything=everything,
            progress=step.done,
        )
    emit(report.to_dict(), lambda out: _render(out, report), as_json=as_json)


def _render(out: Any, report: LabelsReport) -> None:
    joined = report.joined
    states = {**joined.written, "restated": joined.restated}
    counts = [f"{joined.new:,} new", *(f"{rows:,} {state.replace('_', ' ')}" for state, rows in states.items())]
    facts(out, {"answers": joined.answers, "this join": ", ".join(counts)})
    if not report.days:
        click.echo("no answer to a request of that time has landed")
        return
    columns = ["day", "answers", "labelled", "pending", "given up", "restated"]
    table(out, columns, [_row(day) for day in report.days])
    _show_delays(out, report.delays)
    if report.scored:
        names = list(report.scored[0].metrics)
        rows = [[day.day, day.rows, *day.metrics.values()] for day in report.scored]
        table(out, ["day", "scored", *names[:4]], [row[:6] for row in rows], title="")


def _row(day: Day) -> list[object]:
    return [day.day, day.answers, f"{day.share_labelled:.0%}", day.pending, day.given_up, day.restated]


def _show_delays(out: Any, delays: Delays) -> None:
    if not delays.count:
        return
    longest = 0 if delays.max_us is None else delays.max_us
    spread = [(f"{percent}%", us) for percent, us in delays.quantiles_us.items()] + [("all", longest)]
    table(out, [part for part, _ in spread], [[_span(us) for _, us in spread]], title="\nlabels had come within")
    if delays.known_after:
        after = ", ".join(f"{share:.0%} within {time}" for time, share in delays.known_after.items())
        out.print(f"of {delays.count:,} labels: {after}", markup=False)


def _span(us: int) -> str:
    """To one decimal of its largest unit."""
    for size, unit in _UNITS:
        if us >= size:
            return f"{us / size:.1f}".removesuffix(".0") + unit
    return f"{us / 1_000_000:.1f}s".replace("0.0s", "0s")
