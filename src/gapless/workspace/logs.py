"""Where servers log what they answer: from a URI to a log."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gapless.clock import Clock
from gapless.errors import SettingsError, StorageError
from gapless.workspace.settings import FILE, Settings

if TYPE_CHECKING:
    from gapless.adapters.segments import BufferedLog, SegmentLog, SegmentReader

__all__ = ["check_log", "open_log", "read_log"]

_GATHER_US = 50_000
"""Where nobody waits for the disk, twenty syncs a second are enough."""


def open_log(
    settings: Settings, *, mode: Literal["sync", "async"] = "sync", clock: Clock | None = None
) -> SegmentLog | BufferedLog:
    """A new writer of the log, for this process alone: open it after a fork.

    Parameters:
        mode — "sync": an answer waits until its entry is on stable storage. "async": it does not, up to a bound.

    Raises: SettingsError for a log that is not in files.
    """
    from gapless.adapters.segments import BufferedLog, SegmentLog

    folder = _folder(settings)
    if mode == "sync":
        return SegmentLog(folder, clock=clock)
    return BufferedLog(SegmentLog(folder, clock=clock, gather_us=_GATHER_US))


def check_log(settings: Settings) -> None:
    """Whether there can be a log, before anybody is told that a server listens.

    Raises: SettingsError for a log that is not in files; StorageError where its folder cannot be made or written to.
    """
    folder = _folder(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StorageError(
            "the prediction log cannot be written, so no answer could be given",
            seen=error.strerror or str(error),
            where=str(folder),
            next_step=f"give the right to write there, or name another folder: log = in {FILE}",
        ) from None


def read_log(settings: Settings) -> SegmentReader:
    """The reader's end. Raises: SettingsError."""
    from gapless.adapters.segments import SegmentReader

    return SegmentReader(_folder(settings))


def _folder(settings: Settings) -> Path:
    scheme, _, path = settings.log_uri.partition(":")
    if scheme == "file" and path:
        return Path(path)
    raise SettingsError(
        "[stores] log names something that gapless cannot write to",
        seen=settings.log,
        allowed="file:FOLDER",
        next_step=f'write log = "file:./.gapless/log" in {FILE}',
        where=str(settings.folder / FILE),
    )
