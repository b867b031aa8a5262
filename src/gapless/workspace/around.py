"""What a training takes from the machine: the commit of the code and the versions of packages."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

from gapless.bundle import CodeVersion

__all__ = ["code_version", "environment"]

_PACKAGES = ("gapless", "numpy", "numba", "pyarrow", "scikit-learn", "skl2onnx", "onnx", "onnxruntime", "deltalake")


def code_version(folder: Path) -> CodeVersion:
    """The git commit of a folder and whether it had uncommitted changes; "unknown" outside a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    return CodeVersion() if commit is None else CodeVersion(commit, bool(_git(folder, "status", "--porcelain")))


def environment() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # numba is optional; gapless itself may run from a source tree
    return found


def _git(folder: Path, *words: str) -> str | None:
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
