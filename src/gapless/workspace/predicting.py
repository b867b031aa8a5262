"""Batch prediction on a workspace: which requests, which version, which table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from gapless import distributing
from gapless.adapters.delta import DeltaStore
from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle.opening import open_scorer
from gapless.bundle.profile import read_profile
from gapless.distributing import Responding
from gapless.errors import DefinitionError, InputError
from gapless.features import StoreSources
from gapless.ports.tracker import VersionRecord
from gapless.product import Model
from gapless.product.hashing import definition_hash
from gapless.serving import Answering, Judge, Pins, PredictReport, Version, chunk_rows_for, pinned, run_identity
from gapless.serving import predict as predict_rows
from gapless.workspace.computing import tables_of
from gapless.workspace.engines import ShippedScorer, rows_done
from gapless.workspace.parts import Parts
from gapless.workspace.versions import fetch_bundle

__all__ = ["Predicted", "predict"]


@dataclass(frozen=True)
class Predicted:
    """What a batch prediction did.

    Parameters:
        trust — the levels of the rows that were answered now, without the `rows_repeated`.
        newer_sources — hold more by now than this run, which was begun earlier, reads.
    """

    model: str
    version: str
    table: str
    rows: int
    rows_repeated: int
    run: str
    trust: dict[str, int]
    sources: dict[str, int]
    newer_sources: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def predict(
    parts: Parts,
    record: VersionRecord,
    out: Path,
    requests: Any,
    window: tuple[int | None, int | None],
    *,
    known_by_us: int | None,
    allow_pickle: bool,
    progress: Callable[[int], None] | None,
) -> Predicted:
    """See `Workspace.predict`."""
    model = parts.product.model(record.model)
    bundle = fetch_bundle(parts, record)
    _check_same_features(model, bundle.manifest.features_hash, record)
    features = model.feature_set
    scorer = open_scorer(bundle, OnnxRuntime(), allow_pickle=allow_pickle)
    judge = Judge(model.trust, read_profile(bundle), features)
    version = Version(record.model, record.version, bundle.manifest.definition_hash, bundle.hash)
    with _requests(parts, model, requests, window) as (content, open_rows):
        table = out.resolve()  # where a link leads to, not where it lies
        known_by = "" if known_by_us is None else f" known by {known_by_us}"
        run = run_identity(f"{content} {table}{known_by}", version)
        newest = parts.sources(model, labels=False, requests=requests is None).versions
        limits = parts.limits()
        fresh = Pins(newest, chunk_rows_for(features, limits))
        pins = pinned(parts.home("runs"), run, fresh)
        sources = parts.sources(model, labels=False, requests=requests is None, versions=pins.versions)
        store = DeltaStore(table.parent)
        answering = Answering(features, version, scorer, judge, _as_of(parts, model, pins, known_by_us), known_by_us)
        with parts.engine() as engine:
            if engine is None:
                report = predict_rows(
                    answering,
                    open_rows(sources),
                    sources,
                    store,
                    table.name,
                    run=run,
                    chunk_rows=pins.chunk_rows,
                    limits=limits,
                    progress=progress,
                )
            else:
                shipped = ShippedScorer.of(bundle, allow_pickle=allow_pickle)
                report = distributing.predict(
                    engine,
                    Responding.of(answering, shipped, probability=bundle.manifest.kind == "classification"),
                    open_rows(sources),
                    tables_of(parts, sources),
                    store,
                    table.name,
                    run=run,
                    chunk_rows=pins.chunk_rows,
                    progress=rows_done(progress, parts.count_rows(requests)),
                )
    return _predicted(record, out, report, pins, newest)


def _predicted(
    record: VersionRecord, out: Path, report: PredictReport, pins: Pins, newest: dict[str, int]
) -> Predicted:
    return Predicted(
        record.model,
        record.version,
        str(out),
        report.rows,
        report.rows_repeated,
        report.run,
        dict(report.trust),
        dict(pins.versions),
        tuple(name for name, version in newest.items() if version != pins.versions.get(name)),
    )


def _as_of(parts: Parts, model: Model, pins: Pins, known_by_us: int | None) -> Mapping[str, int | None]:
    """By view: up to when its source is known.

    That is the newest row that the source holds. A view that looks back forever may be of a source that hardly ever
    changes, and its last row says nothing then: it is taken to be known as far as the newest of all sources.
    """
    if known_by_us is not None:
        return dict.fromkeys((view.name for view in model.views), known_by_us)
    newest = {v.source.name: parts.newest_known_us(v.source, pins.versions) for v in model.views}
    furthest = max((us for us in newest.values() if us is not None), default=None)
    return {view.name: newest[view.source.name] if view.has_window else furthest for view in model.views}


@contextmanager
def _requests(
    parts: Parts, model: Model, data: Any, window: tuple[int | None, int | None]
) -> Iterator[tuple[str, Callable[[StoreSources], pa.RecordBatchReader]]]:
    """(what names the requests, how to read them)."""
    if data is not None:
        with parts.rows(model.requests, data) as rows:
            yield rows.content_hash, lambda sources: rows.reader()
        return
    start, end = window
    if start is None and end is None:
        raise InputError(
            "no requests were named",
            allowed="a file of requests, or a time of ingested ones",
            next_step="pass --requests FILE, or --from T and --until T",
        )
    columns = list(model.requests.columns)

    def read(sources: StoreSources) -> pa.RecordBatchReader:
        reader = sources.read(model.requests, columns, start_us=start, end_us=end)
        schema = pa.schema([reader.schema.field(name) for name in columns])
        return pa.RecordBatchReader.from_batches(schema, (batch.select(columns) for batch in reader))

    yield definition_hash({"source": model.requests.name, "from_us": start, "until_us": end}), read


def _check_same_features(model: Model, trained_hash: str, record: VersionRecord) -> None:
    if trained_hash == model.features_hash:
        return
    raise DefinitionError(
        f"the features of model {model.name!r} mean something else than when version {record.version} was trained",
        seen=f"features hash {model.features_hash[:16]} in the product",
        allowed=f"{trained_hash[:16]}, that of the version (commit {record.tags.get('git_commit', 'unknown')[:12]})",
        next_step="train a version of the new definition, or check out the code that the version was trained from",
        where=model.site,
    )
