"""Pages in headless Chromium, served from a folder on loopback, that post what they found.

    open_page(folder, "index.html")         # the JSON that the page posts to /answer
    evaluate(folder, "vectors.js")          # what the default export of a module gives, as `node.evaluate`

The page is in a profile of its own that is gone afterwards, and nothing but loopback is asked for.
"""

from __future__ import annotations

import contextlib
import json
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scripts.servers import ensure
from tests.servers import Process

__all__ = ["evaluate", "open_page"]

_OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync --disable-extensions"
)
_END_S = 10.0
_MODULE_PAGE = "/evaluate-a-module.html"
_MODULE_TEXT = """<!doctype html><meta charset="utf-8"><script type="module">
const read = async (path) => {
  const found = await fetch(path);
  if (!found.ok) throw new Error(`${path}: ${found.status}`);
  return await found.arrayBuffer();
};
const post = (answer) => fetch("/answer", { method: "POST", body: JSON.stringify(answer) });
try {
  const { default: run } = await import("./" + decodeURIComponent(location.search.slice(1)));
  await post({ value: await run(read) });
} catch (error) {
  await post({ error: `${error}\\n${error?.stack ?? ""}` });
}
</script>"""


def evaluate(folder: Path, module: str, *, timeout_s: float = 120.0) -> Any:
    """What a module's default export gives in the browser.

    Raises: RuntimeError with the error that it threw.
    """
    answer = open_page(folder, f"{_MODULE_PAGE[1:]}?{module}", timeout_s=timeout_s)
    if "value" not in answer:
        raise RuntimeError(f"{module} failed in chromium: {answer.get('error')}")
    return answer["value"]


def open_page(folder: Path, page: str, *, timeout_s: float = 120.0) -> Any:
    """The JSON that a page of the folder posts to /answer.

    Raises: RuntimeError with what was asked for and the end of the browser's log, where nothing comes in time.
    """
    (program,) = ensure("chromium")
    answers: queue.Queue[Any] = queue.Queue()
    asked: list[str] = []
    with _profile() as home, _served(folder, answers, asked) as port:
        place = ["env", f"TMPDIR={home}"]
        command = [
            *place,
            program,
            *_OPTIONS.split(),
            f"--user-data-dir={home / 'profile'}",
            f"http://127.0.0.1:{port}/{page}",
        ]
        browser = Process(command, home / "log", lambda: True)
        browser.start()
        try:
            return answers.get(timeout=timeout_s)
        except queue.Empty:
            said = (home / "log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{page} posted nothing within {timeout_s:g} s; asked for {asked}; {said}") from None
        finally:
            browser.kill()


class _Handler(SimpleHTTPRequestHandler):
    """The files of a folder, and one place to post to."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript", ".mjs": "text/javascript"}  # noqa: RUF012
    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, answers: queue.Queue[Any], asked: list[str], **kwargs: Any) -> None:
        self._answers, self._asked = answers, asked
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        self._asked.append(self.path)
        if self.path.partition("?")[0] != _MODULE_PAGE:
            super().do_GET()
            return
        self._reply(200, _MODULE_TEXT.encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._reply(200 if self.path == "/answer" else 404, b"")
        if self.path == "/answer":
            self._answers.put(json.loads(body))

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """What was asked for is kept, not printed."""


@contextlib.contextmanager
def _served(folder: Path, answers: queue.Queue[Any], asked: list[str]) -> Iterator[int]:
    """The port of a server of the folder."""
    handler = partial(_Handler, directory=str(folder), answers=answers, asked=asked)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def _profile() -> Iterator[Path]:
    """A new folder. Children of a browser that was killed end a moment later, and write until then."""
    home = Path(tempfile.mkdtemp(prefix="gapless-chromium-"))
    try:
        yield home
    finally:
        until = time.monotonic() + _END_S
        while home.exists() and time.monotonic() < until:
            shutil.rmtree(home, ignore_errors=True)
            time.sleep(0.02)
