"""A package in a folder: all of it or what was there before."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gapless.bundle.folder import sync_folder, write_folder
from gapless.errors import InputError, StorageError
from gapless.exporting.package import KIND, MANIFEST

__all__ = ["check_target", "write_package"]


def check_target(folder: Path) -> None:
    """Raises: InputError where something else than an earlier export, or an empty folder, stands there."""
    if not folder.exists() or _is_empty(folder) or _is_export(folder):
        return
    raise InputError(
        "a package would replace something that is no earlier export",
        seen=str(folder),
        allowed="a folder that is not there, is empty, or holds an earlier export",
        next_step="name another folder, or remove this one",
    )


def write_package(folder: Path, files: Mapping[str, bytes]) -> None:
    """The folder holds these files and nothing else, on stable storage.

    An earlier export that stands there is replaced whole, with what was installed or built in it.

    Raises: InputError, see `check_target`; StorageError.

    Guarantees: no reader sees a part of a package. While an earlier export is replaced there is a moment at which
        there is no folder; a crash at that moment leaves the earlier one beside it, its name begins with ".".
    """
    target = folder.resolve()  # where a link leads to, not where it lies
    check_target(target)
    if not target.exists() or _is_empty(target):
        write_folder(target, files)
        return
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as staging:
            made, before = Path(staging) / "new", Path(staging) / "before"
            write_folder(made, files)
            os.rename(target, before)
            _rename_or_put_back(made, target, before)
        sync_folder(target.parent)
    except OSError as error:
        raise StorageError(
            "cannot replace an earlier export",
            seen=f"{target}: {error.strerror or error}",
            next_step="free the disk or the permission, then export again",
        ) from error


def _rename_or_put_back(made: Path, target: Path, before: Path) -> None:
    try:
        os.rename(made, target)
    except OSError:
        os.rename(before, target)
        raise


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _is_export(folder: Path) -> bool:
    try:
        document = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("kind") == KIND
