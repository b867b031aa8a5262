"""What the platform decided and who may ask: deployments, incidents, tokens, the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

__all__ = [
    "MAY",
    "ROLES",
    "Audit",
    "AuditEntry",
    "Decision",
    "Deployment",
    "Deployments",
    "Incident",
    "Incidents",
    "Metadata",
    "Proposal",
    "Role",
    "Route",
    "Token",
    "Tokens",
]

Role = Literal["read", "predict", "push", "deploy", "admin"]
MAY: Mapping[Role, frozenset[Role]] = {
    "read": frozenset[Role](["read"]),
    "predict": frozenset[Role](["read", "predict"]),
    "push": frozenset[Role](["push"]),  # who sends events need not see what becomes of them
    "deploy": frozenset[Role](["read", "predict", "push", "deploy"]),
    "admin": frozenset[Role](["read", "predict", "push", "deploy", "admin"]),
}
"""By role, the roles whose doings it may do."""
ROLES: tuple[Role, ...] = tuple(MAY)
"""What a token may do, each with all before it: features and descriptions; predictions; promotions; tokens."""


@dataclass(frozen=True)
class Route:
    """A version and the traffic that it gets.

    Parameters:
        role — "main" answers; "fallback" answers where those before it cannot, in order; "shadow" is asked and not
            heard; "split" answers its share.
        weight — the share of a split, from 0 to 1; 1 for every other role.
    """

    version: str
    role: Literal["main", "fallback", "shadow", "split"] = "main"
    weight: float = 1.0


@dataclass(frozen=True)
class Proposal:
    """A decision before it is one.

    Parameters:
        kind — "promote" or "rollback".
        by — who: a person, a token's name, or a policy.
        evidence — gates with their outcomes, metrics compared, hashes: plain values, kept for good.
    """

    model: str
    kind: str
    routes: tuple[Route, ...]
    by: str
    why: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """An immutable record: what was live before, what after, who said so and on what grounds."""

    id: int
    model: str
    kind: str
    at_us: int
    by: str
    why: str
    before: tuple[Route, ...]
    after: tuple[Route, ...]
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class Deployment:
    """Which versions answer for a model. `revision` is the id of the decision that made it so."""

    model: str
    revision: int
    since_us: int
    routes: tuple[Route, ...]

    @property
    def live(self) -> str:
        """The version that answers first."""
        return next(route.version for route in self.routes if route.role == "main")


class Deployments(Protocol):
    """Decisions, and the deployments that follow from them."""

    def revision(self) -> int:
        """The id of the newest decision of any model, 0 where there is none: cheap enough to ask twice a second."""
        ...

    def current(self) -> Mapping[str, Deployment]:
        """What is live now, by model; without the models that were never promoted."""
        ...

    def at(self, model: str, at_us: int) -> Deployment | None:
        """What was live at an instant."""
        ...

    def history(self, model: str | None = None, *, limit: int | None = 50) -> list[Decision]:
        """Decisions, newest first; all of them where `limit` is None."""
        ...

    def decide(self, proposal: Proposal, *, expected: int, at_us: int) -> Decision:
        """The decision is recorded and in force, in one transaction.

        Parameters:
            expected — the revision of the model's deployment that the proposal was made from; 0: none.

        Raises: Conflict where another decision came first; InputError for routes without one main version or with a
            version twice, and for evidence that is no plain values. Nothing is changed then.

        Guarantees: `at_us` of a model's decisions never goes back: a clock that does is held at the last one. The line
            in the audit trail is part of the transaction.
        """
        ...


@dataclass(frozen=True)
class Incident:
    """Something that a person must look at.

    Parameters:
        id — 0 for one that is not recorded yet.
        subject — what it is about, such as a model's name.
        kind — a short code, such as "swap_refused".
        times — how often it was reported while open.
    """

    kind: str
    subject: str
    what: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0
    opened_us: int = 0
    last_us: int = 0
    times: int = 1
    closed_us: int | None = None
    closed_by: str = ""


class Incidents(Protocol):
    """Open until somebody closes them."""

    def report(self, incident: Incident, *, at_us: int) -> Incident:
        """The incident is open: a new one, or the open one of that kind, subject and text, counted once more."""
        ...

    def list(self, *, open_only: bool = True, limit: int = 50) -> list[Incident]:
        """Incidents, newest first."""
        ...

    def close(self, id: int, *, by: str, at_us: int) -> Incident:
        """Closed, with a line in the audit trail; one that is closed already stays as it is.

        Raises: NotFound.
        """
        ...


@dataclass(frozen=True)
class Token:
    """Who may ask, and how much. The secret itself is nowhere.

    Parameters:
        id — public, the first part of the token.
        digest — sha256 of the secret part, 32 bytes.
        per_second — requests; None: no limit of its own.
    """

    id: str
    name: str
    role: Role
    digest: bytes
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None
    per_second: float | None = None


class Tokens(Protocol):
    """Access tokens by their public id. A change and its line in the audit trail are one transaction."""

    def add(self, token: Token, *, by: str = "") -> None:
        """Raises: InputError where one of that name is in force already."""
        ...

    def list(self) -> list[Token]:
        """Every token, revoked ones too, oldest first."""
        ...

    def revoke(self, name: str, *, at_us: int, by: str = "") -> Token:
        """Raises: NotFound."""
        ...


@dataclass(frozen=True)
class AuditEntry:
    """Who changed what, when; also what was refused."""

    at_us: int
    by: str
    action: str
    subject: str
    outcome: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Audit(Protocol):
    """The trail: appended to, never changed."""

    def append(self, entry: AuditEntry) -> None:
        """One more line, on stable storage."""
        ...

    def list(self, *, limit: int = 100) -> list[AuditEntry]:
        """Entries, newest first."""
        ...


class Metadata(Protocol):
    """The platform's database, one capability at a time.

    Raises, from every method of each: Transient where the database is locked or does not answer (nothing was changed:
    call again), Refused where it says no, StorageError for a full or damaged disk under an embedded one.
    """

    @property
    def deployments(self) -> Deployments:
        """Which versions answer, and why."""
        ...

    @property
    def incidents(self) -> Incidents:
        """What a person must look at."""
        ...

    @property
    def tokens(self) -> Tokens:
        """Who may ask."""
        ...

    @property
    def audit(self) -> Audit:
        """Who changed what."""
        ...

    def close(self) -> None:
        """No connection is open."""
        ...
