"""Folders and files that are there after a power cut."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["Sync", "make_folder", "replace_file", "sync_folder", "write_all"]

Sync = Callable[[int], None]
"""Makes a file descriptor durable, as os.fsync and os.fdatasync do."""


def make_folder(path: Path, fsync: Sync) -> None:
    """The folder is there, with those above it, and their names are on stable storage."""
    if not path.is_dir():
        make_folder(path.parent, fsync)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent, fsync)


def sync_folder(path: Path, fsync: Sync) -> None:
    """The names in the folder are on stable storage."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, data: bytes, fsync: Sync) -> None:
    """The file holds these bytes, durably; a crash leaves it as it was or as it shall be. One writer at a time."""
    new = path.with_name(path.name + ".new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        write_all(handle, data, 0)
        fsync(handle)
    finally:
        os.close(handle)
    new.rename(path)
    sync_folder(path.parent, fsync)


def write_all(handle: int, data: bytes, offset: int) -> None:
    """All of the bytes are written at this place; an OSError may leave some of them."""
    left = memoryview(data)
    while left:
        written = os.pwrite(handle, left, offset)
        left, offset = left[written:], offset + written
