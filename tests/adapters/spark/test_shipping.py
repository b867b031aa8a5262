"""Executors run this very package: one that is there, or one that is brought."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gapless
from gapless.adapters.spark import ship
from gapless.adapters.spark.probing import digest_of, files_of
from gapless.adapters.spark.shipping import archive
from gapless.adapters.spark.unpacking import own_folder, unpack
from gapless.errors import Transient
from tests.adapters.spark.pythons import python_without
from tests.spark import cluster_session, spark_cluster

HERE = digest_of(files_of(Path(str(gapless.__file__)).parent))

SCORE = """
def score(rows):
    import sys
    import gapless
    from gapless.expr import column, compile_columns
    from gapless.schema import Type
    from gapless.windows import jit
    import pyarrow as pa
    out = compile_columns({"out": column("x", Type.FLOAT).log()})(pa.record_batch({"x": [2.0, 0.0]}))
    yield gapless.__file__, out.column("out").to_pylist(), jit.digest(jit.FILES)
"""

DRIVER = f"""
import json, os, sys
from gapless.adapters.spark import open_session, ship
from gapless.errors import SettingsError
{SCORE}
def answers(python):
    os.environ["PYSPARK_PYTHON"] = python
    small = {{"spark.driver.memory": "512m", "spark.executor.memory": "512m"}}
    session = open_session(os.environ["MASTER"], settings=small)
    try:
        found = [[one.package, one.libraries] for one in ship(session)]
        return found, session.sparkContext.parallelize(range(2), 2).mapPartitions(score).collect()
    except SettingsError as error:
        return error.to_dict()
    finally:
        session.stop()
print(json.dumps([answers(python) for python in sys.argv[1:]]))
"""


def drive(folder: Path, *pythons: str, master: str = "local[2]") -> list:
    """One answer for each Python of executors, from a program of its own."""
    environment = {**os.environ, "TMPDIR": str(folder), "PYSPARK_DRIVER_PYTHON": sys.executable, "MASTER": master}
    command = [sys.executable, "-c", DRIVER, *pythons]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_executors_that_have_the_package_get_nothing(spark):
    (executor,) = ship(spark)
    assert (executor.package, executor.python) == (HERE, sys.executable)
    assert executor.version == sys.version.split()[0]
    assert spark.sparkContext._python_includes == []


def test_the_package_is_brought_and_kept_and_what_cannot_be_is_named(tmp_path):
    bare = python_without(tmp_path / "bare", "gapless")
    poor = python_without(tmp_path / "poor", "gapless", "numba", "tzdata")
    brought, again, refused, nowhere = drive(tmp_path, str(bare), str(bare), str(poor), str(tmp_path / "no" / "python"))

    for found, scored in (brought, again):
        assert [package for package, _ in found] == [None]
        assert [file for file, _, _ in scored] == [scored[0][0]] * 2
        assert [values for _, values, _ in scored] == [[0.6931471805599453, None]] * 2
    folder = Path(brought[1][0][0]).parent
    assert Path(again[1][0][0]).parent == folder
    assert HERE in str(folder)
    assert digest_of(files_of(folder)) == HERE
    assert list(folder.rglob("*.nbc")), "compiled code is kept beside the unpacked files"

    assert refused["error"] == "SettingsError"
    assert refused["seen"].endswith(": numba, tzdata")
    assert "-m pip install 'numba==" in refused["next_step"]
    assert str(poor) in refused["next_step"]
    assert "have no such Python" in nowhere["what"]


def test_executors_of_a_cluster_get_it_too_and_work_goes_on_without_one(tmp_path):
    with spark_cluster(tmp_path) as cluster:
        bare = python_without(tmp_path / "bare", "gapless")
        ((found, scored),) = drive(tmp_path, str(bare), master=cluster.url)
        assert [package for package, _ in found] == [None, None]
        assert [values for _, values, _ in scored] == [[0.6931471805599453, None]] * 2
        assert all(HERE in file for file, _, _ in scored)

        session = cluster_session(cluster)
        try:
            assert [one.package for one in ship(session)] == [HERE, HERE]
            cluster.kill_worker(0)
            assert session.sparkContext.parallelize(range(8), 4).map(abs).sum() == 28
            cluster.start_worker(0)
            assert session.sparkContext.parallelize(range(8), 4).map(abs).sum() == 28
        finally:
            session.stop()


def test_a_cluster_that_gives_nothing_is_not_waited_for_forever(tmp_path):
    with spark_cluster(tmp_path, workers=0) as cluster:
        session = cluster_session(cluster)
        try:
            with pytest.raises(Transient, match="gave no executor") as refused:
                ship(session, timeout_s=0.5)
            assert refused.value.where == cluster.url
        finally:
            session.stop()


def test_another_package_of_the_name_gives_way(tmp_path):
    """What is imported from the archive is this package, though an older one stands on the path."""
    (tmp_path / "old" / "gapless").mkdir(parents=True)
    (tmp_path / "old" / "gapless" / "__init__.py").write_text("__version__ = '0'\n")
    content, digest = archive()
    path = tmp_path / f"gapless-{digest}.zip"
    path.write_bytes(content)
    code = "import gapless, gapless.expr; print(gapless.__file__); print(gapless.expr.__file__)"
    environment = {"PYTHONPATH": f"{path}:{tmp_path / 'old'}", "TMPDIR": str(tmp_path)}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    package, room = done.stdout.splitlines()
    assert Path(room).parent.parent == Path(package).parent
    assert digest_of(files_of(Path(package).parent)) == digest == HERE


def test_the_archive_is_the_same_each_time():
    assert archive() == archive()


def test_many_unpack_at_once_and_a_strangers_folder_is_not_used(tmp_path):
    content, digest = archive()
    path = tmp_path / f"gapless-{digest}.zip"
    path.write_bytes(content)
    code = (
        "import sys; from pathlib import Path; from gapless.adapters.spark.unpacking import unpack;"
        "print(unpack(Path(sys.argv[1]), Path(sys.argv[2])))"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    folders = {run.communicate()[0].strip() for run in runs}
    assert folders == {str(unpack(path, tmp_path))}
    home = own_folder(tmp_path)
    assert [entry.name for entry in home.iterdir()] == [path.stem]
    home.chmod(0o777)
    assert own_folder(tmp_path) != home


@pytest.mark.parametrize("change", [{"a.py": b"1"}, {"b.py": b""}, {"a.py": b"", "b.py": b""}, {}])
def test_a_digest_tells_contents_apart(change):
    assert digest_of(change) != digest_of({"a.py": b""})
