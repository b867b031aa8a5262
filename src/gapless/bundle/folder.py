"""Folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gapless.errors import StorageError

__all__ = ["sync_folder", "write_folder"]


def write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """A folder `target` with these files is on stable storage.

    Names may hold "/" for folders inside.

    Guarantees: atomic: a reader, also one after a crash, sees no such folder or all of it. What a crash leaves behind
        is a folder beside it whose name starts with "." and that nobody reads.

    Raises: StorageError where the target exists already and is not empty, or cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            _fill(staging, files)
            os.rename(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)  # gone already, where the rename went well
        sync_folder(target.parent)
    except OSError as error:
        raise StorageError(
            "cannot write a folder",
            seen=f"{target}: {error.strerror or error}",
            next_step="free the disk or the permission, or remove the folder that stands there",
        ) from error


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.chmod(0o755)  # mkdtemp makes it private; what is read by a server is not
    folders = {folder}
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        folders.add(path.parent)
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    for one in folders:
        sync_folder(one)


def sync_folder(folder: Path) -> None:
    """The names in this folder are on stable storage."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
