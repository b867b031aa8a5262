"""Events from the offline store: what was ingested from files, then what was landed of each partition of the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from gapless.arrow import KNOWN_AT, OFFSET, TIMESTAMP, filled, schema_to_arrow
from gapless.errors import BugError, NotFound, UnknownName
from gapless.ports.offline import OfflineStore, TimeRange
from gapless.ports.tables import landed_partitions, landed_table, source_table
from gapless.product import EventSource

__all__ = ["StoreSources", "newest_versions", "pinned_tables", "read_table", "wanted_schema"]


def newest_versions(store: OfflineStore, sources: Mapping[str, EventSource]) -> dict[str, int]:
    """The version that is newest now of every table that holds events of these sources.

    Returns: by the name of the source for ingested files, by "NAME/PARTITION" for what was landed; in the order of the
        sources, and of each in the order that breaks ties.

    Raises: NotFound for a source that has neither.
    """
    tables = store.tables()
    found: dict[str, int] = {}
    for source in sources.values():
        its = {name: store.version(table) for name, table in _possible(source, tables)}
        there = {name: version for name, version in its.items() if version is not None}
        if not there:
            raise _no_events(source, tables)
        found |= there
    return found


def pinned_tables(source: EventSource, versions: Mapping[str, int]) -> list[tuple[str, int]]:
    """(table, version) of those that `versions` names for a source, in the order that breaks ties.

    Examples:
        >>> from datetime import datetime
        >>> clicks = EventSource("clicks", schema={"at": datetime}, event_time="at")
        >>> pinned_tables(clicks, {"clicks/10": 3, "clicks/9": 0, "clicks": 7, "views": 1})
        [('sources/clicks', 7), ('events/clicks/9', 0), ('events/clicks/10', 3)]
    """
    if source.derivation is not None:
        raise BugError("a derived source has no tables", seen=source.name, next_step="read it through DerivedSources")
    files = [(source_table(source), versions[source.name])] if source.name in versions else []
    landed = {
        int(name.removeprefix(f"{source.name}/")): version
        for name, version in versions.items()
        if name.startswith(f"{source.name}/")
    }
    return [*files, *((landed_table(source, partition), landed[partition]) for partition in sorted(landed))]


def read_table(
    store: OfflineStore,
    source: EventSource,
    table: str,
    columns: Sequence[str],
    *,
    version: int,
    within: TimeRange | None = None,
) -> Iterator[pa.RecordBatch]:
    """Columns of a source, `_known_at` and `_offset` among them if asked for, from one of its tables.

    Guarantees: a column of the source that the table does not have yet is null in all of its rows.
    """
    try:
        return iter(store.read(table, columns=columns, version=version, within=within))
    except UnknownName:
        there = set(store.read(table, version=version).schema.names)
        kept = [name for name in columns if name in there]
        if not set(columns) - there <= set(source.columns) or not kept:
            raise
        reader = store.read(table, columns=kept, version=version, within=within)
        wanted = wanted_schema(source, columns)
        return (filled(batch, wanted) for batch in reader)


class StoreSources:
    """Events from the offline store, each table at one pinned version.

    Parameters:
        versions — table version by the names of `newest_versions`. Of a source that has a name in it, the named tables
            are read and no others, so that what was made before events were landed can be made again; a source
            without any is read as it is now.

    Raises: NotFound for a source without events.
    """

    def __init__(
        self, store: OfflineStore, sources: Mapping[str, EventSource], versions: Mapping[str, int] | None = None
    ) -> None:
        self._store = store
        given = versions or {}
        unnamed = {name: source for name, source in sources.items() if not pinned_tables(source, given)}
        newest = newest_versions(store, unnamed) if unnamed else {}
        mine = {name: version for name, version in given.items() if name.split("/")[0] in sources}
        self.versions: dict[str, int] = mine | newest

    def read(
        self, source: EventSource, columns: Sequence[str], *, start_us: int | None, end_us: int | None
    ) -> pa.RecordBatchReader:
        """See `SourceReader`: files first, then the partitions by number, each in its own order."""
        names, within = [*columns, KNOWN_AT], TimeRange(source.event_time, start_us, end_us)
        tables = pinned_tables(source, self.versions)
        if len(tables) == 1:
            table, version = tables[0]
            batches = read_table(self._store, source, table, names, version=version, within=within)
        else:
            batches = self._chained(source, names, tables, within)
        return pa.RecordBatchReader.from_batches(wanted_schema(source, names), batches)

    def rows(self, source: EventSource) -> int:
        """See `SourceReader`."""
        tables = pinned_tables(source, self.versions)
        return sum(self._store.stats(table, version=version).rows for table, version in tables)

    def _chained(
        self, source: EventSource, names: Sequence[str], tables: Sequence[tuple[str, int]], within: TimeRange
    ) -> Iterator[pa.RecordBatch]:
        for table, version in tables:
            yield from read_table(self._store, source, table, names, version=version, within=within)


def _possible(source: EventSource, tables: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(name, table) of files and of what was landed."""
    yield source.name, source_table(source)
    for partition in landed_partitions(source, tables):
        yield f"{source.name}/{partition}", landed_table(source, partition)


def _no_events(source: EventSource, tables: Sequence[str]) -> NotFound:
    return NotFound(
        f"source {source.name!r} has no events",
        seen=source_table(source),
        allowed=", ".join(tables) or "(the store is empty)",
        next_step=f"gapless ingest {source.name} FILE",
    )


def wanted_schema(source: EventSource, names: Sequence[str]) -> pa.Schema:
    """Of these columns of a source, `_known_at` and `_offset` among them if named."""
    types = schema_to_arrow(source.columns)
    own = {KNOWN_AT: pa.field(KNOWN_AT, TIMESTAMP), OFFSET: pa.field(OFFSET, pa.int64())}
    return pa.schema([own.get(name) or types.field(name) for name in names])
