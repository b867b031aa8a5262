"""gapless train"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from gapless.cli.functions import functions_table
from gapless.cli.output import emit, engine_option, facts, json_option, progress, table, workspace_option
from gapless.cli.times import instant

__all__ = ["command"]


@click.command()
@click.argument("model")
@click.option("--train-from", "from_us", type=instant, metavar="T", help="Learn from requests from then on.")
@click.option(
    "--until", "until_us", type=instant, metavar="T", help="Learn from requests before then; what follows evaluates."
)
@click.option(
    "--evaluate-until", "evaluate_until_us", type=instant, metavar="T", help="Evaluate on requests before then."
)
@click.option("--known-by", "known_by_us", type=instant, metavar="T", help="See nothing that became known later.")
@engine_option
@workspace_option
@json_option
def command(
    model: str,
    from_us: int | None,
    until_us: int | None,
    evaluate_until_us: int | None,
    known_by_us: int | None,
    engine: str | None,
    folder: str,
    as_json: bool,
) -> None:
    """Build the training set of MODEL, fit, evaluate on the period that follows, track the run, register a version.

    Without --until the last fifth of the labelled requests, by time, evaluates.
    """
    # OpenMP threads that spin while they wait make a fit several times slower on a busy machine; read when it loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from gapless.workspace import Workspace

    workspace = Workspace.open(Path(folder), engine=engine)
    with progress(f"train {model}", total=None, quiet=as_json) as step:
        report = workspace.train(
            model,
            from_us=from_us,
            until_us=until_us,
            evaluate_until_us=evaluate_until_us,
            known_by_us=known_by_us,
            progress=step.done,
            stage=step.stage,
        )

    def render(out: Any) -> None:
        rows = report.rows
        facts(
            out,
            {
                "version": report.version or "waits for the tracker",
                "learned from": f"{rows['learned']:,} of {rows['requests']:,} requests, before {report.until}",
                "features": report.features,
                "certificate": _certificate(report.certificate),
                "most important": ", ".join(one["feature"] for one in report.importance[:3]),
            },
        )
        metrics = [[name, e.value, e.low, e.high] for name, e in report.metrics.items()]
        title = f"\nevaluated on {rows['evaluated']:,} requests that follow, with 95 % intervals"
        table(out, ["metric", "value", "low", "high"], metrics, title=title)
        functions_table(out, report.pandas_functions)
        for note in report.notes:
            click.echo(note)

    emit(report.to_dict(), render, as_json=as_json)


def _certificate(certificate: Any) -> str:
    if certificate is None:
        return "none: the estimator itself answers"
    rows = f"{certificate['total_rows']:,} rows, {certificate['splits_probed']:,} of {certificate['splits']:,} splits"
    return f"passed on {rows}, worst difference {certificate['worst']:.1e}"
