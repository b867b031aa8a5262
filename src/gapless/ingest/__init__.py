"""Files and tables into the offline store: validated, quarantined where bad, counted once."""

from __future__ import annotations

from gapless.ingest.run import IngestReport, ingest
from gapless.ingest.strict import StrictRows, open_rows

__all__ = ["IngestReport", "StrictRows", "ingest", "open_rows"]
