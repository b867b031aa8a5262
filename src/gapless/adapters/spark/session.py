"""Opening a Spark session, or joining the one that this process has."""

from __future__ import annotations

import os
import socket
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from gapless.adapters.spark.failures import java_missing, not_opened, other_master, other_setting, unreachable
from gapless.adapters.spark.masters import Master, spark_master

__all__ = ["open_session"]

_NONE: Mapping[str, str] = MappingProxyType({})
_PYTHONS = ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON")
_QUIET = Path(__file__).with_name("quiet.properties").as_uri()

_SETTINGS: Mapping[str, str] = {
    "spark.app.name": "gapless",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_QUIET}",
    # Our blocks are compressed where they are made.
    "spark.shuffle.compress": "false",
    "spark.shuffle.spill.compress": "false",
}
_SQL_SETTINGS: Mapping[str, str] = {
    # A row may hold a block of many rows of ours: batches between Java and Python are cut by bytes.
    "spark.sql.execution.arrow.maxBytesPerBatch": str(64 << 20),
}
_LOOPBACK: Mapping[str, str] = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


def open_session(master: str | Master, *, settings: Mapping[str, str] = _NONE, timeout_s: float = 10.0) -> SparkSession:
    """A session on `master`, with the running interpreter as the Python of its executors.

    A process has one Spark context. Where it is there already, on the same master, the answer is a session of its own
    on that context, with SQL settings of its own; whoever made the context ends it. Else the context is made, and
    `session.stop()` ends it.

    Parameters:
        master — as `spark_master` reads it.
        settings — more of Spark's settings, by name; they win over ours.
        timeout_s — how long a standalone master may take to answer.

    Raises:
        SettingsError — not a master; Java is missing; the context that is there has another master or setting.
        Transient — no master answers at the address.
    Guarantees: the session's time zone and ANSI mode are left alone, and nothing of ours depends on them.
    Cost: 4 to 20 s for the first one of a process, milliseconds for others.
    """
    wanted = spark_master(master) if isinstance(master, str) else master
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    there = SparkContext._active_spark_context
    return _opened(wanted, settings, timeout_s) if there is None else _joined(there, wanted, settings)


def _joined(context: SparkContext, master: Master, settings: Mapping[str, str]) -> SparkSession:
    if context.master != master.url:
        raise other_master(str(context.master), master.url)
    for name, value in settings.items():
        if not name.startswith("spark.sql.") and context.getConf().get(name) != value:
            raise other_setting(name, context.getConf().get(name), value)
    session = SparkSession.builder.getOrCreate().newSession()
    for name, value in {**_SQL_SETTINGS, **settings}.items():
        if session.conf.isModifiable(name):
            session.conf.set(name, value)
    return session


def _opened(master: Master, settings: Mapping[str, str], timeout_s: float) -> SparkSession:
    _reach(master, timeout_s)
    for name in _PYTHONS:  # Spark reads them from the environment, here and in its Java process
        os.environ.setdefault(name, sys.executable)
    loopback = _LOOPBACK if master.is_loopback else _NONE
    conf = SparkConf().setMaster(master.url).setAll([*{**_SETTINGS, **_SQL_SETTINGS, **loopback, **settings}.items()])
    try:
        return SparkSession.builder.config(conf=conf).getOrCreate()
    except PySparkException as problem:
        raise (
            java_missing() if problem.getCondition() == "JAVA_GATEWAY_EXITED" else not_opened(master, problem)
        ) from None
    except Py4JError as problem:
        raise not_opened(master, problem) from None


def _reach(master: Master, timeout_s: float) -> None:
    """Spark itself would try for a minute, and end the process's only context."""
    refusals = []
    for host, port in master.addresses:
        try:
            socket.create_connection((host.strip("[]"), port), timeout_s).close()
            return
        except OSError as problem:
            refusals.append(f"{host}:{port}: {problem}")
    if refusals:
        raise unreachable(master, refusals)
