"""Incidents in a table: one open row for each kind, subject and text."""

from __future__ import annotations

import builtins
import hashlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gapless.adapters.sql.audit import audit_row
from gapless.adapters.sql.database import Database
from gapless.adapters.sql.tables import AUDIT, INCIDENTS
from gapless.adapters.sql.text import checked, from_text, to_text
from gapless.errors import NotFound
from gapless.ports.metadata import AuditEntry, Incident

__all__ = ["SqlIncidents"]


class SqlIncidents:
    """See `gapless.ports.metadata.Incidents`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def report(self, incident: Incident, *, at_us: int) -> Incident:
        """One statement, so that reports at the same moment are all counted."""
        checked(incident.kind, incident.subject, incident.what)
        insert = sqlite.insert if self._database.dialect == "sqlite" else postgresql.insert
        made = insert(INCIDENTS).values(**_row(incident, at_us))
        later = sa.case((INCIDENTS.c.last_us > at_us, INCIDENTS.c.last_us), else_=at_us)
        counted = made.on_conflict_do_update(
            index_elements=["same"],
            index_where=INCIDENTS.c.closed_us.is_(None),
            set_={"times": INCIDENTS.c.times + 1, "last_us": later, "facts": made.excluded.facts},
        ).returning(*INCIDENTS.c)
        with self._database.writing() as connection:
            return _incident(connection.execute(counted).one())

    def list(self, *, open_only: bool = True, limit: int = 50) -> builtins.list[Incident]:
        """By when they were reported last, newest first."""
        wanted = sa.select(INCIDENTS).order_by(INCIDENTS.c.last_us.desc(), INCIDENTS.c.id.desc()).limit(limit)
        if open_only:
            wanted = wanted.where(INCIDENTS.c.closed_us.is_(None))
        with self._database.reading() as connection:
            return [_incident(row) for row in connection.execute(wanted)]

    def close(self, id: int, *, by: str, at_us: int) -> Incident:
        """With its line in the audit trail. Raises: NotFound."""
        checked(by)
        with self._database.writing(INCIDENTS) as connection:
            wanted = sa.select(INCIDENTS).where(INCIDENTS.c.id == id)
            row = connection.execute(wanted).first()
            if row is None:
                raise NotFound("no such incident", seen=id, next_step="gapless incidents lists those that are open")
            if row.closed_us is None:
                closed = {"closed_us": max(at_us, row.opened_us), "closed_by": by}
                connection.execute(sa.update(INCIDENTS).where(INCIDENTS.c.id == id).values(closed))
                facts = {"incident": id, "kind": row.kind}
                entry = AuditEntry(at_us, by, "incident close", row.subject, "done", facts)
                connection.execute(sa.insert(AUDIT), audit_row(entry))
                row = connection.execute(wanted).one()
            return _incident(row)


def _row(incident: Incident, at_us: int) -> dict[str, Any]:
    same = "\0".join((incident.kind, incident.subject, incident.what))
    return {
        "kind": incident.kind,
        "subject": incident.subject,
        "what": incident.what,
        "facts": to_text(incident.facts),
        "same": hashlib.sha256(same.encode()).hexdigest(),
        "opened_us": at_us,
        "last_us": at_us,
        "times": 1,
        "closed_by": "",
    }


def _incident(row: Any) -> Incident:
    return Incident(
        kind=row.kind,
        subject=row.subject,
        what=row.what,
        facts=from_text(row.facts),
        id=row.id,
        opened_us=row.opened_us,
        last_us=row.last_us,
        times=row.times,
        closed_us=row.closed_us,
        closed_by=row.closed_by,
    )
