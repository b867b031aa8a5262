"""A Tracker over MLflow."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mlflow.entities import Metric, Param, RunTag

from gapless.adapters.mlflow.client import SQLITE, connect, in_our_words
from gapless.errors import NotFound, Refused, Transient, closest
from gapless.faults import Fault, no_fault
from gapless.ports.tracker import BUNDLE, Point, RunRecord, VersionRecord

__all__ = ["MlflowTracker"]

RUN_KEY = "gapless.run"
CURVES = "gapless.curves"
_BATCH = 900  # MLflow takes 1,000 entries of all kinds at once, of which 100 params and 100 tags
_FEW = 90
_LONGEST = 5_000

T = TypeVar("T")


class MlflowTracker:
    """A Tracker on any MLflow tracking URI; an SQLite file, created when it is first needed, is the embedded one.

    A run is an MLflow run in the experiment named like the model, with the tag `gapless.run`; a version is one of the
    registered model of that name, with the run's tags. Runs and versions of others in the same place are left alone.

    Parameters:
        uri — `sqlite:////absolute/path.db`, `http://…`, or another that MLflow knows.
        timeout_s — how long a server may take for its first answer. Later ones may take MLFLOW_HTTP_REQUEST_TIMEOUT,
            10 seconds where it is not set.
        budget_s — how long a server may take for all of one call; the rest is delivered the next time.
        fault — called with the name of each step that is done, and the model: crashes and errors as inputs.
        monotonic — seconds, for the budget.

    Cost: on SQLite about 0.2 s for a run with its version; 4 to 10 s once to create the file; 1 to 3 s to import it.
    """

    def __init__(
        self,
        uri: str,
        *,
        timeout_s: float = 3.0,
        budget_s: float = 120.0,
        fault: Fault = no_fault,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uri, self._timeout_s, self._budget_s = uri, timeout_s, budget_s
        self._fault, self._monotonic = fault, monotonic
        self._connected: Any = None
        self._until = math.inf

    def write_run(self, run: RunRecord) -> str:
        client = self._begin()
        experiment = self._experiment(client, run.model)
        self._fault("experiment", run.model)
        found = self._run_of(client, experiment, run.key)
        if found is not None and found.info.status == "FINISHED":
            return str(found.info.run_id)
        run_id = found.info.run_id if found is not None else self._created(client, experiment, run)
        self._fault("run", run.model)
        for batch in _batches(run):
            self._call(client.log_batch, run_id, **batch)
        self._fault("values", run.model)
        self._call(client.log_artifacts, run_id, str(run.artifacts))
        self._fault("artifacts", run.model)
        self._call(client.set_terminated, run_id, "FINISHED", run.ended_us // 1000)
        self._fault("finished", run.model)
        return str(run_id)

    def register(self, run: RunRecord, run_id: str) -> VersionRecord:
        client = self._begin()
        self._registered_model(client, run.model)
        self._fault("model", run.model)
        found = self._call(client.search_model_versions, f"run_id = '{run_id}'")
        if not found:
            kept = self._call(client.get_run, run_id).info.artifact_uri
            tags = {**run.tags, RUN_KEY: run.key}
            self._call(client.create_model_version, run.model, f"{kept}/{BUNDLE}", run_id, tags=tags)
        self._fault("version", run.model)
        return next(one for one in self.versions(run.model) if one.run_id == run_id)

    def versions(self, model: str | None = None) -> list[VersionRecord]:
        client = self._begin()
        wanted = f"name = '{model}'" if model is not None else None
        found = [one for one in self._pages(client.search_model_versions, wanted, 1000) if RUN_KEY in one.tags]
        runs = self._runs_of(client, found)
        known = [_version(one, runs[one.run_id]) for one in found if one.run_id in runs]
        return sorted(known, key=lambda one: (one.created_us, int(one.version)), reverse=True)

    def version(self, model: str, version: str | None = None) -> VersionRecord:
        known = self.versions(model)
        for one in known:
            if version in (None, one.version):
                return one
        raise _no_version(model, version, known, set() if known else {one.model for one in self.versions()})

    def curves(self, version: VersionRecord) -> dict[str, tuple[Point, ...]]:
        client = self._begin()
        tags = self._call(client.get_run, version.run_id).data.tags
        names = [name for name in tags.get(CURVES, "").split(",") if name]
        return {name: self._curve(client, version.run_id, name) for name in names}

    def fetch(self, version: VersionRecord, path: str, into: Path) -> Path:
        client = self._begin()
        parent = path.rpartition("/")[0]
        there = self._call(client.list_artifacts, version.run_id, parent or None)
        if path not in {one.path for one in there}:
            raise NotFound(
                f"version {version.version} of {version.model!r} has no such artifact",
                seen=path,
                allowed=", ".join(sorted(one.path for one in there)) or "(none)",
            )
        return Path(self._call(client.download_artifacts, version.run_id, path, str(into)))

    def alias(self, version: VersionRecord, name: str) -> None:
        """One version of the model has the alias: see `Tracker.alias`."""
        found = self.version(version.model, version.version)
        self._call(self._connected.set_registered_model_alias, found.model, name, found.version)

    def _begin(self) -> Any:
        self._until = math.inf
        if self._connected is None:
            self._connected = connect(self._uri, self._timeout_s)
        self._until = math.inf if self._uri.startswith(SQLITE) else self._monotonic() + self._budget_s
        return self._connected

    def _call(self, call: Callable[..., T], *values: Any, **named: Any) -> T:
        if self._monotonic() > self._until:
            raise Transient(
                "the tracker is too slow",
                seen=f"{self._uri}: more than {self._budget_s:g} s for one run",
                next_step="waiting runs are delivered with the next train",
            )
        return in_our_words(self._uri, lambda: call(*values, **named))

    def _experiment(self, client: Any, model: str) -> str:
        found = self._call(client.get_experiment_by_name, model)
        if found is None:
            # Another process may make it at the same moment: whoever comes second takes the first one's.
            try:
                return str(self._call(client.create_experiment, model, artifact_location=self._artifacts()))
            except (Transient, OSError):
                found = self._call(client.get_experiment_by_name, model)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            raise Refused(
                f"the experiment of model {model!r} was deleted at the tracker",
                seen=f"experiment {found.experiment_id} of {self._uri}",
                next_step="restore it there, with mlflow experiments restore",
            )
        return str(found.experiment_id)

    def _artifacts(self) -> str | None:
        """Beside the embedded database; a server decides for itself."""
        if not self._uri.startswith(SQLITE):
            return None
        database = Path(self._uri.removeprefix(SQLITE)).absolute()
        return database.with_name(f"{database.stem}-artifacts").as_uri()

    def _run_of(self, client: Any, experiment: str, key: str) -> Any:
        wanted = f"tags.`{RUN_KEY}` = '{key}'"
        found = self._call(client.search_runs, [experiment], wanted, max_results=1)
        return found[0] if found else None

    def _created(self, client: Any, experiment: str, run: RunRecord) -> str:
        tags = {**run.tags, RUN_KEY: run.key, CURVES: ",".join(sorted(run.curves))}
        started = run.started_us // 1000
        made = self._call(client.create_run, experiment, started, tags, run_name=f"{run.model}-{run.key[:8]}")
        return str(made.info.run_id)

    def _registered_model(self, client: Any, model: str) -> None:
        if not self._call(client.search_registered_models, f"name = '{model}'"):
            try:
                self._call(client.create_registered_model, model)
            except (Transient, OSError):  # as with experiments
                if not self._call(client.search_registered_models, f"name = '{model}'"):
                    raise

    def _runs_of(self, client: Any, versions: Sequence[Any]) -> dict[str, Any]:
        models = sorted({one.name for one in versions})
        named = [self._call(client.get_experiment_by_name, name) for name in models]
        experiments = [one.experiment_id for one in named if one is not None]
        ids, found = sorted({one.run_id for one in versions}), {}
        for start in range(0, len(ids), _FEW):
            wanted = ", ".join(f"'{one}'" for one in ids[start : start + _FEW])
            runs = self._call(client.search_runs, experiments, f"attributes.run_id IN ({wanted})")
            found.update({run.info.run_id: run for run in runs})
        return found

    def _pages(self, search: Callable[..., Any], wanted: str | None, size: int) -> Iterator[Any]:
        token: str | None = None
        while True:
            page = self._call(search, wanted, max_results=size, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _curve(self, client: Any, run_id: str, name: str) -> tuple[Point, ...]:
        history = self._call(client.get_metric_history, run_id, name)
        return tuple(Point(one.step, one.timestamp * 1000, one.value) for one in sorted(history, key=lambda m: m.step))


def _no_version(model: str, version: str | None, known: Sequence[VersionRecord], models: set[str]) -> NotFound:
    if known:
        versions = ", ".join(one.version for one in known)
        return NotFound(
            f"no version {version} of model {model!r}", allowed=versions, next_step="gapless models lists all"
        )
    guess, step = closest(model, models), f"gapless train {model}"
    return NotFound(
        f"model {model!r} has no version yet",
        allowed=", ".join(sorted(models)) or "(no model has one yet)",
        next_step=f"did you mean {guess!r}? Else: {step}" if guess else step,
    )


def _batches(run: RunRecord) -> Iterator[dict[str, Any]]:
    """The run's values in portions; each value has its own time and step, so that a repeated one is the same one."""
    ended = run.ended_us // 1000
    metrics = [Metric(name, value, ended, 0) for name, value in run.metrics.items()]
    metrics += [Metric(name, p.value, p.at_us // 1000, p.step) for name, points in run.curves.items() for p in points]
    params = [Param(name, value[:_LONGEST]) for name, value in run.params.items()]
    tags = [RunTag(name, value[:_LONGEST]) for name, value in run.tags.items()]
    finite = [one for one in metrics if math.isfinite(one.value)]
    yield from ({"metrics": finite[i : i + _BATCH]} for i in range(0, len(finite), _BATCH))
    yield from ({"params": params[i : i + _FEW]} for i in range(0, len(params), _FEW))
    yield from ({"tags": tags[i : i + _FEW]} for i in range(0, len(tags), _FEW))


def _version(found: Any, run: Any) -> VersionRecord:
    curves = run.data.tags.get(CURVES, "").split(",")
    return VersionRecord(
        model=found.name,
        version=str(found.version),
        run_id=found.run_id,
        run_key=found.tags[RUN_KEY],
        created_us=found.creation_timestamp * 1000,
        bundle=found.source,
        metrics={name: value for name, value in sorted(run.data.metrics.items()) if name not in curves},
        params=dict(sorted(run.data.params.items())),
        tags={name: value for name, value in sorted(found.tags.items()) if name != RUN_KEY},
    )
