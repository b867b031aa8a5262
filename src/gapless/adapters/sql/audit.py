"""The audit trail in a table."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gapless.adapters.sql.database import Database
from gapless.adapters.sql.tables import AUDIT
from gapless.adapters.sql.text import checked, from_text, to_text
from gapless.ports.metadata import AuditEntry

__all__ = ["SqlAudit", "audit_row"]


def audit_row(entry: AuditEntry) -> dict[str, Any]:
    """The entry as a row, for whoever changes something in the same transaction."""
    checked(entry.by, entry.action, entry.subject, entry.outcome)
    return {
        "at_us": entry.at_us,
        "by_whom": entry.by,
        "action": entry.action,
        "subject": entry.subject,
        "outcome": entry.outcome,
        "facts": to_text(entry.facts),
    }


class SqlAudit:
    """See `gapless.ports.metadata.Audit`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, entry: AuditEntry) -> None:
        """One more line."""
        row = audit_row(entry)
        with self._database.writing() as connection:
            connection.execute(sa.insert(AUDIT), row)

    def list(self, *, limit: int = 100) -> list[AuditEntry]:
        """Entries, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)).all()
        return [
            AuditEntry(row.at_us, row.by_whom, row.action, row.subject, row.outcome, from_text(row.facts))
            for row in rows
        ]
