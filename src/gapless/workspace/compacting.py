"""Moving what is logged, answers and events, into the offline store of a workspace."""

from __future__ import annotations

from collections.abc import Callable

from gapless.bundle import Bundle, feature_set, read_bundle
from gapless.clock import DAY
from gapless.errors import CorruptData, NotFound
from gapless.events.landing import land
from gapless.ports.topics import events_topic
from gapless.serving.compact import CompactReport, alone
from gapless.serving.compact import compact as compact_log
from gapless.serving.entries import Entry
from gapless.serving.landing import Definition, definition_of
from gapless.streaming.settling import Settled, settle
from gapless.workspace.following import followed
from gapless.workspace.logs import read_log
from gapless.workspace.parts import Parts
from gapless.workspace.versions import bundle_name, fetch_bundle

__all__ = ["KEEP_US", "answered_bundle", "compact", "land_events"]

KEEP_US = 7 * DAY
"""How long records that are in tables stay in the log as well."""


def compact(parts: Parts, *, progress: Callable[[int], None] | None = None) -> CompactReport:
    """See `Workspace.compact`."""
    log, notes = read_log(parts.settings), parts.home("compact")

    def definition(entry: Entry) -> Definition:
        return definition_of(feature_set(answered_bundle(parts, entry.model, entry.version, entry.bundle_hash)))

    report = compact_log(log, parts.offline, definition, notes, progress=progress)
    with alone(notes):
        for model in parts.product.models:
            if model.streaming:
                before_us = parts.clock.now_us() - KEEP_US
                _add(report, settle(parts.events, parts.offline, model.name, definition, trim_before_us=before_us))
    report.landed = land_events(parts)
    return report


def land_events(parts: Parts) -> int:
    """Every event that is in the log now is in its landed table; how many were added.

    Raises: what `events.landing.land` raises.
    """
    added = 0
    for each in followed(parts, []).values():
        source = each.source
        try:
            partitions = len(parts.events.spans(events_topic(source)))
        except NotFound:  # nothing was ever pushed
            continue
        added += sum(land(parts.events, parts.offline, source, partition).rows for partition in range(partitions))
    return added


def _add(report: CompactReport, settled: Settled) -> None:
    report.streamed += settled.answers
    for table, rows in settled.tables.items():
        report.tables[table] = report.tables.get(table, 0) + rows


def answered_bundle(parts: Parts, model: str, version: str, bundle_hash: str) -> Bundle:
    """The bundle that answered: kept here by the server, else fetched.

    Raises: CorruptData where the version that is registered now is another; NotFound; Transient.
    """
    kept = parts.home("bundles") / bundle_name(model, version, bundle_hash)
    there = kept.exists()
    bundle = read_bundle(kept) if there else fetch_bundle(parts, parts.tracker.version(model, version))
    if bundle.hash == bundle_hash:
        return bundle
    raise CorruptData(
        f"version {version} of {model!r} is not the one that answered",
        seen=f"bundle {bundle.hash[:16]}",
        allowed=f"bundle {bundle_hash[:16]}, as the prediction log says",
        next_step="point [stores] tracking at the registry that the server used",
        where=str(bundle.path),
    )
