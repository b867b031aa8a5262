"""The migrations build the tables that the code speaks of, and leave everything else alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import gapless.adapters.sql
from gapless.adapters.sql import SqlMetadata
from gapless.adapters.sql.engines import make_engine
from gapless.adapters.sql.migrating import HEAD
from gapless.adapters.sql.tables import METADATA, VERSIONS
from gapless.errors import SettingsError

FOLDER = Path(gapless.adapters.sql.__file__).with_name("migrations")


@contextmanager
def connected(url):
    engine, _ = make_engine(url, timeout_s=5)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_the_newest_migration_is_the_one_that_the_code_wants():
    assert ScriptDirectory(str(FOLDER)).get_heads() == [HEAD]


def test_migrations_build_what_the_code_speaks_of(opened, url):
    opened().deployments.revision()
    with connected(url) as connection:
        options = {"version_table": VERSIONS.name, "compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
        tables = sa.inspect(connection).get_table_names()
    assert set(tables) == {VERSIONS.name, *METADATA.tables}


def test_tables_of_others_are_left_alone(opened, url):
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).touch()
    with connected(url) as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num TEXT)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('of another tool')"))
        connection.commit()
    assert opened().deployments.revision() == 0
    with connected(url) as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).all() == [("of another tool",)]


def test_a_newer_database_is_refused(opened, url):
    opened().deployments.revision()
    with connected(url) as connection:
        connection.execute(sa.update(VERSIONS).values(version_num="9999"))
        connection.commit()
    with pytest.raises(SettingsError, match="newer gapless") as error:
        opened().deployments.revision()
    assert "9999" in str(error.value)
    assert "upgrade" in error.value.next_step


def test_sqlite_reads_go_on_while_somebody_writes(tmp_path):
    url = f"sqlite:///{tmp_path / 'metadata.db'}"
    metadata = SqlMetadata(url, timeout_s=0.1)
    assert metadata.deployments.revision() == 0
    with closing(sqlite3.connect(tmp_path / "metadata.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert metadata.deployments.revision() == 0
        assert metadata.tokens.list() == []


def test_opening_what_is_current_does_not_load_the_migrations(tmp_path):
    url = f"sqlite:///{tmp_path / 'metadata.db'}"
    SqlMetadata(url).deployments.revision()
    code = (
        "import sys; from gapless.adapters.sql import SqlMetadata; "
        "SqlMetadata(sys.argv[1]).deployments.revision(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
