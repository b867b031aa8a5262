"""What an executor imports in place of the package: it unpacks the files beside it, once per machine and content.

Code that looks for its own files, and numba's cache of compiled code, need a folder. This file becomes
`gapless/__init__.py` of the archive that `shipping` makes; it uses the standard library only.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

__all__ = ["own_folder", "unpack"]

INSIDE = "files/"


def own_folder(parent: Path) -> Path:
    """A folder for files that this user will run; nobody else can have put something into it."""
    kept = parent / f"gapless-{os.getuid()}"
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    seen = kept.lstat()
    is_ours = stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.getuid() and not seen.st_mode & 0o077
    return kept if is_ours else Path(tempfile.mkdtemp(prefix="gapless-", dir=parent))


def unpack(archive: Path, parent: Path) -> Path:
    """The folder that holds the package of the archive; many processes may ask at once."""
    home = own_folder(parent)
    folder = home / archive.stem
    if not folder.is_dir():
        fresh = Path(tempfile.mkdtemp(prefix=f"{archive.stem}.", dir=home))
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(fresh, [name for name in opened.namelist() if name.startswith(INSIDE)])
        try:
            (fresh / INSIDE).rename(folder)
        except OSError:  # another process was first
            if not folder.is_dir():
                raise
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


if __name__ == "gapless":  # imported from the archive, and never from the package itself
    _package = unpack(Path(__loader__.archive), Path(tempfile.gettempdir())) / "gapless"  # type: ignore[name-defined]
    __path__ = [str(_package)]
    __file__ = str(_package / "__init__.py")
    __spec__.submodule_search_locations = __path__
    exec(compile(Path(__file__).read_text(encoding="utf-8"), __file__, "exec"))
