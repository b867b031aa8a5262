"""One context for a process, told apart by its master; what is missing is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gapless.adapters.spark import open_session
from gapless.errors import SettingsError
from tests.servers import free_port


def run(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program of its own: this process has its context already."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYSPARK_")} | environment
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, env=environ)


def test_the_context_is_joined_and_sql_settings_are_ones_own(spark):
    other = open_session("spark:local[2]", settings={"spark.sql.session.timeZone": "Asia/Kolkata"})
    assert other.sparkContext is spark.sparkContext
    assert other.conf.get("spark.sql.session.timeZone") == "Asia/Kolkata"
    assert spark.conf.get("spark.sql.session.timeZone") != "Asia/Kolkata"
    assert [row.id for row in other.range(3).collect()] == [0, 1, 2]


def test_executors_run_the_interpreter_of_the_driver(spark):
    context = spark.sparkContext
    assert context.parallelize([0], 1).map(lambda _: __import__("sys").executable).collect() == [sys.executable]
    assert context.getConf().get("spark.driver.host") == "127.0.0.1"
    assert context.uiWebUrl is None


def test_a_context_on_another_master_or_with_another_setting_is_named(spark):
    with pytest.raises(SettingsError, match="session on another master") as refused:
        open_session("local[3]")
    assert refused.value.seen == "local[2,4]"
    with pytest.raises(SettingsError, match=r"another spark\.driver\.memory") as refused:
        open_session("local[2]", settings={"spark.driver.memory": "9g"})
    assert refused.value.allowed == "9g"
    assert open_session("local[2]", settings={"spark.driver.memory": "1g"}).sparkContext is spark.sparkContext


CLOSED = """
from gapless.adapters.spark import open_session
from gapless.errors import Transient
from pyspark import SparkContext
try:
    open_session("spark://127.0.0.1:{one},127.0.0.1:{two}", timeout_s=2)
except Transient as error:
    print(error, SparkContext._gateway)
"""


def test_a_master_that_is_not_there_is_named_before_java_starts(tmp_path):
    one, two = free_port(), free_port()
    done = run(CLOSED.format(one=one, two=two), tmp_path)
    assert f"127.0.0.1:{one}: " in done.stdout
    assert f"127.0.0.1:{two}: " in done.stdout
    assert "no Spark master answers" in done.stdout
    assert done.stdout.rstrip().endswith("None")


NO_JAVA = """
from gapless.adapters.spark import open_session
try:
    open_session("local[1]")
except ValueError as error:
    print(error)
"""


def test_a_machine_without_java_is_told_what_to_install(tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "dirname", "env"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    done = run(NO_JAVA, tmp_path, PATH=str(programs), JAVA_HOME="")
    assert "Spark's Java process did not start" in done.stdout, done.stderr
    assert "default-jre-headless" in done.stdout


NO_PYSPARK = """
import sys
sys.modules["pyspark"] = None  # as an import sees what is not installed
try:
    import gapless.adapters.spark
except ImportError as error:
    print(error)
"""


def test_a_missing_extra_gives_the_install_line(tmp_path):
    assert "pip install 'gapless[spark]'" in run(NO_PYSPARK, tmp_path).stdout


OPENED = """
import os, sys
from gapless.adapters.spark import open_session
session = open_session("local[1]", settings={"spark.driver.memory": "512m"})
assert os.environ["PYSPARK_PYTHON"] == sys.executable
session.stop()
print("done", os.listdir("."))
"""


def test_a_session_says_nothing_and_leaves_nothing(tmp_path):
    done = run(OPENED, tmp_path)
    assert done.stdout == "done []\n", done.stderr
    said = [line for line in done.stderr.splitlines() if "incubator modules" not in line]  # Java's own
    assert said == []
