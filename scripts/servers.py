"""Finds the servers that tests and benchmarks start, and installs the Debian package of one that is missing.

    python scripts/servers.py redis-server postgres kafka

A name whose program is there costs nothing. Installing needs apt-get, and root or sudo without a password; without
these the message says which packages to install by hand. Kafka, the TypeScript compiler and what exported packages
need are in no package: Maven and npm fetch them into folders of the checkout, once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent

PACKAGES = {
    "redis-server": "redis-server",
    "postgres": "postgresql",
    "initdb": "postgresql",
    "wrk": "wrk",
    "java": "default-jre-headless",
    "mvn": "maven",
    "node": "nodejs",
    "npm": "npm",
    "chromium": "chromium",
}
"""Program to Debian package."""

KAFKA = "kafka"
KAFKA_VERSION = "4.3.1"
KAFKA_FOLDER = ROOT / ".cache" / f"kafka-{KAFKA_VERSION}"
"""Its jars, all of them or none; `find` and `ensure` give this folder for the name "kafka"."""
_POM = f"""\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>gapless</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>  <!-- without it the broker says nothing, not even why it ended -->
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.4</version>
    </dependency>
  </dependencies>
</project>
"""

TYPESCRIPT = "typescript"
TYPESCRIPT_PINS = ROOT / "tests" / "typescript"
TYPESCRIPT_VERSION = json.loads((TYPESCRIPT_PINS / "package.json").read_text("utf-8"))["devDependencies"]["typescript"]
TYPESCRIPT_FOLDER = ROOT / ".cache" / f"typescript-{TYPESCRIPT_VERSION}"
"""The compiler as npm installs it from the pins; `find` and `ensure` give the program tsc for the name "typescript"."""

NPM_PACKAGES = "npm-packages"
NPM_PINS = ROOT / "tests" / "typescript_package"
_NPM_LOCK = hashlib.sha256((NPM_PINS / "package-lock.json").read_bytes()).hexdigest()[:12]
NPM_FOLDER = ROOT / ".cache" / f"npm-packages-{_NPM_LOCK}"
"""What an exported package is built and tested with; `find` and `ensure` give its node_modules for "npm-packages"."""

POSTGRES_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/opt/postgresql*/bin", "/opt/homebrew/opt/postgresql*/bin")
"""Debian keeps the programs of each major version off the PATH."""


def find(program: str) -> str | None:
    """The program's path, the newest where several are installed; None where it, or what it runs on, is missing."""
    if program == KAFKA:
        return str(KAFKA_FOLDER) if KAFKA_FOLDER.is_dir() and find("java") else None
    if program == TYPESCRIPT:
        return str(TYPESCRIPT_FOLDER / "node_modules/.bin/tsc") if TYPESCRIPT_FOLDER.is_dir() and find("node") else None
    if program == NPM_PACKAGES:
        return str(NPM_FOLDER / "node_modules") if NPM_FOLDER.is_dir() and find("node") else None
    return shutil.which(program) or _find_postgres(program)


def ensure(*programs: str) -> list[str]:
    """The programs' paths; what is missing is installed first.

    Raises: SystemExit with the packages to install by hand, where that cannot be done from here.
    """
    if not all(map(find, programs)):
        with _only_one():
            _provide([program for program in programs if find(program) is None])
    return [find(program) or _give_up([program], "it was installed and is not there") for program in programs]


def _find_postgres(program: str) -> str | None:
    found = [path for pattern in POSTGRES_FOLDERS for path in Path("/").glob(f"{pattern[1:]}/{program}")]
    return str(max(found, key=_major)) if found else None


def _major(path: Path) -> int:
    digits = "".join(letter for letter in str(path.parent.parent) if letter.isdigit())
    return int(digits or 0)


def _provide(programs: Sequence[str]) -> None:
    """What takes a while is done for what is missing only."""
    fetches = [fetch for name, fetch in _FETCHED.items() if name in programs and not fetch.folder.is_dir()]
    needed = {_FETCHED[program].runs_on if program in _FETCHED else program for program in programs}
    needed |= {fetch.with_program for fetch in fetches}
    _install([program for program in sorted(needed) if find(program) is None])
    for fetch in fetches:
        fetch.fetch()


def _fetch_kafka() -> None:
    """A run that is killed leaves a folder of another name, and the next one begins anew."""
    print("servers: fetching kafka", KAFKA_VERSION, file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=KAFKA_FOLDER.parent) as name:
        folder = Path(name)
        (folder / "pom.xml").write_text(_POM, encoding="utf-8")
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={folder / 'jars'}"]
        out = _run(["mvn", "-q", "-B", "-f", str(folder / "pom.xml"), *copy])
        if out.returncode:
            why = (out.stdout + out.stderr).strip().splitlines() or ["mvn failed"]
            _give_up_kafka(why[0])
        (folder / "jars").rename(KAFKA_FOLDER)


def _fetch_with_npm(what: str, pins: Path, target: Path) -> None:
    """As for Kafka: a folder that is renamed when it is whole. No package runs a script of its own."""
    print("servers: fetching", what, flush=True)
    with tempfile.TemporaryDirectory(prefix="npm-", dir=target.parent) as name:
        folder = Path(name) / "found"
        folder.mkdir()
        for file in ("package.json", "package-lock.json"):
            shutil.copy(pins / file, folder / file)
        npm = find("npm") or "npm"
        out = _run([npm, "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"])
        if out.returncode:
            why = (out.stderr + out.stdout).strip().splitlines() or ["npm failed"]
            _give_up_npm(what, pins, target, why[0])
        folder.rename(target)


@dataclass(frozen=True)
class _Fetched:
    """What is in no package, and the programs that it runs on and is fetched with."""

    folder: Path
    runs_on: str
    with_program: str
    fetch: Callable[[], None]


def _with_npm(what: str, pins: Path, folder: Path) -> _Fetched:
    return _Fetched(folder, "node", "npm", lambda: _fetch_with_npm(what, pins, folder))


_FETCHED = {
    KAFKA: _Fetched(KAFKA_FOLDER, "java", "mvn", _fetch_kafka),
    TYPESCRIPT: _with_npm(f"typescript {TYPESCRIPT_VERSION}", TYPESCRIPT_PINS, TYPESCRIPT_FOLDER),
    NPM_PACKAGES: _with_npm("onnxruntime for Node and browsers", NPM_PINS, NPM_FOLDER),
}


def _install(programs: Sequence[str]) -> None:
    if not programs:
        return
    packages = sorted({PACKAGES[program] for program in programs})
    as_root = _as_root()
    if shutil.which("apt-get") is None or as_root is None:
        _give_up(programs, "installing them takes apt-get, and root or sudo without a password")
    print("servers: installing", *packages, file=sys.stderr, flush=True)
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


def _give_up_kafka(why: str) -> NoReturn:
    sys.exit(
        f"servers: kafka {KAFKA_VERSION} could not be fetched\n"
        f"  seen: {why}\n"
        f"  next: let Maven reach its repository (settings.xml), or put the jars of org.apache.kafka:kafka_2.13 and"
        f" what it depends on into {KAFKA_FOLDER}, then run make again"
    )


def _give_up_npm(what: str, pins: Path, target: Path, why: str) -> NoReturn:
    sys.exit(
        f"servers: {what} could not be fetched\n"
        f"  seen: {why}\n"
        f"  next: let npm reach its registry, or install {pins / 'package-lock.json'} into"
        f" {target}, then run make again"
    )


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """Two runs at once install one after the other; the second then finds everything."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with (ROOT / ".cache" / "servers.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    usual = ["redis-server", "postgres", "initdb", KAFKA, "node", "npm", "chromium", TYPESCRIPT, NPM_PACKAGES]
    ensure(*(sys.argv[1:] or usual))
