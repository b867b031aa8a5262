"""Delta's own log: opening a version, listing its files with their statistics, committing new ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import deltalake
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, DeltaProtocolError, TableNotFoundError
from deltalake.transaction import AddAction, create_table_with_add_actions

from gapless.adapters.delta.failures import storage_error
from gapless.errors import CorruptData, GaplessError, InputError, Transient

__all__ = [
    "DataFile",
    "add_columns",
    "arrow_schema",
    "batches_of",
    "commit",
    "data_files",
    "open_table",
    "rows_committed",
]

_ROWS = "gapless.rows"
"""The application transaction that every append writes: two appends on one version conflict, and it counts all rows."""

_TABLE_SETTINGS = {
    "delta.enableExpiredLogCleanup": "false",  # a version that a model was trained on stays readable
    "delta.logRetentionDuration": "interval 36500 days",
}
_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_REFUSED_FEATURES = {
    "deletionVectors": "deletion vectors",
    "columnMapping": "column mapping",
    "v2Checkpoint": "v2 checkpoints",
}


@dataclass(frozen=True)
class DataFile:
    """One file of a version; `ranges` has (min, max) of the columns for which the log knows both."""

    path: Path
    size: int
    rows: int
    ranges: Mapping[str, tuple[Any, Any]]


def batch_transaction(batch_id: str) -> str:
    """The application id under which a batch is remembered."""
    return f"gapless.batch:{batch_id}"


def batches_of(handle: DeltaTable | None) -> Callable[[str], bool]:
    """Whether a version holds a batch; where there is no table, it holds none."""
    return lambda batch_id: handle is not None and handle.transaction_version(batch_transaction(batch_id)) is not None


def open_table(path: Path, version: int | None = None) -> DeltaTable | None:
    """A handle on one version; None where there is no table or no such version.

    Raises: InputError for a table whose rows the plain files do not tell; CorruptData for a log that cannot be read.
    """
    if not (path / "_delta_log").is_dir():
        return None
    try:
        handle = DeltaTable(str(path), version=version)
    except TableNotFoundError:
        return None
    except DeltaProtocolError as problem:
        raise _refusal(path, str(problem)) from problem
    except DeltaError as problem:
        if version is not None and "end version" in str(problem):
            return None
        raise _unreadable_log(path, problem) from problem
    _refuse_unreadable(handle, path)
    return handle


def _unreadable_log(path: Path, problem: Exception) -> GaplessError:
    if "Column mapping" in str(problem):
        return _refusal(path, "column mapping")
    if re.search(r"PermissionDenied|os error 13", str(problem)):
        return storage_error(problem, path, "read the table's log")
    return CorruptData(
        "the table's log cannot be read",
        where=str(path / "_delta_log"),
        seen=str(problem).split("\n   0:")[0],
        next_step="bring the log back from a backup, or read an older version",
    )


def _refuse_unreadable(handle: DeltaTable, path: Path) -> None:
    features = set(handle.protocol().reader_features or ())
    settings = handle.metadata().configuration
    if settings.get("delta.columnMapping.mode", "none") != "none":
        features.add("columnMapping")
    if settings.get("delta.enableDeletionVectors") == "true":
        features.add("deletionVectors")
    for feature, words in _REFUSED_FEATURES.items():
        if feature in features:
            raise _refusal(path, words)
    if handle.metadata().partition_columns:
        raise _refusal(path, f"partition columns ({', '.join(handle.metadata().partition_columns)})")


def _refusal(path: Path, feature: str) -> GaplessError:
    return InputError(
        "a Delta table with a feature that gapless does not read",
        where=str(path),
        seen=feature,
        allowed="tables whose Parquet files hold all their rows and columns, under their own names",
        next_step="copy it into a table without that feature, for example with Spark or deltalake",
    )


def arrow_schema(handle: DeltaTable) -> pa.Schema:
    """The table's columns; the strings of Arrow's several kinds all as `string`."""
    return pa.schema(handle.schema().to_arrow())


def rows_committed(handle: DeltaTable | None) -> int:
    """How many rows the table's appends have added: the next row's offset."""
    if handle is None:
        return 0
    counted = handle.transaction_version(_ROWS)
    if counted is not None:
        return counted
    return sum(file.rows for file in data_files(handle, Path(handle.table_uri)))


def data_files(handle: DeltaTable, path: Path) -> list[DataFile]:
    """In append order: by the lowest offset where the log knows it, else by name (names count up)."""
    listed = pa.table(handle.get_add_actions()).to_pylist()
    files = [_data_file(action, path) for action in listed]
    return sorted(files, key=lambda file: (file.ranges.get("_offset", (-1,))[0], file.path.name))


def _data_file(action: Mapping[str, Any], path: Path) -> DataFile:
    low, high = action.get("min") or {}, action.get("max") or {}
    known = {name for name in low if low[name] is not None and high.get(name) is not None}
    return DataFile(
        path=path / unquote(action["path"]),
        size=action["size_bytes"],
        rows=action["num_records"] if action["num_records"] is not None else -1,
        ranges={name: (low[name], high[name]) for name in sorted(known)},
    )


def commit(
    path: Path, handle: DeltaTable | None, files: Sequence[AddAction], schema: pa.Schema, *,
    batch_ids: Sequence[str], rows: int, total_rows: int, token: str,
) -> int:  # fmt: skip
    """One log entry, right behind the version of `handle`; returns its version.

    Raises: Transient where that version exists already.
    """
    properties = _properties(total_rows, batch_ids, rows, token)
    try:
        if handle is None:
            create_table_with_add_actions(
                str(path), deltalake.Schema.from_arrow(schema), list(files), mode="error",
                configuration=_TABLE_SETTINGS, commit_properties=properties, post_commithook_properties=_HOOKS,
            )  # fmt: skip
            return 0
        handle.create_write_transaction(
            list(files), "append", schema, commit_properties=properties, post_commithook_properties=_HOOKS
        )
        return handle.version() + 1
    except CommitFailedError as problem:
        raise _conflict(path) from problem
    except DeltaError as problem:
        if "already exists" in str(problem):
            raise _conflict(path) from problem
        raise storage_error(problem, path, "commit to the table") from problem


def add_columns(path: Path, handle: DeltaTable, added: pa.Schema, *, token: str) -> None:
    """One log entry, right behind the version of `handle`: the same rows, with these columns null in all of them.

    Raises: Transient where that version exists already.
    """
    try:
        handle.alter.add_columns(
            list(deltalake.Schema.from_arrow(added).fields),
            commit_properties=_properties(rows_committed(handle), [f"columns:{token}"], 0, token),
            post_commithook_properties=_HOOKS,
        )
    except CommitFailedError as problem:
        raise _conflict(path) from problem
    except DeltaError as problem:
        raise storage_error(problem, path, "commit to the table") from problem


def _properties(total_rows: int, batch_ids: Sequence[str], rows: int, token: str) -> CommitProperties:
    return CommitProperties(
        max_commit_retries=0,  # a retry would land behind rows that nobody compared with
        app_transactions=[
            Transaction(_ROWS, total_rows),
            *(Transaction(batch_transaction(batch_id), rows) for batch_id in batch_ids),
        ],
        custom_metadata={"gapless": token},
    )


def _conflict(path: Path) -> GaplessError:
    return Transient(
        "somebody else committed to the table at the same time",
        where=str(path),
        next_step="run it again; nothing was written",
    )
