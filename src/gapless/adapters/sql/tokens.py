"""Access tokens in a table; of a secret there is only its digest."""

from __future__ import annotations

import builtins
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from gapless.adapters.sql.audit import audit_row
from gapless.adapters.sql.database import Database
from gapless.adapters.sql.tables import AUDIT, TOKENS
from gapless.adapters.sql.text import checked
from gapless.errors import InputError, NotFound
from gapless.ports.metadata import AuditEntry, Token

__all__ = ["SqlTokens"]


class SqlTokens:
    """See `gapless.ports.metadata.Tokens`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: Token, *, by: str = "") -> None:
        """With its line in the audit trail. Raises: InputError."""
        checked(token.id, token.name, by)
        with self._database.writing(TOKENS) as connection:
            if any(_is_in_force(one, token.created_us) for one in _named(connection, token.name)):
                raise InputError(
                    "a token of that name is in force already",
                    seen=token.name,
                    next_step=f"take another name, or first: gapless token revoke {token.name}",
                )
            connection.execute(sa.insert(TOKENS), asdict(token))
            facts = {"id": token.id, "role": token.role, "expires_us": token.expires_us}
            entry = AuditEntry(token.created_us, by, "token create", token.name, "done", facts)
            connection.execute(sa.insert(AUDIT), audit_row(entry))

    def list(self) -> builtins.list[Token]:
        """Every token, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(TOKENS).order_by(TOKENS.c.created_us, TOKENS.c.id))
            return [_token(row) for row in rows]

    def revoke(self, name: str, *, at_us: int, by: str = "") -> Token:
        """With its line in the audit trail. Raises: NotFound."""
        checked(name, by)
        with self._database.writing(TOKENS) as connection:
            found = [one for one in _named(connection, name) if one.revoked_us is None]
            if not found:
                raise NotFound("no token of that name is in force", seen=name, next_step="gapless token list")
            ids = [one.id for one in found]
            connection.execute(sa.update(TOKENS).where(TOKENS.c.id.in_(ids)).values(revoked_us=at_us))
            entry = AuditEntry(at_us, by, "token revoke", name, "done", {"ids": ids})
            connection.execute(sa.insert(AUDIT), audit_row(entry))
        return replace(found[-1], revoked_us=at_us)


def _named(connection: sa.Connection, name: str) -> list[Token]:
    wanted = sa.select(TOKENS).where(TOKENS.c.name == name).order_by(TOKENS.c.created_us, TOKENS.c.id)
    return [_token(row) for row in connection.execute(wanted)]


def _is_in_force(token: Token, at_us: int) -> bool:
    return token.revoked_us is None and (token.expires_us is None or token.expires_us > at_us)


def _token(row: Any) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        role=row.role,
        digest=bytes(row.digest),
        created_us=row.created_us,
        expires_us=row.expires_us,
        revoked_us=row.revoked_us,
        per_second=row.per_second,
    )
