"""The schema of a database: made where there is none, brought forward where it is older, a newer one left alone."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from gapless.adapters.sql.tables import VERSIONS
from gapless.errors import SettingsError

__all__ = ["HEAD", "bring_forward", "is_current"]

HEAD = "0001"
"""The newest migration; a test holds it to the folder."""
_FOLDER = Path(__file__).with_name("migrations")


def is_current(connection: sa.Connection) -> bool:
    """Whether the tables are those of this release.

    Raises: SettingsError where a newer release made them.
    """
    if not sa.inspect(connection).has_table(VERSIONS.name):
        return False
    version = connection.execute(sa.select(VERSIONS.c.version_num)).scalar()
    if version is not None and version > HEAD:
        raise SettingsError(
            "the metadata database was made by a newer gapless",
            seen=f"schema {version}",
            allowed=f"up to {HEAD}",
            next_step="upgrade gapless, or name another database in [stores] metadata",
        )
    return bool(version == HEAD)


def bring_forward(connection: sa.Connection) -> None:
    """The tables are those of this release.

    Parameters:
        connection — in a transaction that no other process has at the same time; the caller commits it.
    """
    if is_current(connection):
        return
    # Loaded where there is something to do: it costs a quarter of a second.
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(_FOLDER))
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": VERSIONS.name,
            "script": script,
            "fn": lambda revision, context: script._upgrade_revs(HEAD, revision),
        },
    )
    with context.begin_transaction(_per_migration=False):
        _run(context)


def _run(context: object) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    assert isinstance(context, MigrationContext)
    with Operations.context(context):
        context.run_migrations()
