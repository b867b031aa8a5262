"""Metadata over SQLAlchemy Core."""

from __future__ import annotations

from functools import cached_property

from gapless.adapters.sql.audit import SqlAudit
from gapless.adapters.sql.database import Database
from gapless.adapters.sql.deployments import SqlDeployments
from gapless.adapters.sql.incidents import SqlIncidents
from gapless.adapters.sql.tokens import SqlTokens
from gapless.faults import Fault, no_fault
from gapless.ports.metadata import Audit, Deployments, Incidents, Tokens

__all__ = ["SqlMetadata"]


class SqlMetadata:
    """Deployments, incidents, tokens and the audit trail in SQLite or Postgres.

    Nothing is opened before the first call. That call makes the tables, or brings those of an older release forward;
    several processes may do it at once.

    Parameters:
        url — `sqlite:////absolute/file.db`, made where it is not there; or `postgresql://user@host:port/database`.
        timeout_s — how long to wait for a lock, and for the first answer of a server.
        fault — called with the name of each step of a decision that is done, and its model: crashes as inputs.

    Raises: SettingsError for another URL; MissingExtra for Postgres without psycopg.

    Guarantees: a decision is on stable storage when `decide` returns, whole, with its line in the audit trail. Safe for
        threads. On Postgres an instance belongs to the process that used it first: open it after a fork.

    Cost: a read takes 0.2 to 0.5 ms, a change 1 to 3 ms and a sync of the disk; 0.4 s once to make the tables.

    Examples:
        >>> import tempfile
        >>> metadata = SqlMetadata(f"sqlite:///{tempfile.mkdtemp()}/metadata.db")
        >>> metadata.deployments.revision(), dict(metadata.deployments.current())
        (0, {})
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0, fault: Fault = no_fault) -> None:
        self._database = Database(url, timeout_s=timeout_s, fault=fault)

    @cached_property
    def deployments(self) -> Deployments:
        """Which versions answer, and why."""
        return SqlDeployments(self._database)

    @cached_property
    def incidents(self) -> Incidents:
        """What a person must look at."""
        return SqlIncidents(self._database)

    @cached_property
    def tokens(self) -> Tokens:
        """Who may ask."""
        return SqlTokens(self._database)

    @cached_property
    def audit(self) -> Audit:
        """Who changed what."""
        return SqlAudit(self._database)

    def close(self) -> None:
        """No connection is open. Another call opens one again."""
        self._database.close()
