"""Decisions and deployments in tables.

decide:  lock ─► current revision = expected? ─► decision ─► its routes ─► deployment ─► audit ─► commit
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from gapless.adapters.sql.audit import audit_row
from gapless.adapters.sql.database import Database
from gapless.adapters.sql.tables import AUDIT, DECISIONS, DEPLOYMENTS, ROUTES
from gapless.adapters.sql.text import checked, from_text, to_text
from gapless.errors import Conflict, InputError
from gapless.ports.metadata import AuditEntry, Decision, Deployment, Proposal, Route

__all__ = ["SqlDeployments"]


class SqlDeployments:
    """See `gapless.ports.metadata.Deployments`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revision(self) -> int:
        """One lookup in an index."""
        with self._database.reading() as connection:
            return _newest(connection)

    def current(self) -> Mapping[str, Deployment]:
        """All models, in one state of the database."""
        with self._database.reading() as connection:
            rows = connection.execute(
                sa.select(DECISIONS.c.model, DECISIONS.c.id, DECISIONS.c.at_us)
                .join(DEPLOYMENTS, DEPLOYMENTS.c.revision == DECISIONS.c.id)
                .order_by(DECISIONS.c.model)
            ).all()
            routes = _routes(connection, [row.id for row in rows])
        return {row.model: Deployment(row.model, row.id, row.at_us, routes[row.id]) for row in rows}

    def at(self, model: str, at_us: int) -> Deployment | None:
        """The newest decision by then."""
        with self._database.reading() as connection:
            row = connection.execute(
                sa.select(DECISIONS.c.id, DECISIONS.c.at_us)
                .where(DECISIONS.c.model == model, DECISIONS.c.at_us <= at_us)
                .order_by(DECISIONS.c.id.desc())
                .limit(1)
            ).first()
            if row is None:
                return None
            return Deployment(model, row.id, row.at_us, _routes(connection, [row.id])[row.id])

    def history(self, model: str | None = None, *, limit: int | None = 50) -> list[Decision]:
        """Decisions, newest first, in one state of the database."""
        wanted = sa.select(DECISIONS).order_by(DECISIONS.c.id.desc()).limit(limit)
        if model is not None:
            wanted = wanted.where(DECISIONS.c.model == model)
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
            routes = _routes(connection, {id for row in rows for id in (row.id, row.previous)})
        return [_decision(row, routes) for row in rows]

    def decide(self, proposal: Proposal, *, expected: int, at_us: int) -> Decision:
        """One transaction; nobody else decides meanwhile. Raises: Conflict; InputError for what cannot be recorded."""
        checked(proposal.model, proposal.kind, proposal.by, proposal.why, *(one.version for one in proposal.routes))
        _check_routes(proposal.routes)
        evidence = to_text(proposal.evidence)
        fault = self._database.fault
        with self._database.writing(DECISIONS) as connection:
            fault("begun", proposal.model)
            before = _deployed(connection, proposal.model)
            if before.revision != expected:
                raise _conflict(proposal.model, before, expected)
            at_us = max(at_us, before.since_us)
            id = _newest(connection) + 1
            fault("read", proposal.model)
            connection.execute(sa.insert(DECISIONS), _row(proposal, id, at_us, expected, evidence))
            fault("decision", proposal.model)
            connection.execute(sa.insert(ROUTES), [_route_row(id, i, one) for i, one in enumerate(proposal.routes)])
            fault("routes", proposal.model)
            _deploy(connection, proposal.model, id, first=expected == 0)
            fault("deployment", proposal.model)
            connection.execute(sa.insert(AUDIT), audit_row(_audited(proposal, id, at_us)))
            fault("audit", proposal.model)
        fault("committed", proposal.model)
        return Decision(
            id,
            proposal.model,
            proposal.kind,
            at_us,
            proposal.by,
            proposal.why,
            before.routes,
            proposal.routes,
            from_text(evidence),
        )


def _check_routes(routes: Sequence[Route]) -> None:
    if [route.role for route in routes].count("main") != 1 or len({route.version for route in routes}) < len(routes):
        raise InputError(
            "not a deployment",
            seen=", ".join(f"{route.version} as {route.role}" for route in routes) or "no route",
            allowed="one main route, and each version once",
        )


def _newest(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.max(DECISIONS.c.id))).scalar() or 0


def _deployed(connection: sa.Connection, model: str) -> Deployment:
    """What is live; revision 0 where nothing is."""
    rows = connection.execute(
        sa.select(DECISIONS.c.id, DECISIONS.c.at_us, ROUTES)
        .join(DEPLOYMENTS, DEPLOYMENTS.c.revision == DECISIONS.c.id)
        .join(ROUTES, ROUTES.c.decision == DECISIONS.c.id)
        .where(DEPLOYMENTS.c.model == model)
        .order_by(ROUTES.c.place)
    ).all()
    if not rows:
        return Deployment(model, 0, 0, ())
    return Deployment(model, rows[0].id, rows[0].at_us, tuple(_route(row) for row in rows))


def _deploy(connection: sa.Connection, model: str, id: int, *, first: bool) -> None:
    if first:
        connection.execute(sa.insert(DEPLOYMENTS), {"model": model, "revision": id})
    else:
        connection.execute(sa.update(DEPLOYMENTS).where(DEPLOYMENTS.c.model == model).values(revision=id))


def _routes(connection: sa.Connection, decisions: Iterable[int]) -> dict[int, tuple[Route, ...]]:
    found: dict[int, tuple[Route, ...]] = dict.fromkeys({*decisions, 0}, ())
    wanted = sa.select(ROUTES).where(ROUTES.c.decision.in_(list(found))).order_by(ROUTES.c.decision, ROUTES.c.place)
    for row in connection.execute(wanted):
        found[row.decision] += (_route(row),)
    return found


def _route(row: Any) -> Route:
    return Route(row.version, row.role, row.weight)


def _decision(row: Any, routes: Mapping[int, tuple[Route, ...]]) -> Decision:
    evidence = from_text(row.evidence)
    before, after = routes[row.previous], routes[row.id]
    return Decision(row.id, row.model, row.kind, row.at_us, row.by_whom, row.why, before, after, evidence)


def _row(proposal: Proposal, id: int, at_us: int, previous: int, evidence: str) -> dict[str, Any]:
    return {
        "id": id,
        "model": proposal.model,
        "kind": proposal.kind,
        "at_us": at_us,
        "by_whom": proposal.by,
        "why": proposal.why,
        "previous": previous,
        "evidence": evidence,
    }


def _route_row(decision: int, place: int, route: Route) -> dict[str, Any]:
    return {
        "decision": decision,
        "place": place,
        "version": route.version,
        "role": route.role,
        "weight": route.weight,
    }


def _audited(proposal: Proposal, id: int, at_us: int) -> AuditEntry:
    facts = {"decision": id, "versions": [one.version for one in proposal.routes], "why": proposal.why}
    return AuditEntry(at_us, proposal.by, proposal.kind, proposal.model, "done", facts)


def _conflict(model: str, found: Deployment, expected: int) -> Conflict:
    live = f"version {found.live}" if found.routes else "nothing"
    return Conflict(
        f"what is live for {model!r} was changed meanwhile",
        seen=f"decision {found.revision}: {live} is live",
        allowed=f"decision {expected}, from which this one was made",
        next_step=f"look at it with gapless deployments {model}, then decide again",
    )
