"""The one composition root: settings in, adapters behind their ports, and what a person calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapless.clock import format_instant
from gapless.product import EventSource, Model
from gapless.workspace.deploying import Deploying
from gapless.workspace.exporting import Exporting
from gapless.workspace.functions import declared
from gapless.workspace.online import Online
from gapless.workspace.profiling import Profiling

if TYPE_CHECKING:
    import pyarrow as pa

    from gapless.ingest import IngestReport
    from gapless.ports.tracker import VersionRecord
    from gapless.training.outbox import Delivery
    from gapless.training.training_set import TrainingSet
    from gapless.workspace.predicting import Predicted
    from gapless.workspace.training import TrainReport

__all__ = ["FeaturesReport", "Workspace"]

Progress = Callable[[int], None]


@dataclass(frozen=True)
class FeaturesReport:
    """What `features` wrote; also the manifest beside the file.

    `content_hash` names what the rows hold, whatever their order and however the file is compacted later.
    `pandas_functions` says which views depend on them, and what they cost in this run.
    """

    model: str
    rows: int
    out: str
    content_hash: str
    features: tuple[str, ...]
    features_hash: str
    sources: Mapping[str, int]
    pandas_functions: tuple[Mapping[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class Workspace(Online, Deploying, Exporting, Profiling):
    """A folder with gapless.toml, and everything a product does there.

    Opening one reads the settings; the product, the store and the tracker load when they are first needed.

    Examples:
        >>> import tempfile
        >>> from gapless.workspace.starting import start
        >>> folder = Path(tempfile.mkdtemp())
        >>> [path.name for path in start(folder, {})]
        ['gapless.toml', 'product.py']
        >>> Workspace.open(folder).settings.product
        'product:product'
    """

    def ingest(
        self,
        source: str,
        data: Any,
        *,
        format: str | None = None,
        name: str | None = None,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Adds rows to a source: see `gapless.ingest.ingest`, whose guarantees hold here."""
        from gapless.ingest import ingest

        found = self.product.source(source)
        return ingest(self.offline, found, data, format=format, name=name, progress=progress)

    def features(
        self, model: str, requests: Any, out: str | Path, *, progress: Progress | None = None
    ) -> FeaturesReport:
        """Every feature of the model for each request, as of its event time, in a Parquet or Arrow file.

        The report is written beside it, as `OUT.manifest.json`.

        Parameters:
            requests — a path, DataFrame, Arrow table or reader with the columns of the model's requests.

        Raises: InputError, NotFound, StorageError. Nothing is left half written.
        """
        import pyarrow as pa

        from gapless.training.content import ContentHash
        from gapless.workspace.computing import feature_batches
        from gapless.workspace.functions import measured
        from gapless.workspace.outputs import check_output, write_manifest, write_table

        found, path = self.product.model(model), Path(out)
        check_output(path)
        sources, deriving = self.sources(found, labels=False), self.deriving()
        content = ContentHash()
        with self.rows(found.requests, requests) as rows, self.engine() as engine:
            batches = feature_batches(self, engine, found, rows.reader(), sources, deriving, progress, requests)
            reader = pa.RecordBatchReader.from_batches(_feature_schema(found), content.following(batches))
            written = write_table(path, reader)
        report = FeaturesReport(
            found.name,
            written,
            str(path),
            content.hexdigest(),
            tuple(found.outputs),
            found.features_hash,
            dict(sources.versions),
            tuple(measured(found.feature_set, deriving.runs())),
        )
        write_manifest(path, report.to_dict())
        return report

    def training_set(
        self,
        model: str,
        *,
        train_from: int | None = None,
        until: int | None = None,
        known_by: int | None = None,
        versions: Mapping[str, int] | None = None,
        progress: Progress | None = None,
    ) -> TrainingSet:
        """Requests with features as of each request's time, the label and its maturity.

        Parameters:
            train_from, until — event times of the requests in µs UTC, half-open; None is open.
            known_by — nothing that became known later is seen; by default all that the sources hold.
            versions — table versions by source, to build an older set again; by default the newest.

        Raises: InputError, NotFound.
        """
        from gapless.training.training_set import gathered
        from gapless.workspace.computing import labelled_batches

        found = self.product.model(model)
        sources, deriving = self.sources(found, labels=True, versions=versions), self.deriving()
        known_by_us = self.known_by(found, sources) if known_by is None else known_by
        with self.engine() as engine:
            batches = labelled_batches(
                self, engine, found, sources, deriving, (train_from, until), known_by_us, progress
            )
            made = gathered(
                found,
                batches,
                versions=sources.versions,
                from_us=train_from,
                until_us=until,
                known_by_us=known_by_us,
            )
        return replace(made, functions=tuple(deriving.runs()))

    def status(self) -> dict[str, Any]:
        """What the sources and the quarantine hold; metadata only, no data is read."""
        return {
            "product": self.product.name,
            "folder": str(self.settings.folder),
            "models": [model.name for model in self.product.models],
            "sources": [self._source_status(source) for source in self.product.all_sources.values()],
            "pandas_functions": declared(self.product),
            "outbox": self._waiting_runs(),
        }

    def _source_status(self, source: EventSource) -> dict[str, Any]:
        """`rows` of files and of what was landed; `version` is that of the files' table."""
        from gapless.ports.tables import landed_partitions, landed_table, quarantine_table, source_table

        landed = [landed_table(source, partition) for partition in landed_partitions(source, self.offline.tables())]
        files, aside = source_table(source), quarantine_table(source)
        version = self.offline.version(files)
        stats = [self.offline.stats(table) for table in ([] if version is None else [files]) + landed]
        times = [us for each in stats for us in each.ranges.get(source.event_time, ())]
        return {
            "source": source.name,
            "rows": sum(each.rows for each in stats),
            "landed": sum(each.rows for each in stats[len(stats) - len(landed) :]),
            "quarantined": 0 if self.offline.version(aside) is None else self.offline.stats(aside).rows,
            "first": format_instant(min(times)) if times else None,
            "last": format_instant(max(times)) if times else None,
            "version": version,
        }

    def train(
        self,
        model: str,
        *,
        from_us: int | None = None,
        until_us: int | None = None,
        evaluate_until_us: int | None = None,
        known_by_us: int | None = None,
        versions: Mapping[str, int] | None = None,
        progress: Progress | None = None,
        stage: Callable[[str], None] | None = None,
    ) -> TrainReport:
        """Learns from requests in [from, until) with labels known by `until`, evaluates on [until, evaluate_until), and
        hands the run with its bundle to the tracker, which registers a version.

        Where the tracker does not answer, the run waits in the outbox and goes with the next training or `deliver`.

        Parameters:
            until_us — None: so that the last fifth of the labelled requests evaluates.
            known_by_us, versions — time travel, see `training_set`.
            stage — told what begins, for people who wait.

        Raises: what `gapless.training.job.train` raises; InputError, NotFound, StorageError.
        """
        from gapless.workspace.training import train

        data = self.training_set(
            model,
            train_from=from_us,
            until=evaluate_until_us,
            known_by=known_by_us,
            versions=versions,
            progress=progress,
        )
        return train(self, self.product.model(model), data, until_us, stage or (lambda text: None))

    def deliver(self) -> Delivery:
        """Gives the runs that wait to the tracker, the earliest first; what it did, and what still waits and why."""
        return self.outbox.deliver_all(self.tracker)

    def versions(self, model: str | None = None) -> list[VersionRecord]:
        """Registered versions, newest first.

        Raises: UnknownName for a model that the product does not have; Transient, Refused, StorageError.
        """
        return self.tracker.versions(None if model is None else self.product.model(model).name)

    def describe(self, model: str, version: str | None = None) -> dict[str, Any]:
        """All of one version, the newest by default: metrics with intervals, lineage, certificate, importances.

        Raises: NotFound, UnknownName, CorruptData.
        """
        from gapless.workspace.versions import describe

        return describe(self, self.tracker.version(self.product.model(model).name, version))

    def predict(
        self,
        model: str,
        out: str | Path,
        *,
        requests: Any = None,
        from_us: int | None = None,
        until_us: int | None = None,
        known_by_us: int | None = None,
        version: str | None = None,
        allow_pickle: bool = False,
        progress: Progress | None = None,
    ) -> Predicted:
        """Scores requests into a Delta table at `out`: each row of them once, however often this is started.

        An id that is in two rows of `requests` is answered twice; ingested requests have each id once.

        Parameters:
            requests — a path, DataFrame or Arrow data; None: the ingested requests with event time in [from, until).
            known_by_us — features see nothing that became known later, as if asked at that moment; None: all there is.
            version — a registered version; None is the newest.
            allow_pickle — needed for a version with runtime="python", whose pickle then runs.

        Raises: InputError, NotFound, SettingsError, CorruptData, StorageError.

        Guarantees: killed at any point and started again, the table is that of an undisturbed run. A run is known by
            its requests, its version and `known_by_us`: a finished one adds nothing, also when sources hold more by
            then.
        """
        from gapless.workspace.predicting import predict

        record = self.tracker.version(self.product.model(model).name, version)
        window = (from_us, until_us)
        return predict(
            self,
            record,
            Path(out),
            requests,
            window,
            known_by_us=known_by_us,
            allow_pickle=allow_pickle,
            progress=progress,
        )

    def _waiting_runs(self) -> int:
        return len(self.outbox.waiting())


def _feature_schema(model: Model) -> pa.Schema:
    import pyarrow as pa

    from gapless.arrow import ARROW_TYPES, schema_to_arrow

    features = [pa.field(name, ARROW_TYPES[kind]) for name, kind in model.outputs.items()]
    return pa.schema([*schema_to_arrow(model.requests.columns), *features])
