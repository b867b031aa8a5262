"""Resolve the floors in pyproject.toml into constraints.txt: names, versions and hashes, no index and no host.

Run it with `make lock`; `make lock ARGS=--upgrade` moves every pin to its newest release. Needs the network.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("dev", "examples", "redis", "postgres", "kafka", "spark", "pandas")
OPTIONS = (
    *(f"--extra={extra}" for extra in EXTRAS),
    *("--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"),
    *("--quiet", "--output-file", "constraints.txt"),
)


def main() -> int:
    uv = str(Path(sys.executable).with_name("uv"))
    command = [uv, "pip", "compile", "pyproject.toml", *OPTIONS, *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main())
