"""Finds the servers that tests and benchmarks start, and installs the Debian package of one that is missing.

    python scripts/servers.py redis-server postgres

A name whose program is there costs nothing. Installing needs apt-get, and root or sudo without a password; without
these the message says which packages to install by hand.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent

PACKAGES = {"redis-server": "redis-server", "postgres": "postgresql", "initdb": "postgresql", "wrk": "wrk"}
"""Program to Debian package."""

POSTGRES_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/opt/postgresql*/bin", "/opt/homebrew/opt/postgresql*/bin")
"""Debian keeps the programs of each major version off the PATH."""


def find(program: str) -> str | None:
    """The program's path, the newest where several are installed; None where there is none."""
    return shutil.which(program) or _find_postgres(program)


def ensure(*programs: str) -> list[str]:
    """The programs' paths; what is missing is installed first.

    Raises: SystemExit with the packages to install by hand, where that cannot be done from here.
    """
    if not all(map(find, programs)):
        with _only_one():
            _install([program for program in programs if find(program) is None])
    return [find(program) or _give_up([program], "it was installed and is not there") for program in programs]


def _find_postgres(program: str) -> str | None:
    found = [path for pattern in POSTGRES_FOLDERS for path in Path("/").glob(f"{pattern[1:]}/{program}")]
    return str(max(found, key=_major)) if found else None


def _major(path: Path) -> int:
    digits = "".join(letter for letter in str(path.parent.parent) if letter.isdigit())
    return int(digits or 0)


def _install(programs: Sequence[str]) -> None:
    if not programs:
        return
    packages = sorted({PACKAGES[program] for program in programs})
    as_root = _as_root()
    if shutil.which("apt-get") is None or as_root is None:
        _give_up(programs, "installing them takes apt-get, and root or sudo without a password")
    print("servers: installing", *packages, flush=True)
    # Lists that cannot be refreshed may still be good enough, so only the second command decides.
    _run([*as_root, "apt-get", "-qq", "update"])
    command = ["apt-get", "-qq", "-y", "install", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", *packages]
    out = _run([*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", *command])  # level 1: starts nothing
    if out.returncode:
        _give_up(programs, out.stderr.strip().splitlines()[-1] if out.stderr.strip() else "apt-get failed")


def _as_root() -> list[str] | None:
    """What to put before a command; None where it cannot be run as root."""
    if os.geteuid() == 0:
        return []
    may = shutil.which("sudo") is not None and _run(["sudo", "-n", "true"]).returncode == 0
    return ["sudo", "-n"] if may else None


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def _give_up(programs: Sequence[str], why: str) -> NoReturn:
    packages = sorted({PACKAGES.get(program, program) for program in programs})
    sys.exit(
        f"servers: {', '.join(programs)} not found, and could not be installed\n"
        f"  seen: {why}\n"
        f"  next: install the packages {' '.join(packages)} (names as in Debian), then run make again"
    )


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """Two runs at once install one after the other; the second then finds everything."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with (ROOT / ".cache" / "servers.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    ensure(*(sys.argv[1:] or ["redis-server", "postgres", "initdb"]))
