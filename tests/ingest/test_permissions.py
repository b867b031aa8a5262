"""Rights that are missing, seen from a process that is not root."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.ingest.sources import flights

_SCRIPT = """
import os, sys
from gapless.adapters.delta import DeltaStore
from gapless.errors import GaplessError
from gapless.ingest import ingest
from tests.ingest.sources import departures
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    ingest(DeltaStore(sys.argv[1]), departures(), sys.argv[2])
except GaplessError as problem:
    print(type(problem).__name__, problem)
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are private."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def _said(store: Path, file: Path) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(file.parent)}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(store), str(file)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_file_that_may_not_be_read(shared: Path) -> None:
    path = shared / "a.parquet"
    pq.write_table(flights(), path)
    path.chmod(0o000)
    said = _said(shared / "store", path)
    assert said.startswith("InputError no permission to read the file")
    assert f"chmod +r {path}" in said


def test_a_store_that_may_not_be_written(shared: Path) -> None:
    path = shared / "a.parquet"
    pq.write_table(flights(), path)
    path.chmod(0o644)
    (shared / "store").mkdir(mode=0o555)
    said = _said(shared / "store", path)
    assert said.startswith("StorageError could not write to the store")
    assert "give this user the right to read and write there" in said
