"""Transactions of the metadata database: reading ones, writing ones, and the schema at the first of them."""

from __future__ import annotations

import fcntl
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from gapless.adapters.sql.engines import make_engine
from gapless.adapters.sql.failures import in_our_words
from gapless.adapters.sql.migrating import bring_forward, is_current
from gapless.errors import StorageError
from gapless.faults import Fault

__all__ = ["Database"]

# "gapless" as a number: processes that open an empty database at once take turns at this lock.
_SCHEMA_LOCK = 0x6761706C657373


class Database:
    """One database; its tables are made when it is first used. Safe for threads, and for forks on SQLite."""

    def __init__(self, url: str, *, timeout_s: float, fault: Fault) -> None:
        self._engine, self._file = make_engine(url, timeout_s=timeout_s)
        self._where = sa.make_url(url).render_as_string(hide_password=True)
        self._lock = threading.Lock()
        self._ready = False
        self.fault = fault
        weakref.finalize(self, self._engine.dispose)  # whoever forgets to close leaves no connection behind

    @property
    def dialect(self) -> str:
        """ "sqlite" or "postgresql"."""
        return self._engine.dialect.name

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One state of the database for the whole block."""
        with in_our_words(self._where):
            self._prepare()
            with self._engine.connect() as connection:
                yield self._begun(connection, "BEGIN")

    @contextmanager
    def writing(self, *tables: sa.Table) -> Iterator[sa.Connection]:
        """A transaction, committed at the end of the block, with nobody else writing to these tables meanwhile."""
        with in_our_words(self._where):
            self._prepare()
            with self._engine.connect() as connection:
                self._begun(connection, "BEGIN IMMEDIATE")
                if tables and self._file is None:  # SQLite has one writer in any case
                    names = ", ".join(table.name for table in tables)
                    connection.execute(sa.text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))
                yield connection
                connection.commit()

    def close(self) -> None:
        """No connection is open."""
        self._engine.dispose()

    def _begun(self, connection: sa.Connection, sqlite: str) -> sa.Connection:
        if self._file is not None:
            # Python's driver begins transactions late, and never so that the write lock is had at once.
            connection.exec_driver_sql(sqlite)
        elif sqlite == "BEGIN":
            connection.execution_options(isolation_level="REPEATABLE READ")
        return connection

    def _prepare(self) -> None:
        if self._ready:
            return
        with self._lock:
            if not self._ready:
                self._make_tables()
                self._ready = True

    def _make_tables(self) -> None:
        with self._alone(), self._engine.connect() as connection:
            if self._file is not None:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # readers go on while somebody writes
                connection.commit()
            if is_current(connection):
                return
            connection.rollback()
            if self._file is None:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            bring_forward(connection)
            connection.commit()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """SQLite changes its journal outside of transactions: one process at a time."""
        if self._file is None:
            yield
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            lock = self._file.with_name(f"{self._file.name}.lock").open("ab")
            self._file.touch()
        except OSError as error:
            raise StorageError("the metadata database cannot be written", seen=f"{self._where}: {error}") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, also by a kill
            yield
