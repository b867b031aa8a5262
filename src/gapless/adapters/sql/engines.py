"""Engines: one for a file of SQLite, one for a server of Postgres, used alike."""

from __future__ import annotations

import sqlite3
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from gapless.adapters.sql.failures import no_driver, wrong_url

__all__ = ["make_engine"]


def make_engine(url: str, *, timeout_s: float) -> tuple[sa.Engine, Path | None]:
    """An engine, and the file where it has one. Nothing is opened yet.

    Raises: SettingsError; MissingExtra.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise wrong_url(url) from None
    kind = parsed.get_backend_name()
    if kind == "sqlite" and parsed.database not in (None, "", ":memory:"):
        file = Path(str(parsed.database))
        return sa.create_engine("sqlite://", creator=_opener(file, timeout_s), poolclass=NullPool), file
    if kind in ("postgresql", "postgres"):
        return _postgres(parsed, timeout_s), None
    raise wrong_url(parsed.render_as_string())


def _opener(file: Path, timeout_s: float) -> Callable[[], sqlite3.Connection]:
    """A connection for each use: cheap for a file, and a process may fork, or the file be replaced, in between."""
    # rw and not rwc: a file that was taken away is an error, and not a new and empty history.
    name = f"file:{urllib.parse.quote(str(file))}?mode=rw"

    def connect() -> sqlite3.Connection:
        made = sqlite3.connect(name, uri=True, isolation_level=None, timeout=timeout_s, check_same_thread=False)
        made.execute("PRAGMA synchronous=FULL")  # an acknowledged decision survives a power cut
        made.execute("PRAGMA foreign_keys=ON")
        return made

    return connect


def _postgres(url: sa.URL, timeout_s: float) -> sa.Engine:
    ms = int(timeout_s * 1000)
    try:
        return sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,  # a server that was started anew is found again
            pool_size=4,
            pool_timeout=timeout_s,
            isolation_level="READ COMMITTED",
            connect_args={
                "connect_timeout": max(2, int(timeout_s)),
                "options": f"-c lock_timeout={ms} -c statement_timeout={2 * ms}",
                "application_name": "gapless",
            },
        )
    except ModuleNotFoundError as error:
        raise no_driver() from error
