"""The whole job on real flights: ingest, training, batch prediction, a week of live events, and all of it proven.

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

# Threads of scikit-learn that wait do so asleep: on a busy machine spinning ones cost five times the training.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import data
import live
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

import gapless as gl
from gapless.clock import HOUR, parse_instant
from gapless.streaming.outcomes import latest_outcomes

HERE = Path(__file__).resolve().parent
MODEL, YARDSTICK = "late_arrival", "own_columns"
LEARN_UNTIL = parse_instant("2013-10-01")  # what follows in October evaluates
ASK_FROM, ASK_UNTIL = parse_instant("2013-11-01"), parse_instant("2013-12-01")
PERIODS = {"November": (ASK_FROM, ASK_UNTIL), "live week": (live.BEGINS, live.ENDS)}
LIVE = "gapless, live"
TALE = {
    "usual rate": "everybody gets the share of January to September",
    "own columns": "the request's own columns, same estimator",
    "gapless": "and all that was known one hour before departure: by batch",
    LIVE: "the same as it was answered, with the labels that came",
}


def main(folder: Path = HERE) -> None:
    """Prints what each step did and how good the predictions are."""
    out = Console(highlight=False, width=min(Console().width, 100))
    started = time.perf_counter()
    workspace = gl.Workspace.open(folder)
    steps = Steps(out)
    week = ingest(workspace, steps)
    version = train(workspace, steps)
    november = predict(workspace, version, steps)
    go_live(workspace, version, steps)
    that_week = live_week(workspace, version, week, steps)
    verify(workspace, steps)
    outcomes = join_labels(workspace, steps)
    scored = list(compare(workspace, pa.concat_tables([november, that_week]), outcomes, steps))
    results(out, scored)
    if set(outcomes["model_version"].to_pylist()) == {version}:
        check_equal(*scored[-2:])
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


def ingest(workspace: gl.Workspace, steps: Steps) -> dict[str, pa.Table]:
    """Every source holds, once, its events until the live week begins; gives those of the week."""
    with steps("write events") as step:
        tables = data.events()
        before = {name: live.known_within(workspace, name, rows, None, live.BEGINS) for name, rows in tables.items()}
        files = data.write(workspace.settings.home / "raw", before)
        step.told = f"{len(files)} Parquet files, until December 8"
    for source, file in files.items():
        with steps(f"ingest {source}", workspace.count_rows(file)) as step:
            report = workspace.ingest(source, file, progress=step.progress)
            step.told = "was here already" if report.repeated else f"{report.rows_added:,} rows"
    return {name: live.known_within(workspace, name, rows, live.BEGINS, live.ENDS) for name, rows in tables.items()}


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
    """A prediction for every flight of November."""
    out = workspace.settings.home / "scored" / MODEL
    with steps("predict November") as step:
        report = workspace.predict(
            MODEL, out, from_us=ASK_FROM, until_us=ASK_UNTIL, version=version, progress=step.progress
        )
        step.told = f"{report.rows:,} requests, {report.rows_repeated:,} there already"
    table = pa.table(DeltaTable(out).to_pyarrow_table())
    return table.filter(pc.equal(table["model_version"], version))


def go_live(workspace: gl.Workspace, version: str, steps: Steps) -> None:
    """The version answers, from the state of every key."""
    with steps("fill the online store") as step:
        report = workspace.materialize(model=MODEL, progress=step.progress)
        step.told = f"{sum(group.events for group in report.groups):,} events into {len(report.groups)} groups of keys"
    with steps(f"promote {MODEL}") as step:
        step.told = promote(workspace, version)


def promote(workspace: gl.Workspace, version: str) -> str:
    """What was done so that this version is live."""
    now = workspace.metadata.deployments.current().get(MODEL)
    if now is not None and now.live == version:
        return f"version {version} is live"
    if live.Mark.of(workspace) is not None:  # a new definition after the week: its state begins with the log's events
        live.take_in(workspace)
    return f"version {version}, decision {workspace.promote(MODEL, version, why='demo').decision.id}"


def live_week(workspace: gl.Workspace, version: str, week: dict[str, pa.Table], steps: Steps) -> pa.Table:
    """The week came as events; gives its answers by this version, each equal to batch prediction, each request once.

    Raises: SystemExit naming an answer that differs, or a request without one.
    """
    with steps("a week of live events", (live.ENDS - live.BEGINS) // HOUR) as step:
        played = live.play(workspace, MODEL, week, progress=step.progress)
        step.told = f"{sum(rows.num_rows for rows in week.values()):,} events" if played else "was here already"
    with steps("predict that week") as step:
        found = live.compared(workspace, MODEL, version)
        if found.different or found.unanswered:
            raise SystemExit(f"differ from batch: {found.different[:3]}; have no answer: {found.unanswered[:3]}")
        again = found.answers.num_rows - found.batch.num_rows
        step.told = f"{found.batch.num_rows:,} streamed + {again:,} by HTTP, equal to batch"
        if found.others:
            step.told = f"{found.others:,} live answers are of another version"
    return found.batch


def verify(workspace: gl.Workspace, steps: Steps) -> None:
    """Every bit of every live answer was computed again. Raises: SystemExit where one differs."""
    with steps("verify") as step:
        report = workspace.verify(MODEL, choice=live.answered(workspace))
        step.told = f"{report.values:,} values compared, {report.values_different:,} different"
    if not report.ok or report.not_landed:
        raise SystemExit(f"differences: {report.to_dict()}")


def join_labels(workspace: gl.Workspace, steps: Steps) -> pa.Table:
    """What had become of each answer when the week was over."""
    with steps("labels") as step:
        report = workspace.labels(MODEL, since_us=live.BEGINS, until_us=live.ENDS, known_by_us=live.ENDS)
        names = ("answers", "labelled", "given_up", "pending")
        answers, labelled, given_up, pending = (sum(getattr(day, name) for day in report.days) for name in names)
        step.told = f"{labelled / answers:.1%} labelled, {given_up:,} given up, {pending:,} pending"
    return latest_outcomes(workspace.offline, MODEL, since_us=live.BEGINS, until_us=live.ENDS)


def compare(workspace: gl.Workspace, predictions: pa.Table, outcomes: pa.Table, steps: Steps) -> Iterator[Scored]:
    """Every flight that had landed when the week was over.

    Parameters:
        predictions — by batch; outcomes — what became of the live answers.
    """
    with steps(f"fit {YARDSTICK}") as step:
        learned = landed(workspace.training_set(YARDSTICK, until=LEARN_UNTIL, known_by=LEARN_UNTIL).table)
        asked = landed(
            workspace.training_set(YARDSTICK, train_from=ASK_FROM, until=live.ENDS, known_by=live.ENDS).table
        )
        vector = workspace.product.model(YARDSTICK).vector
        fitted = workspace.product.model(YARDSTICK).estimator().fit(matrix(learned, vector), truth(learned))
        step.told = f"{len(vector)} features, {learned.num_rows:,} rows"
    for period, (from_us, until_us) in PERIODS.items():
        rows = within(asked, from_us, until_us)
        yield Scored(period, "usual rate", truth(rows), np.full(rows.num_rows, truth(learned).mean()))
        yield Scored(period, "own columns", truth(rows), fitted.predict_proba(matrix(rows, vector))[:, 1])
        yield Scored(period, "gapless", truth(rows), probabilities(predictions, rows["flight_id"]))
    labelled = outcomes.filter(pc.equal(outcomes["maturity"], "labelled"))
    late = at(labelled, rows["flight_id"])["label"].to_numpy().astype(np.int8)
    yield Scored("live week", LIVE, late, probabilities(labelled, rows["flight_id"]))


class Scored:
    """How good the answers of one are, for flights of a period.

    Parameters:
        late — [n] the truth; answer — [n] the probabilities.
    """

    def __init__(self, period: str, who: str, late: np.ndarray, answer: np.ndarray) -> None:
        self.period, self.who, self.flights = period, who, len(late)
        self.scores = (roc_auc_score(late, answer), log_loss(late, answer), brier_score_loss(late, answer))


def check_equal(batch: Scored, answered: Scored) -> None:
    """Raises: SystemExit where the live answers do not score as batch prediction of the same flights does."""
    if (batch.flights, batch.scores) != (answered.flights, answered.scores):
        raise SystemExit(f"live answers score {answered.scores}, batch prediction {batch.scores}")


def within(asked: pa.Table, from_us: int, until_us: int) -> pa.Table:
    us = asked["asked_at"].cast(pa.int64()).to_numpy()
    return asked.filter(pa.array((us >= from_us) & (us < until_us)))


def landed(table: pa.Table) -> pa.Table:
    return table.filter(pc.equal(table["label_maturity"], "labelled"))


def truth(table: pa.Table) -> np.ndarray:
    return table["late"].to_numpy().astype(np.int8)


def matrix(table: pa.Table, columns: tuple[str, ...]) -> np.ndarray:
    return np.column_stack([table[name].to_numpy().astype(np.float32) for name in columns])


def at(answers: pa.Table, ids: pa.ChunkedArray) -> pa.Table:
    """The first answer to each request."""
    place = pc.index_in(ids, value_set=answers["request_id"].combine_chunks())
    if place.null_count:
        raise SystemExit(f"no answer to {ids.filter(pc.is_null(place))[0]}")
    return answers.take(place)


def probabilities(answers: pa.Table, ids: pa.ChunkedArray) -> np.ndarray:
    return at(answers, ids)["probability"].to_numpy().astype(np.float64)


# --- what it says -------------------------------------------------------------------------------------------------


def results(out: Console, rows: list[Scored]) -> None:
    drawn = Table(box=None, pad_edge=False, title="late by more than 15 minutes?", title_justify="left")
    for name in ("asked in", "answered by", "flights", "ROC AUC", "log loss", "Brier"):
        drawn.add_column(name, justify="left" if name in ("asked in", "answered by") else "right")
    for row in rows:
        drawn.add_row(row.period, row.who, f"{row.flights:,}", *(f"{score:.4f}" for score in row.scores))
    out.print()
    out.print(drawn)
    out.print()
    for who, tale in TALE.items():
        out.print(f"{who:<13} {tale}")


def where_next(out: Console, version: str) -> None:
    for command, tale in (
        ("gapless status", "what the sources hold"),
        (f"gapless models show {MODEL} {version}", "how it was made, and how good it is"),
        ("gapless verify", "every live answer, computed again"),
        ("gapless serve", "answers over HTTP; see /docs there"),
        (f"gapless deployments {MODEL}", "what is live, since when and why"),
        ("product.py", "every feature, in one text"),
        ("data.py", "when each thing could be known"),
    ):
        out.print(f"  {command:<36} {tale}", markup=False)


if __name__ == "__main__":
    main(*(Path(folder) for folder in sys.argv[1:2]))
