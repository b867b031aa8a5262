"""The boundary to MLflow's client: its settings, how a store comes to be, and its errors in our words."""

from __future__ import annotations

import fcntl
import logging
import os
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from gapless.errors import GaplessError, Refused, StorageError, Transient

__all__ = ["SQLITE", "connect", "in_our_words"]

# MLflow takes these from the environment only. Whoever set one themselves keeps it.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

import mlflow
import sqlalchemy.exc
from mlflow.exceptions import MlflowException

for _name in ("mlflow", "alembic"):  # each tells on stderr how it creates its tables
    logging.getLogger(_name).setLevel(logging.WARNING)

SQLITE = "sqlite:///"
_REFUSED = {"PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "INVALID_PARAMETER_VALUE", "BAD_REQUEST"}

T = TypeVar("T")


def connect(uri: str, timeout_s: float) -> Any:
    """A client of a tracker that answers; an embedded store is created where there is none.

    Raises: Transient where nobody answers within `timeout_s`; StorageError.
    """
    if uri.startswith(("http://", "https://")):
        _knock(uri, timeout_s)
    if not uri.startswith(SQLITE):
        return in_our_words(uri, lambda: mlflow.MlflowClient(uri))
    with _alone(Path(uri.removeprefix(SQLITE)), uri), warnings.catch_warnings():
        # MLflow's tables use what SQLAlchemy gives up in a later release: a matter between those two.
        warnings.simplefilter("ignore", DeprecationWarning)
        return in_our_words(uri, lambda: mlflow.MlflowClient(uri))


@contextmanager
def _alone(database: Path, uri: str) -> Iterator[None]:
    """One process at a time: two that create the tables at once would both fail."""
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        lock = database.with_name(f"{database.name}.lock").open("ab")
    except OSError as error:
        raise _storage(uri, error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, also by a kill
        yield


def _knock(uri: str, timeout_s: float) -> None:
    """Any answer will do: a server that wants a password is alive."""
    try:
        urllib.request.urlopen(uri, timeout=timeout_s).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError as error:
        raise _silent(uri, str(error)) from error


def in_our_words(uri: str, call: Callable[[], T]) -> T:
    """The call's result; what MLflow and its database raise becomes an error that says who can act."""
    try:
        return call()
    except MlflowException as error:
        raise _translated(uri, error) from error
    except (sqlalchemy.exc.SQLAlchemyError, OSError) as error:
        raise _storage(uri, error) from error


def _translated(uri: str, error: MlflowException) -> GaplessError:
    if error.error_code in _REFUSED:
        return Refused(
            "the tracker says no",
            seen=f"{uri}: {error.message}",
            next_step="check the rights and the address in [stores] tracking",
        )
    if uri.startswith(SQLITE) and error.error_code != "TEMPORARILY_UNAVAILABLE":
        return _storage(uri, error)
    return _silent(uri, str(error.message))


def _silent(uri: str, seen: str) -> Transient:
    return Transient(
        "the tracker does not answer",
        seen=f"{uri}: {seen}",
        next_step="start it, or correct [stores] tracking; waiting runs are delivered with the next train",
    )


def _storage(uri: str, error: Exception) -> StorageError:
    return StorageError(
        "the tracker's database cannot be used",
        seen=f"{uri}: {error}",
        next_step="free the disk, give the permission, or move a damaged file away: a new one is created",
    )
