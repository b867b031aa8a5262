"""gapless verify"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapless.cli.output import emit, facts, json_option, progress, table, workspace_option
from gapless.cli.times import instant, span

if TYPE_CHECKING:
    from gapless.verifying.verified import Verified

__all__ = ["command"]


@click.command()
@click.argument("model", required=False)
@click.option("--from", "from_us", type=instant, metavar="T", help="Only answers that were given from then on,")
@click.option("--until", "until_us", type=instant, metavar="T", help="and before then.")
@click.option(
    "--sample", type=click.FloatRange(0, 1), default=1.0, metavar="SHARE", help="Of them, by a hash of the id."
)
@click.option("--version", metavar="V", help="Only answers of this version.")
@click.option("--limit", type=click.IntRange(0), default=20, help="Differences that are shown.", show_default=True)
@click.option("--allow-pickle", is_flag=True, help='Needed for a version with runtime="python".')
@workspace_option
@json_option
def command(
    model: str | None,
    from_us: int | None,
    until_us: int | None,
    sample: float,
    version: str | None,
    limit: int,
    allow_pickle: bool,
    folder: str,
    as_json: bool,
) -> int:
    """Compute again what was answered, by MODEL or by all, and compare every bit.

    Features are computed from files and landed events as they were known at the instant of each request; where that
    is not what was served, as far as the answer says that the log was in. What differs then is explained. The exit
    code is 1 where a value differs.
    """
    from gapless.verifying.verify import Choice
    from gapless.workspace import Workspace

    workspace = Workspace.open(Path(folder))
    choice = Choice(version=version, from_us=from_us, until_us=until_us, sample=sample)
    with progress("verify", total=None, quiet=as_json) as step:
        report = workspace.verify(model, choice=choice, most=limit, allow_pickle=allow_pickle, progress=step.done)
    emit(report.to_dict(), lambda console: _render(console, report), as_json=as_json)
    return 0 if report.ok else 1


def _render(console: Any, report: Verified) -> None:
    from gapless.verifying.differences import CAUSES
    from gapless.verifying.verified import WAYS

    facts(
        console,
        {
            "answers": report.answers,
            "values compared": report.values,
            "values different": report.values_different,
            "behind at most": span(report.behind_most_us) if report.behind_most_us else None,
            "not landed yet": report.not_landed,
            "by the definition too": report.rechecked,
        },
    )
    proven = [(WAYS[way], count) for way, count in report.proven.items() if count]
    if proven:
        table(console, ["equal to the bit", "answers"], proven)
    if report.causes:
        table(console, ["what differs", "values"], [(CAUSES[cause], count) for cause, count in report.causes.items()])
        rows = [
            (one.request_id, one.feature, _shown(one.served), _shown(one.recomputed), one.cause)
            for one in report.differences
        ]
        table(console, ["request", "value", "served", "recomputed", "cause"], rows)
        click.echo("gapless explain --request ID --feature VALUE shows the events", err=True)


def _shown(value: float | None) -> str:
    """All digits of a float32: a difference may be in the last one."""
    return "null" if value is None else f"{value:.9g}"
