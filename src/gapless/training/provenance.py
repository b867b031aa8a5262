"""Where a model comes from: the commit of its code and the versions of what made it. The edge that runs git."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path

from gapless.bundle import CodeVersion

__all__ = ["code_version", "environment"]

_PACKAGES = (
    "gapless",
    "lightgbm",
    "numba",
    "numpy",
    "onnx",
    "onnxmltools",
    "onnxruntime",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "skl2onnx",
    "xgboost",
)


def code_version(folder: Path, *, git: str = "git", timeout_s: float = 10.0) -> CodeVersion:
    """The commit that `folder` stands on, and whether anything tracked there or new differs from it.

    "unknown" outside a repository, in one without a commit, without git, or where git takes longer than `timeout_s`.
    """
    commit = _git(git, folder, timeout_s, "rev-parse", "HEAD")
    if commit is None:
        return CodeVersion()
    changes = _git(git, folder, timeout_s, "status", "--porcelain", "--", ".")
    return CodeVersion(commit.strip(), dirty=changes is None or bool(changes.strip()))


def _git(git: str, folder: Path, timeout_s: float, *words: str) -> str | None:
    command = [git, "-C", str(folder), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=timeout_s).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def environment() -> dict[str, str]:
    """Versions of Python, of the platform and of the installed packages that a model's numbers depend on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
