"""Requests with features as of each request's time and the label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gapless.arrow import known_by
from gapless.clock import format_instant
from gapless.errors import InputError
from gapless.features import DerivedSources, FunctionRun, Limits, SourceReader, compute
from gapless.product import Model
from gapless.training.content import ContentHash
from gapless.training.labels import MATURITY, label_columns

__all__ = ["Manifest", "TrainingSet", "gathered", "known_requests", "training_batches", "training_set"]


@dataclass(frozen=True)
class Manifest:
    """What a training set was made from; enough to make it again.

    Parameters:
        sources — table version by source name.
        rows — number of requests; counts — of each maturity.
    """

    model: str
    definition_hash: str
    features_hash: str
    sources: Mapping[str, int]
    from_us: int | None
    until_us: int | None
    known_by_us: int
    rows: int
    counts: Mapping[str, int]
    columns: tuple[str, ...]
    content_hash: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; times as ISO 8601."""
        times = {
            name: None if (us := getattr(self, f"{name}_us")) is None else format_instant(us)
            for name in ("from", "until", "known_by")
        }
        rest = {name: value for name, value in asdict(self).items() if not name.endswith("_us")}
        return {**rest, **times, "columns": list(self.columns)}


@dataclass(frozen=True)
class TrainingSet:
    """A table (request columns, features, label, maturity, label_known_at) and its manifest.

    Parameters:
        functions — what pandas functions did to make it; no part of what it is.
    """

    table: pa.Table
    manifest: Manifest
    functions: tuple[FunctionRun, ...] = ()


def training_batches(
    model: Model,
    sources: SourceReader,
    *,
    from_us: int | None = None,
    until_us: int | None = None,
    known_by_us: int,
    limits: Limits = Limits(),  # noqa: B008  frozen
    progress: Callable[[int], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The training set of all requests with event time in [from, until), in batches: for sets larger than memory.

    Time travel: only requests, events and labels with known_at <= known_by are seen.
    """
    sources = DerivedSources.around(sources)
    requests = known_requests(model, sources, from_us, until_us, known_by_us)
    for batch in compute(model, requests, sources, known_by_us=known_by_us, limits=limits, progress=progress):
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        columns |= label_columns(model, batch, sources, known_by_us=known_by_us)
        yield pa.RecordBatch.from_pydict(columns)


def training_set(
    model: Model,
    sources: SourceReader,
    *,
    versions: Mapping[str, int],
    from_us: int | None = None,
    until_us: int | None = None,
    known_by_us: int,
    limits: Limits = Limits(),  # noqa: B008  frozen
    progress: Callable[[int], None] | None = None,
) -> TrainingSet:
    """`training_batches` as one table: see `gathered`."""
    times = {"from_us": from_us, "until_us": until_us}
    batches = training_batches(model, sources, known_by_us=known_by_us, limits=limits, progress=progress, **times)
    return gathered(model, batches, versions=versions, known_by_us=known_by_us, **times)


def gathered(
    model: Model,
    batches: Iterable[pa.RecordBatch],
    *,
    versions: Mapping[str, int],
    from_us: int | None = None,
    until_us: int | None = None,
    known_by_us: int,
) -> TrainingSet:
    """Requests with features as of each request's time, and the label with its maturity.

    Parameters:
        batches — what `training_batches` gives, wherever it was computed.
        versions — table version by source, for the manifest.
        from_us, until_us — event times of the requests, half-open; None is open.
        known_by_us — nothing that became known later is seen.

    Raises: InputError where no request lies in that time.

    Guarantees: the same definition, versions, times and known_by give the same content hash.
    """
    content = ContentHash()
    counts: Counter[str] = Counter()
    held = []
    for batch in batches:
        content.update(batch)
        counts.update(_counted(batch.column(MATURITY)))
        held.append(batch)
    if not held:
        raise _no_requests(model, from_us, until_us, known_by_us)
    table = pa.Table.from_batches(held)
    return TrainingSet(
        table,
        Manifest(
            model=model.name,
            definition_hash=model.definition_hash,
            features_hash=model.features_hash,
            sources=dict(sorted(versions.items())),
            from_us=from_us,
            until_us=until_us,
            known_by_us=known_by_us,
            rows=table.num_rows,
            counts=dict(sorted(counts.items())),
            columns=tuple(table.column_names),
            content_hash=content.hexdigest(),
        ),
    )


def known_requests(
    model: Model, sources: SourceReader, from_us: int | None, until_us: int | None, known_by_us: int
) -> pa.RecordBatchReader:
    """The ingested requests with event time in [from, until) that were known by an instant."""
    source = model.requests
    reader = sources.read(source, list(source.columns), start_us=from_us, end_us=until_us)
    names = list(source.columns)
    schema = pa.schema([reader.schema.field(name) for name in names])
    return pa.RecordBatchReader.from_batches(schema, (known_by(batch, known_by_us).select(names) for batch in reader))


def _counted(maturity: pa.Array) -> dict[str, int]:
    return {item["values"]: item["counts"] for item in pc.value_counts(maturity).to_pylist()}


def _no_requests(model: Model, from_us: int | None, until_us: int | None, known_by_us: int) -> InputError:
    def shown(us: int | None, otherwise: str) -> str:
        return otherwise if us is None else format_instant(us)

    return InputError(
        f"no request of model {model.name!r} lies in that time",
        seen=f"{shown(from_us, 'the beginning')} to {shown(until_us, 'the end')}, known by {shown(known_by_us, '')}",
        allowed=f"a time with events of source {model.requests.name!r}",
        next_step=f"gapless status shows what each source holds; gapless ingest {model.requests.name} FILE adds to it",
    )
