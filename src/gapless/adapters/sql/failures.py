"""What a database raises, in our words: who can act, and whether trying again helps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc as sa

from gapless.errors import Conflict, GaplessError, InputError, MissingExtra, Refused, SettingsError, StorageError
from gapless.errors import Transient as TryAgain

__all__ = ["in_our_words", "no_driver", "wrong_url"]

_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_INTERRUPT")
# SQLSTATE classes and codes: permission, authorization, catalog and schema; disk full and read-only.
_SAYS_NO = ("28", "3D", "3F", "42501")
_STORAGE = ("53100", "25006", "58", "XX001", "XX002")
_AGAIN = ("08", "40", "53", "55P03", "57")
# libpq has no code for what happens before it is connected.
_REFUSED_AT_THE_DOOR = re.compile(
    r"authentication failed|no password supplied|pg_hba\.conf|(role|database) \".*\" does not exist|permission denied"
)


@contextmanager
def in_our_words(where: str) -> Iterator[None]:
    """The block's own errors pass; a database's become ours.

    Parameters:
        where — the database's URL without its password.
    """
    try:
        yield
    except sa.DBAPIError as error:
        raise _translated(where, error) from error
    except sa.TimeoutError as error:
        raise _silent(where, str(error)) from error


def wrong_url(seen: str) -> SettingsError:
    """Not a database that holds metadata."""
    return SettingsError(
        "[stores] metadata is not a database that gapless knows",
        seen=seen,
        allowed="sqlite:///FILE or postgresql://USER@HOST:PORT/DATABASE",
        next_step="correct the line in gapless.toml",
    )


def no_driver() -> MissingExtra:
    """Postgres without its client."""
    return MissingExtra("Postgres needs its client, psycopg", "postgres")


def _translated(where: str, error: sa.DBAPIError) -> GaplessError:
    seen = f"{where}: {str(error.orig).strip()}"
    if isinstance(error, sa.IntegrityError):
        return Conflict("somebody else changed it first", seen=seen, next_step="look again, decide again")
    if isinstance(error, sa.DataError):
        return InputError("the database cannot hold this", seen=seen)
    name = getattr(error.orig, "sqlite_errorname", None)
    return _postgres(where, seen, error) if name is None else _sqlite(where, seen, name)


def _sqlite(where: str, seen: str, name: str) -> GaplessError:
    return _silent(where, seen) if name.startswith(_BUSY) else _storage(f"{seen} ({name})")


def _postgres(where: str, seen: str, error: sa.DBAPIError) -> GaplessError:
    code = getattr(error.orig, "sqlstate", None) or ""
    if code.startswith(_STORAGE):
        return _storage(seen)
    if code.startswith(_SAYS_NO) or (not code and _REFUSED_AT_THE_DOOR.search(seen)):
        return Refused("the metadata database says no", seen=seen, next_step="check user, rights and [stores] metadata")
    if not code or code.startswith(_AGAIN) or error.connection_invalidated:
        return _silent(where, seen)
    return _storage(seen)


def _silent(where: str, seen: str) -> TryAgain:
    text = seen if seen.startswith(where) else f"{where}: {seen}"
    return TryAgain(
        "the metadata database is locked or does not answer", seen=text, next_step="start it, or try again in a moment"
    )


def _storage(seen: str) -> StorageError:
    return StorageError(
        "the metadata database cannot be used",
        seen=seen,
        next_step="free the disk, give the permission, or restore a damaged file from its backup",
    )
