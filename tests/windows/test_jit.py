"""Compiled code is kept where that is possible, and compiled again where it is not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import gapless
from gapless.online import heads
from gapless.windows import jit
from gapless.windows.states import kernels

SCRIPT = """
import numpy as np
from gapless.windows import time_order
print(time_order(np.array([1, 0]), np.array([5, 5]), np.array([5, 5])).tolist())
"""


def test_a_folder_and_a_home_that_cannot_be_written_do_no_harm(tmp_path: Path) -> None:
    """A file stands where numba would make its folder, in the package and in the home."""
    package = tmp_path / "gapless"
    shutil.copytree(Path(gapless.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "windows" / "__pycache__").write_text("in the way")
    home = tmp_path / "home"
    home.write_text("in the way")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_"))}
    settings = kept | {"PYTHONPATH": str(tmp_path), "HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=settings, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[1, 0]\n", "")


def test_compiled_code_is_made_anew_when_any_file_of_it_changes() -> None:
    """Files that hold compiled code are those that the names of the kept code are made of."""
    folder = Path(jit.__file__).parent
    holds = re.compile(r"^@(bare|inlined|compiled|_intrinsic)\b", re.MULTILINE)
    online = folder.parent / "online"

    def files(place: Path) -> set[str]:
        return {path.stem for path in place.glob("*.py") if holds.search(path.read_text(encoding="utf-8"))}

    assert files(folder) <= set(jit.FILES)
    assert files(folder / "states") <= set(kernels.FILES)
    assert files(online) == {"heads"} <= {Path(name).stem for name in heads.FILES}
