"""Pythons for executors that lack something which the tests' own has."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

__all__ = ["python_without"]


def python_without(folder: Path, *left_out: str) -> Path:
    """An interpreter in an environment of its own, with links to every installed package but these."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        name = path.name.lower().removeprefix("_editable_impl_")
        if not name.startswith(("__editable__", *left_out)):
            (site / path.name).symlink_to(path)
    return folder / "bin" / "python"
