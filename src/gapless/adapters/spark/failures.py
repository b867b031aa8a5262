"""What Spark and the way to it refuse, said so that the operator knows what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gapless.adapters.spark.masters import Master
from gapless.errors import BugError, GaplessError, SettingsError, Transient

__all__ = [
    "java_missing",
    "job_failed",
    "no_executors",
    "not_opened",
    "other_master",
    "other_setting",
    "probe_failed",
    "unequipped",
    "unreachable",
]


def java_missing() -> SettingsError:
    """Spark's launcher ended before its Java process was there."""
    return SettingsError(
        "Spark's Java process did not start",
        seen="it ended at once; what it said is above",
        allowed="Java 17 or later, found through JAVA_HOME or the PATH",
        next_step="install one (Debian: default-jre-headless), or set JAVA_HOME to the one that is there",
    )


def unreachable(master: Master, refusals: Sequence[str]) -> Transient:
    """Nothing listens at the master's addresses."""
    return Transient(
        "no Spark master answers",
        seen="; ".join(refusals),
        where=master.url,
        next_step="check that the master runs, that host and port are those of its web page, and the way to it",
    )


def other_master(seen: str, wanted: str) -> SettingsError:
    """A process has one context, and it is elsewhere."""
    return SettingsError(
        "this process has a Spark session on another master",
        seen=seen,
        allowed=wanted,
        next_step="end it with session.stop() before, or name its master",
    )


def other_setting(name: str, seen: str | None, wanted: str) -> SettingsError:
    """A context keeps the settings that it began with."""
    return SettingsError(
        f"this process has a Spark session with another {name}",
        seen="not set" if seen is None else seen,
        allowed=wanted,
        next_step="end it with session.stop() before, or leave that setting out",
    )


def not_opened(master: Master, problem: Exception) -> SettingsError:
    """Spark refused to open a session."""
    return SettingsError(
        "Spark did not open a session",
        seen=_first_line(problem),
        where=master.url,
        next_step="check that this is the address of a Spark master of the same version, and the settings given to it",
    )


def no_executors(master: str, timeout_s: float) -> Transient:
    """The master gave nothing to run on."""
    return Transient(
        "the Spark cluster gave no executor",
        seen=f"none within {timeout_s:g} s",
        where=master,
        next_step="check on the master's web page that workers are alive and have the cores and the memory that are"
        " asked for (spark.executor.cores, spark.executor.memory, spark.cores.max)",
    )


def unequipped(missing: Mapping[str, Sequence[str]], python: str, wanted: Sequence[str]) -> SettingsError:
    """Executors lack libraries; `missing` says which, by host."""
    return SettingsError(
        "Spark executors lack libraries that gapless stands on",
        seen="; ".join(f"{host}: {', '.join(names)}" for host, names in missing.items()),
        allowed=", ".join(wanted),
        next_step=f"on each of these hosts: {python} -m pip install {' '.join(f'{one!r}' for one in wanted)}",
    )


def probe_failed(problem: Exception, python: str) -> GaplessError:
    """The first job of a session ended with an error."""
    text = str(problem)
    if "PYTHON_VERSION_MISMATCH" in text:
        return SettingsError(
            "Spark executors run another version of Python than this process",
            seen=_line_with(text, "PYTHON_VERSION_MISMATCH"),
            next_step="set PYSPARK_PYTHON to a Python of this version that every host has, before the session opens",
        )
    if "Cannot run program" in text:
        return SettingsError(
            "Spark executors have no such Python",
            seen=python,
            next_step="set PYSPARK_PYTHON to a Python of this version that every host has, before the session opens",
        )
    return SettingsError(
        "Spark executors could not be asked what they have",
        seen=_first_line(problem),
        next_step="look at the log of a worker: its Python does not start or ends at once",
    )


def _first_line(problem: Exception) -> str:
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(":")]  # py4j says first that something happened, then what
    return (told or lines or [type(problem).__name__])[0].removeprefix(": ")


def _line_with(text: str, word: str) -> str:
    return next(line.strip() for line in text.splitlines() if word in line)


def job_failed(problem: Exception, name: str) -> GaplessError:
    """A job ended with an error that is none of ours."""
    text = str(problem)
    if any(word in text for word in _LOST):
        return Transient(
            f"the Spark job ended before {name} was through",
            seen=_first_line(problem),
            next_step="run it again when the cluster is well; nothing was half written",
        )
    return BugError(
        f"a task of the Spark job raised ({name})",
        seen=_raised(text),
        next_step="please report it with the log of the worker",
    )


_LOST = (
    "ExecutorLostFailure",
    "SparkContext was shut down",
    "Connection refused",
    "MetadataFetchFailed",
    "heartbeat",
    "cancelled",
    "Transient",
)


def _raised(text: str) -> str:
    """What the Python traceback in it ends with."""
    traceback = text.rpartition("Traceback (most recent call last)")[2]
    named = re.findall(r"^ *([A-Za-z_][\w.]*(?:Error|Exception|Exit|Warning)\b.*)$", traceback, re.MULTILINE)
    python = [line for line in named if not line.startswith(("org.apache", "java."))]
    return python[0] if python else text.strip().splitlines()[0]
