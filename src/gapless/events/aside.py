"""What became of rows that were pushed, and the quarantine of those that were not."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from gapless.arrow import OFFSET
from gapless.ingest.clean import Clean
from gapless.ingest.quarantine import Quarantine
from gapless.ingest.rows import Raw
from gapless.ports.offline import OfflineStore
from gapless.ports.tables import quarantine_table
from gapless.product import EventSource

__all__ = ["PushReport", "commit", "set_aside"]


@dataclass(frozen=True)
class PushReport:
    """What became of each row: rows_read = rows_pushed + rows_quarantined. `reasons` counts the latter."""

    source: str
    name: str
    rows_read: int
    rows_pushed: int
    rows_quarantined: int
    reasons: dict[str, int] = field(default_factory=dict)
    extra_columns: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def set_aside(quarantine: Quarantine, raw: Raw, cleaned: Clean) -> None:
    """The bad rows of a batch wait in the quarantine to be committed."""
    quarantine.add_lines(list(raw.rejected))
    for fault in cleaned.faults:
        quarantine.add_rows(raw, fault.rows, fault.reason, fault.column)


def commit(store: OfflineStore, source: EventSource, quarantine: Quarantine) -> None:
    """The rows are in the source's quarantine table; the same ones again count once."""
    quarantine.close()
    if quarantine.rows:
        table, rows = quarantine_table(source), quarantine.reader()
        store.append(table, rows, batch_id=quarantine.batch_id, offset_column=OFFSET)
