"""Server processes for tests: started on a free port, ended by their own process id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[3]


class Running:
    """A process and where it answers."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process, self.url = process, url
        self.host, self.port = urlsplit(url).hostname, urlsplit(url).port

    def get(self, path: str) -> str:
        with urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode()

    def children(self) -> list[int]:
        """Its worker processes."""
        found = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            found += [int(pid) for pid in (task / "children").read_text().split()]
        return [pid for pid in found if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Returns once it answers that it is ready."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.get("/readyz")
            except (URLError, OSError):
                assert self.process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server did not get ready"
                time.sleep(0.05)
            else:
                return


@contextmanager
def started(*words: object, errors: Path | None = None) -> Iterator[Running]:
    """`python -m WORDS`, which prints its URL first; stopped at the end where it still runs.

    Parameters:
        errors — the file that its stderr goes to; None: that of the tests.
    """
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [sys.executable, "-m", *map(str, words)]
    with (
        nullcontext() if errors is None else errors.open("w") as stderr,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            running = Running(process, process.stdout.readline().strip())
            running.wait_ready()
            yield running
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(60)


@contextmanager
def basket(folder: Path, *, workers: int = 1, drain_s: float = 1.0, errors: Path | None = None) -> Iterator[Running]:
    """A server of the basket model."""
    with started("tests.serving.http.serve_basket", workers, drain_s, folder, errors=errors) as running:
        yield running
