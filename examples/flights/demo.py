"""The whole job on a year of real flights: events, ingest, training, registration, batch prediction, results.

    python demo.py [FOLDER]

FOLDER holds gapless.toml and product.py; by default it is this file's. Started again it adds nothing.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Threads of scikit-learn that wait do so asleep: on a busy machine spinning ones cost five times the training.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import data
import numpy as np
import over_http
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

import gapless as gl
from gapless.clock import format_instant, parse_instant

HERE = Path(__file__).resolve().parent
MODEL, YARDSTICK = "late_arrival", "own_columns"
LEARN_UNTIL = parse_instant("2013-10-01")  # what follows in October evaluates
ASK_FROM = parse_instant("2013-11-01")
MONTHS = {11: "November", 12: "December"}
TALE = {
    "usual rate": "everybody gets the share of January to September",
    "own columns": "the request's own columns, same estimator",
    "gapless": "and all that was known one hour before departure",
}


def main(folder: Path = HERE) -> None:
    """Prints what each step did and how good the predictions are."""
    out = Console(highlight=False, width=min(Console().width, 100))
    started = time.perf_counter()
    workspace = gl.Workspace.open(folder)
    steps = Steps(out)
    ingest(workspace, steps)
    version = train(workspace, steps)
    table = predict(workspace, version, steps)
    serve(workspace, version, steps)
    results(out, compare(workspace, table, steps))
    out.print(f"\n{time.perf_counter() - started:.0f} s in all. Where to look next, in {folder}:")
    where_next(out, version)


class Steps:
    """A line for each step once it is done, with a bar on standard error while it runs."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._bar = Console(stderr=True)

    @contextmanager
    def __call__(self, what: str, total: int | None = None) -> Iterator[Step]:
        columns = (TextColumn("{task.description:<24}"), BarColumn(bar_width=30), TimeElapsedColumn())
        start = time.perf_counter()
        with Progress(*columns, console=self._bar, transient=True, disable=not self._bar.is_terminal) as bar:
            task = bar.add_task(what, total=total)
            step = Step(lambda done: bar.update(task, completed=done))
            yield step
        self._out.print(f"{what:<24} {step.told:<46} {time.perf_counter() - start:5.1f} s", markup=False)


class Step:
    """`told` is what the line says."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self.progress = progress
        self.told = ""


# --- the steps ----------------------------------------------------------------------------------------------------


def ingest(workspace: gl.Workspace, steps: Steps) -> None:
    """Every source holds its events, once."""
    with steps("write events") as step:
        files = data.write(workspace.settings.home / "events")
        step.told = f"{len(files)} Parquet files"
    for source, file in files.items():
        with steps(f"ingest {source}", workspace.count_rows(file)) as step:
            report = workspace.ingest(source, file, progress=step.progress)
            step.told = "was here already" if report.repeated else f"{report.rows_added:,} rows"


def train(workspace: gl.Workspace, steps: Steps) -> str:
    """The version of this definition: a registered one, else a new one."""
    model = workspace.product.model(MODEL)
    with steps(f"train {MODEL}") as step:
        for known in workspace.versions(MODEL):
            if known.definition_hash == model.definition_hash:
                step.told = f"version {known.version} has this definition"
                return known.version
        report = workspace.train(MODEL, until_us=LEARN_UNTIL, evaluate_until_us=ASK_FROM, progress=step.progress)
        step.told = f"{len(model.vector)} features, version {report.version}"
        return report.version


def predict(workspace: gl.Workspace, version: str, steps: Steps) -> pa.Table:
    """A prediction for every flight of November and December."""
    out = workspace.settings.home / "scored" / MODEL
    with steps("predict Nov-Dec") as step:
        report = workspace.predict(MODEL, out, from_us=ASK_FROM, version=version, progress=step.progress)
        step.told = f"{report.rows:,} requests, {report.rows_repeated:,} there already"
    return pa.table(DeltaTable(out).to_pyarrow_table())


def serve(workspace: gl.Workspace, version: str, steps: Steps) -> None:
    """The version answers over HTTP, and every answer is that of batch prediction."""
    with steps("fill the online store") as step:
        report = workspace.materialize(model=MODEL, as_of_us=over_http.MOMENTS[0], rebuild=True, progress=step.progress)
        step.told = f"{sum(group.events for group in report.groups):,} events into {len(report.groups)} groups of keys"
    with steps(f"promote {MODEL}") as step:
        step.told = promote(workspace, version)
    with over_http.served(workspace.settings.folder) as client:
        for at_us in over_http.MOMENTS:
            with steps(f"serve {format_instant(at_us)[:16]}") as step:
                workspace.materialize(model=MODEL, as_of_us=at_us)
                asked, trusted = over_http.compared(workspace, client, MODEL, version, at_us)
                step.told = f"{asked} answers, each equal to batch; {trusted} trusted"


def promote(workspace: gl.Workspace, version: str) -> str:
    """What was done so that this version is live."""
    live = workspace.metadata.deployments.current().get(MODEL)
    if live is not None and live.live == version:
        return f"version {version} is live"
    return f"version {version}, decision {workspace.promote(MODEL, version, why='demo').decision.id}"


def compare(workspace: gl.Workspace, predictions: pa.Table, steps: Steps) -> Iterator[tuple[str, str, Any, Any]]:
    """(month, who answers, truth, probability) for flights that landed."""
    with steps(f"fit {YARDSTICK}") as step:
        learned = landed(workspace.training_set(YARDSTICK, until=LEARN_UNTIL, known_by=LEARN_UNTIL).table)
        asked = landed(workspace.training_set(YARDSTICK, train_from=ASK_FROM).table)
        vector = workspace.product.model(YARDSTICK).vector
        fitted = workspace.product.model(YARDSTICK).estimator().fit(matrix(learned, vector), truth(learned))
        step.told = f"{len(vector)} features, {learned.num_rows:,} rows"
    answers = {
        "usual rate": np.full(asked.num_rows, truth(learned).mean()),
        "own columns": fitted.predict_proba(matrix(asked, vector))[:, 1],
        "gapless": probabilities(predictions, asked["flight_id"]),
    }
    month = pc.month(asked["asked_at"]).to_numpy()
    for number, name in MONTHS.items():
        for who, answer in answers.items():
            yield name, who, truth(asked)[month == number], answer[month == number]


def landed(table: pa.Table) -> pa.Table:
    return table.filter(pc.equal(table["label_maturity"], "labelled"))


def truth(table: pa.Table) -> np.ndarray:
    return table["late"].to_numpy().astype(np.int8)


def matrix(table: pa.Table, columns: tuple[str, ...]) -> np.ndarray:
    return np.column_stack([table[name].to_numpy().astype(np.float32) for name in columns])


def probabilities(predictions: pa.Table, ids: pa.ChunkedArray) -> np.ndarray:
    place = pc.index_in(ids, value_set=predictions["request_id"].combine_chunks())
    return predictions["probability"].take(place).to_numpy().astype(np.float64)


# --- what it says -------------------------------------------------------------------------------------------------


def results(out: Console, rows: Iterator[tuple[str, str, Any, Any]]) -> None:
    drawn = Table(box=None, pad_edge=False, title="late by more than 15 minutes?", title_justify="left")
    for name in ("month", "answered by", "flights", "ROC AUC", "log loss", "Brier"):
        drawn.add_column(name, justify="left" if name in ("month", "answered by") else "right")
    for month, who, late, answer in rows:
        scores = (roc_auc_score(late, answer), log_loss(late, answer), brier_score_loss(late, answer))
        drawn.add_row(month, who, f"{len(late):,}", *(f"{score:.4f}" for score in scores))
    out.print()
    out.print(drawn)
    out.print()
    for who, tale in TALE.items():
        out.print(f"{who:<12} {tale}")


def where_next(out: Console, version: str) -> None:
    for command, tale in (
        ("gapless status", "what the sources hold"),
        (f"gapless models show {MODEL} {version}", "how it was made, and how good it is"),
        ("gapless serve", "answers over HTTP; see /docs there"),
        (f"gapless deployments {MODEL}", "what is live, since when and why"),
        ("product.py", "every feature, in one text"),
        ("data.py", "when each thing could be known"),
    ):
        out.print(f"  {command:<36} {tale}", markup=False)


if __name__ == "__main__":
    main(*(Path(folder) for folder in sys.argv[1:2]))
