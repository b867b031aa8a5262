"""Databases on bad days: each in the words of whoever can act, and well again by itself where that is possible."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import psycopg
import pytest
import sqlalchemy as sa

from gapless.adapters.sql import SqlMetadata
from gapless.adapters.sql.failures import in_our_words
from gapless.errors import Conflict, MissingExtra, NotFound, Refused, SettingsError, StorageError, Transient
from gapless.ports.metadata import AuditEntry, Proposal, Route
from tests.servers import postgres_server

ENTRY = AuditEntry(0, "ada", "promote", "late", "refused")


def decide(metadata, version="1", expected=0):
    return metadata.deployments.decide(
        Proposal("late", "promote", (Route(version),), "", ""), expected=expected, at_us=0
    )


@pytest.fixture
def file(tmp_path):
    SqlMetadata(f"sqlite:///{tmp_path / 'home' / 'metadata.db'}").deployments.revision()
    return tmp_path / "home" / "metadata.db"


def of(file, **options):
    return SqlMetadata(f"sqlite:///{file}", **options)


# ---- SQLite --------------------------------------------------------------------------------------


def test_a_locked_file_is_worth_another_try(file):
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Transient, match="locked"):
            decide(of(file, timeout_s=0.05))
    assert decide(of(file)).id == 1


def test_a_file_that_was_taken_away_is_no_empty_history(file):
    metadata = of(file)
    decide(metadata)
    shutil.move(file.parent, file.parent.with_name("away"))
    with pytest.raises(StorageError, match="cannot be used"):
        metadata.deployments.current()
    shutil.move(file.parent.with_name("away"), file.parent)
    assert metadata.deployments.current()["late"].live == "1"


DAMAGED = (b"no database, and longer than a header of a hundred bytes" * 4, b"SQLite format 3\0" + bytes(500))


@pytest.mark.parametrize("data", DAMAGED, ids=["another format", "zeros"])
def test_a_damaged_file_is_said(file, data):
    file.write_bytes(data)
    for left_over in file.parent.glob("metadata.db-*"):
        left_over.unlink()
    with pytest.raises(StorageError, match=r"metadata\.db"):
        of(file).deployments.revision()


def test_a_folder_in_its_place(tmp_path):
    (tmp_path / "metadata.db").mkdir()
    with pytest.raises(StorageError):
        of(tmp_path / "metadata.db").deployments.revision()


UNPRIVILEGED = """
import os, sys
from gapless.adapters.sql import SqlMetadata
from gapless.errors import GaplessError
from gapless.ports.metadata import AuditEntry
metadata = SqlMetadata(sys.argv[1])
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    metadata.audit.append(AuditEntry(0, "", "", "", ""))
except GaplessError as error:
    print(type(error).__name__)
"""


def test_a_file_without_the_right_to_write(file):
    for path in (file, file.parent, *file.parent.parents[:2]):
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, f"sqlite:///{file}"], capture_output=True, text=True, check=True
    )
    file.parent.chmod(0o755)
    assert done.stdout == "StorageError\n"


FULL = """
import resource, signal, sys
from gapless.adapters.sql import SqlMetadata
from gapless.errors import StorageError
from gapless.ports.metadata import AuditEntry
metadata = SqlMetadata(sys.argv[1])
metadata.deployments.revision()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, resource.RLIM_INFINITY))
try:
    for number in range(1_000):
        metadata.audit.append(AuditEntry(number, "x" * 3_000, "", "", ""))
except StorageError:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    kept = len(metadata.audit.list(limit=10_000))
    metadata.audit.append(AuditEntry(number, "", "", "", ""))
    print(number, kept, len(metadata.audit.list(limit=10_000)))
"""


def test_a_full_disk_loses_nothing_and_is_got_over(file):
    done = subprocess.run([sys.executable, "-c", FULL, f"sqlite:///{file}"], capture_output=True, text=True, check=True)
    refused, kept, after = map(int, done.stdout.split())
    assert refused == kept > 0
    assert after == kept + 1


# ---- Postgres ------------------------------------------------------------------------------------


def test_a_server_that_is_stopped_and_comes_back(tmp_path):
    with postgres_server(tmp_path) as server:
        metadata = SqlMetadata(server.database("metadata"), timeout_s=1)
        decide(metadata)
        server.process.kill()
        with pytest.raises(Transient, match="does not answer"):
            metadata.deployments.current()
        with pytest.raises(Transient):
            decide(metadata, "2", expected=1)
        server.process.start()
        assert decide(metadata, "2", expected=1).id == 2
        metadata.close()


def test_a_server_that_hangs(tmp_path):
    with postgres_server(tmp_path) as server:
        url = server.database("metadata")
        with closing(SqlMetadata(url)) as metadata:
            decide(metadata)
        server.process.pause()
        with closing(SqlMetadata(url, timeout_s=0.1)) as metadata:
            with pytest.raises(Transient):
                metadata.deployments.current()
            server.process.go_on()
            assert metadata.deployments.revision() == 1


def test_nobody_listens(tmp_path):
    with pytest.raises(Transient, match=r"127\.0\.0\.1:9"):
        SqlMetadata("postgresql://ada:secret@127.0.0.1:9/metadata", timeout_s=1).deployments.revision()


def test_a_password_is_in_no_message():
    with pytest.raises(Transient) as error:
        SqlMetadata("postgresql://ada:secret@127.0.0.1:9/metadata", timeout_s=1).deployments.revision()
    assert "secret" not in str(error.value)


def test_what_the_server_does_not_allow(postgres):
    with pytest.raises(Refused, match="does not exist"):
        SqlMetadata(postgres.url.replace("/postgres", "/nowhere")).deployments.revision()
    with pytest.raises(Refused, match="does not exist"):
        SqlMetadata(postgres.url.replace("gapless@", "mallory@")).deployments.revision()


def test_a_user_without_rights(postgres):
    url = postgres.database("rights")
    SqlMetadata(url).deployments.revision()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    reader = SqlMetadata(url.replace("gapless@", "reader@"))
    assert reader.deployments.current() == {}
    with pytest.raises(Refused, match="permission denied"):
        reader.audit.append(ENTRY)
    reader.close()


def test_a_lock_that_somebody_holds(postgres):
    url = postgres.database("locked")
    metadata = SqlMetadata(url, timeout_s=0.2)
    metadata.deployments.revision()
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE decisions IN EXCLUSIVE MODE")
        assert metadata.deployments.revision() == 0
        with pytest.raises(Transient, match="locked"):
            decide(metadata)
    assert decide(metadata).id == 1
    metadata.close()


def test_a_read_only_server(postgres):
    url = postgres.database("standby")
    metadata = SqlMetadata(url)
    metadata.deployments.revision()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE standby SET default_transaction_read_only = on")
    other = SqlMetadata(url)
    assert other.deployments.revision() == 0
    with pytest.raises(StorageError, match="read-only"):
        other.audit.append(ENTRY)
    other.close()
    metadata.close()


def test_postgres_without_its_client():
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from gapless.adapters.sql import SqlMetadata\n"
        "from gapless.errors import MissingExtra\n"
        "try: SqlMetadata('postgresql://localhost/x')\n"
        "except MissingExtra as error: print(error.next_step)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == "pip install 'gapless[postgres]'\n"
    assert issubclass(MissingExtra, ImportError)


# ---- both ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "metadata.db", ""])
def test_other_databases_are_refused(url):
    with pytest.raises(SettingsError, match="stores"):
        SqlMetadata(url)


def test_a_password_of_another_database_is_in_no_message():
    with pytest.raises(SettingsError) as error:
        SqlMetadata("mysql://ada:secret@host/x")
    assert "secret" not in str(error.value)


def test_a_broken_rule_of_the_tables_is_a_conflict():
    broken = sa.exc.IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE constraint failed"))
    with pytest.raises(Conflict), in_our_words("x"):
        raise broken


def test_an_unknown_incident_and_token(opened):
    with pytest.raises(NotFound):
        opened().incidents.close(1, by="", at_us=0)
    with pytest.raises(NotFound):
        opened().tokens.revoke("nobody", at_us=0)
