"""What a person calls to decide which version answers and who may ask; the work is in `workspace.decisions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gapless.workspace.parts import Parts

if TYPE_CHECKING:
    from gapless.deploying import Decided, Issued
    from gapless.ports.metadata import Decision, Incident, Token

__all__ = ["Deploying"]


class Deploying(Parts):
    """The part of a `Workspace` that puts versions into force, takes them back, and gives access."""

    def promote(
        self,
        model: str,
        version: str,
        *,
        why: str = "",
        by: str | None = None,
        fallbacks: Sequence[str] | None = None,
        force: bool = False,
        allow_pickle: bool = False,
    ) -> Decided:
        """The version answers for the model from now on, once it passes every gate; servers notice within a second.

        Parameters:
            by — who says so; None: the user who runs this.
            fallbacks — versions that answer where it cannot, in order; None: the one that is live now, where it passes.
            force — decide although a gate that is not of integrity is shut; `why` must say why.
            allow_pickle — permit versions with runtime="python".

        Raises: GateFailed naming each gate that is shut; Conflict where somebody else decided meanwhile; InputError,
            NotFound; Transient, Refused, StorageError. Nothing is changed then.

        Guarantees: one transaction with its record; refusals are in the audit trail. A tracker that is away afterwards
            changes nothing: `notes` says so.
        """
        from gapless.deploying import Promotion
        from gapless.workspace.decisions import promote, user

        chain = None if fallbacks is None else tuple(fallbacks)
        return promote(self, Promotion(model, version, by or user(), why, chain, force, allow_pickle))

    def rollback(self, model: str, *, why: str = "", by: str | None = None) -> Decided:
        """What was live before the newest promotion is live again; called again, it goes back further.

        Raises: NotFound where nothing was live before; GateFailed where its bundle cannot be read or is another one;
            Conflict; Transient, Refused, StorageError.
        """
        from gapless.deploying import Rollback
        from gapless.workspace.decisions import rollback, user

        return rollback(self, Rollback(model, by or user(), why))

    def deployed(self, model: str | None = None, *, at_us: int | None = None) -> list[Decision]:
        """The decisions in force, one for each model: what is live, since when, who said so and why.

        Parameters:
            at_us — what was in force at that instant; None: now.

        Raises: NotFound for a model that was never promoted.
        """
        from gapless.workspace.decisions import deployed

        return deployed(self, model, at_us)

    def decisions(self, model: str | None = None, *, limit: int = 50) -> list[Decision]:
        """Every decision ever taken, newest first."""
        return self.metadata.deployments.history(model, limit=limit)

    def mirror_aliases(self) -> str | None:
        """The tracker's alias `live` of every model is at what is live; None, or why it is not yet."""
        from gapless.workspace.aliases import mirror

        return mirror(self)

    def issue_token(
        self,
        name: str,
        role: str,
        *,
        expires_us: int | None = None,
        per_second: float | None = None,
        by: str | None = None,
    ) -> Issued:
        """A new access token; its text is in the result and nowhere else.

        Parameters:
            role — one of read, predict, deploy, admin; each may do what those before it may.
            expires_us — when it stops to hold, in µs UTC; None: never.
            per_second — requests that are admitted; None: no limit of its own.

        Raises: InputError for a name that is in use or a value that cannot be.
        """
        from gapless.workspace.decisions import issue_token, user

        return issue_token(self, name, role, expires_us=expires_us, per_second=per_second, by=by or user())

    def revoke_token(self, name: str, *, by: str | None = None) -> Token:
        """The token is not admitted any more, by servers within a second. Raises: NotFound."""
        from gapless.workspace.decisions import revoke_token, user

        return revoke_token(self, name, by=by or user())

    def close_incident(self, id: int, *, by: str | None = None) -> Incident:
        """Somebody has looked at it. Raises: NotFound."""
        from gapless.workspace.decisions import close_incident, user

        return close_incident(self, id, by=by or user())
