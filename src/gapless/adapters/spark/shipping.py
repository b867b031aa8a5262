"""The package beside every executor: asked for, and brought where it is missing or another one."""

from __future__ import annotations

import importlib.metadata
import io
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from py4j.protocol import Py4JError
from pyspark import cloudpickle
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from gapless.adapters.spark import probing, unpacking
from gapless.adapters.spark.failures import no_executors, probe_failed, unequipped

__all__ = ["LIBRARIES", "Executor", "archive", "ship", "travelling_whole"]

LIBRARIES = ("numba", "numpy", "pyarrow", "tzdata")
"""What row expressions and windows stand on. More is asked for by who needs it: onnxruntime for scores."""
_PACKAGE = Path(__file__).parents[2]
_PAUSE_S = 0.05
_DATE = (1980, 1, 1, 0, 0, 0)
_TRIES = 5


@dataclass(frozen=True)
class Executor:
    """What one executor's Python said.

    Parameters:
        host, python, version — where it is, its program, its version.
        package — a digest of the package's files that an import gives there; None for no package.
        libraries — name → version, None where it is missing.
    """

    host: str
    python: str
    version: str
    package: str | None
    libraries: Mapping[str, str | None]


def ship(
    session: SparkSession, *, libraries: Sequence[str] = LIBRARIES, timeout_s: float = 60.0
) -> tuple[Executor, ...]:
    """Every executor of the session imports this very package afterwards; the answer says what was found before.

    Call it before tasks import the package: a Python that has imported another one keeps it. Where all have it nothing
    is sent. Executors that join later get it too, where it was sent.

    Parameters:
        libraries — distributions that tasks will need; they are asked for and not sent.
        timeout_s — how long a cluster may take to give the first executor.

    Raises:
        SettingsError — a library is missing, with host and install line; another version of Python.
        Transient — the cluster gives no executor.
    Guarantees: the package that is sent is unpacked once per machine, user and content, so compiled code is kept.
    Cost: one job of a task per core, some 0.2 s of it; 2 MB when the package is sent.
    """
    _wait_for_executors(session, timeout_s)
    found = _ask(session, libraries)
    _require(found, libraries)
    content, digest = archive()
    if any(executor.package != digest for executor in found):
        _send(session, content, digest)
    return found


def archive() -> tuple[bytes, str]:
    """This package as an archive that unpacks itself when it is imported, and the digest of its files."""
    files = probing.files_of(_PACKAGE)
    made = {f"{unpacking.INSIDE}gapless/{name}": content for name, content in files.items()}
    made["gapless/__init__.py"] = Path(unpacking.__file__).read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in made.items():
            opened.writestr(zipfile.ZipInfo(name, _DATE), content)
    return buffer.getvalue(), probing.digest_of(files)


def _send(session: SparkSession, content: bytes, digest: str) -> None:
    """The file stays where it is while the session lives: Spark serves it from there."""
    folder = Path(tempfile.mkdtemp(dir=unpacking.own_folder(Path(tempfile.gettempdir()))))
    path = folder / f"gapless-{digest}.zip"
    path.write_bytes(content)
    before = list(sys.path)
    session.sparkContext.addPyFile(str(path))
    sys.path[:] = before  # Spark puts it there for this process too, which has the package


def _wait_for_executors(session: SparkSession, timeout_s: float) -> None:
    for _ in range(max(1, round(timeout_s / _PAUSE_S))):
        if _executors(session):
            return
        time.sleep(_PAUSE_S)
    raise no_executors(str(session.sparkContext.master), timeout_s)


def _executors(session: SparkSession) -> int:
    """How many there are; the driver stands in the list too, and is the only one of a local session."""
    context: Any = session.sparkContext
    listed = len(context._jsc.sc().statusTracker().getExecutorInfos())
    return listed if context.master.startswith("local") else listed - 1


def _ask(session: SparkSession, libraries: Sequence[str]) -> tuple[Executor, ...]:
    """Tasks go where there is room, so they are given out until every executor has answered."""
    answers: dict[tuple[str, int], Executor] = {}
    for _ in range(_TRIES):
        for said in _job(session, libraries):
            process = said.pop("process")
            answers[said["host"], process] = Executor(**said)
        if len(answers) >= _executors(session):
            break
    return tuple(answers.values())


def _job(session: SparkSession, libraries: Sequence[str]) -> list[dict[str, Any]]:
    context = session.sparkContext
    places = max(context.defaultParallelism, _executors(session))
    try:
        with travelling_whole([probing]):
            return context.parallelize(range(places), places).mapPartitions(probing.probe(libraries)).collect()
    except (Py4JError, PySparkException) as problem:
        raise probe_failed(problem, context.pythonExec) from None


@contextmanager
def travelling_whole(modules: Sequence[ModuleType]) -> Iterator[None]:
    """Functions of these travel as code, not by the name of a module that may not be there."""
    pickler: Any = cloudpickle
    for module in modules:
        pickler.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            pickler.unregister_pickle_by_value(module)


def _require(found: Sequence[Executor], libraries: Sequence[str]) -> None:
    missing = {
        executor.host: names
        for executor in found
        if (names := [name for name in libraries if executor.libraries[name] is None])
    }
    if missing:
        python = next(executor.python for executor in found if executor.host in missing)
        raise unequipped(missing, python, [f"{name}=={importlib.metadata.version(name)}" for name in libraries])
