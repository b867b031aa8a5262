"""Files and tables into the offline store: validated, quarantined where bad, counted once."""

from __future__ import annotations

from gapless.ingest.run import IngestReport, ingest, quarantine_table, source_table

__all__ = ["IngestReport", "ingest", "quarantine_table", "source_table"]
