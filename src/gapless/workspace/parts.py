"""What every command of a workspace stands on: settings in, adapters behind their ports."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from gapless.clock import Clock, SteadyClock, SystemClock
from gapless.errors import NotFound
from gapless.product import EventSource, Model, Product, load_product
from gapless.workspace.settings import Settings, find_folder, read_settings

if TYPE_CHECKING:
    from gapless.events.pushing import Pusher
    from gapless.features import Deriving, Limits, StoreSources
    from gapless.ingest import StrictRows
    from gapless.ports.engine import BatchEngine
    from gapless.ports.events import EventLog
    from gapless.ports.metadata import Metadata
    from gapless.ports.offline import SharedStore
    from gapless.ports.online import OnlineStore
    from gapless.ports.tracker import Tracker
    from gapless.training.outbox import Outbox

__all__ = ["Parts"]


class Parts:
    """The product, the store, the tracker and the outbox of one folder; each loads when it is first needed."""

    def __init__(self, settings: Settings, *, product: Product | None = None, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        if product is not None:
            self.product = product

    @classmethod
    def open(cls, folder: str | Path = ".", *, product: Product | None = None, engine: str | None = None) -> Self:
        """The workspace of a folder, or of the nearest one above it.

        Parameters:
            product — instead of the one that gapless.toml names: for notebooks and tests.
            engine — of batch work, instead of the one that gapless.toml names.

        Raises: NotFound, SettingsError.
        """
        settings = read_settings(find_folder(Path(folder)))
        return cls(settings if engine is None else replace(settings, engine=engine), product=product)

    def engine(self) -> AbstractContextManager[BatchEngine | None]:
        """The engine of batch work while the block runs; None: this process.

        Raises: SettingsError, MissingExtra, Transient.
        """
        from gapless.workspace.engines import open_engine

        return open_engine(self.settings.engine, self.settings.folder)

    @cached_property
    def product(self) -> Product:
        """The product that gapless.toml names."""
        return load_product(self.settings.product, self.settings.folder)

    @cached_property
    def offline(self) -> SharedStore:
        """The offline store."""
        from gapless.adapters.delta import DeltaStore

        return DeltaStore(self.settings.offline_path)

    def sources(
        self, model: Model, *, labels: bool, requests: bool = False, versions: Mapping[str, int] | None = None
    ) -> StoreSources:
        """The events a model reads, each table pinned at one version.

        Parameters:
            labels — with the label's source and the ingested requests it belongs to; requests — with these alone.

        Raises: NotFound for a source that was never ingested.
        """
        from gapless.features import StoreSources

        needed = {view.source.origin.name: view.source.origin for view in model.views}
        if labels or requests:
            needed[model.requests.name] = model.requests
        if labels:
            needed[model.label.source.origin.name] = model.label.source.origin
        return StoreSources(self.offline, needed, versions)

    def deriving(self) -> Deriving:
        """Runs the pandas functions of one run, and measures them."""
        from gapless.features import Deriving

        return Deriving(time.perf_counter_ns)

    def known_by(self, model: Model, sources: StoreSources) -> int:
        """The last moment the requests and labels speak of; the clock is not asked, so the answer can be had again."""
        both = (model.requests, model.label.source)
        found = (self.newest_known_us(source, sources.versions) for source in both)
        last = [us for us in found if us is not None]
        if not last:
            raise NotFound(
                f"model {model.name!r} has neither requests nor labels",
                seen=f"{model.requests.name}, {model.label.source.name}: no rows",
                next_step=f"gapless ingest {model.requests.name} FILE",
            )
        return max(last)

    def newest_known_us(self, source: EventSource, versions: Mapping[str, int]) -> int | None:
        """When the newest row of a source became known, at pinned versions of its tables; None where it has no row."""
        from gapless.arrow import KNOWN_AT
        from gapless.features import pinned_tables

        pinned = pinned_tables(source.origin, versions)
        ranges = [self.offline.stats(table, version=version).ranges for table, version in pinned]
        return max((int(each[KNOWN_AT][1]) for each in ranges if KNOWN_AT in each), default=None)

    @contextmanager
    def rows(self, source: EventSource, data: Any) -> Iterator[StrictRows]:
        """Rows of a file or table by the rules of ingest; a bad one is an error when it is reached."""
        from gapless.ingest import open_rows

        with tempfile.TemporaryDirectory(prefix="gapless-requests-") as folder:
            yield open_rows(source, data, Path(folder))

    def count_rows(self, requests: Any) -> int | None:
        """How many rows a file has, where its format says so without being read: to draw progress by."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return int(pq.read_metadata(requests).num_rows)
        except (OSError, pa.ArrowException, TypeError):
            return None  # another format, or a fault that reading it will explain

    def limits(self) -> Limits:
        """How much computing features may hold; scratch files go below the workspace."""
        from gapless.features import Limits

        return replace(Limits(), scratch=self.home("scratch"))

    def home(self, part: str) -> Path:
        """A folder of gapless's own, made if it is not there."""
        folder = self.settings.home / part
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @cached_property
    def tracker(self) -> Tracker:
        """The tracker and registry."""
        from gapless.adapters.mlflow import MlflowTracker

        self.home("")  # an embedded database lies there
        return MlflowTracker(self.settings.tracking_uri)

    @cached_property
    def online(self) -> OnlineStore:
        """The online store; it connects when it is first used."""
        from gapless.workspace.stores import open_online

        return open_online(self.settings)

    @cached_property
    def events(self) -> EventLog:
        """The event log, opened for this process: not before a fork."""
        from gapless.workspace.stores import open_events

        return open_events(self.settings, self.clock)

    @cached_property
    def pusher(self) -> Pusher:
        """The pushing end of the event log."""
        from gapless.events.pushing import Pusher

        return Pusher(self.events, SteadyClock(self.clock), partitions=self.settings.partitions)

    @cached_property
    def metadata(self) -> Metadata:
        """Deployments, incidents, tokens and the audit trail."""
        from gapless.adapters.sql import SqlMetadata

        return SqlMetadata(self.settings.metadata_url)

    @cached_property
    def outbox(self) -> Outbox:
        """Runs that wait for the tracker."""
        from gapless.training.outbox import Outbox

        return Outbox(self.settings.home / "outbox")
