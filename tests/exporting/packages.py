"""Exported packages on disk: built with what npm installed once, run in Node and in Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.servers import NPM_PACKAGES, ensure
from tests.chromium import open_page

__all__ = ["built", "in_chromium", "in_node", "install", "npm"]

_RUN = """
import { pathToFileURL } from "node:url";
import { readFile, writeFile } from "node:fs/promises";
const [module, entry, asked, told] = process.argv.slice(1);
const found = await import(pathToFileURL(module));
const input = JSON.parse(await readFile(asked, "utf8"));
await writeFile(told, JSON.stringify(await found.default(await import(pathToFileURL(entry)), input, {})));
process.exit(0);
"""
_PAGE = """<!doctype html><meta charset="utf-8">
<script type="importmap">{"imports": {"onnxruntime-web/wasm": "/ort/ort.wasm.min.mjs"}}</script>
<script type="module">
const post = (answer) => fetch("/answer", { method: "POST", body: JSON.stringify(answer) });
try {
  const found = await import("/MODULE");
  const input = await (await fetch("/asked.json")).json();
  const options = { wasmPaths: "/ort/" };
  await post({ value: await found.default(await import("/package/dist/browser.js"), input, options) });
} catch (error) {
  await post({ error: `${error}\\n${error?.stack ?? ""}` });
}
</script>"""


def install(package: Path) -> Path:
    """The package, with what `npm install` would put into it."""
    (modules,) = ensure(NPM_PACKAGES)
    (package / "node_modules").symlink_to(modules)
    return package


def npm(package: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`npm WORDS` in the package; the caller looks at the exit code."""
    (program,) = ensure("npm")
    environment = {name: value for name, value in os.environ.items() if name != "NODE_ENV"}
    command = [program, "--no-update-notifier", *words]
    return subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True)


def built(package: Path) -> Path:
    """The package with dist/; fails with the compiler's words."""
    ran = npm(install(package), "run", "build")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return package


def in_node(package: Path, module: Path, asked: Any) -> Any:
    """What a module's default export makes of (the package, `asked`, its options) in Node."""
    (node,) = ensure("node")
    places = [package.parent / "asked.json", package.parent / "told.json"]
    places[0].write_text(json.dumps(asked))
    script = _copied(module, package.parent)
    command = [node, "--input-type=module", "-e", _RUN, str(script), str(package / "dist" / "node.js")]
    ran = subprocess.run([*command, *map(str, places)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return json.loads(places[1].read_text())


def in_chromium(package: Path, module: Path, asked: Any) -> Any:
    """The same in headless Chromium, on a page that serves onnxruntime-web's files from /ort/."""
    (modules,) = ensure(NPM_PACKAGES)
    folder = package.parent
    assert package.name == "package"
    (folder / "asked.json").write_text(json.dumps(asked))
    _copied(module, folder)
    if not (folder / "ort").exists():
        shutil.copytree(Path(modules) / "onnxruntime-web" / "dist", folder / "ort", ignore=_large)
    (folder / "index.html").write_text(_PAGE.replace("MODULE", module.name))
    answer: Mapping[str, Any] = open_page(folder, "index.html")
    assert "value" in answer, answer["error"]
    return answer["value"]


def _copied(module: Path, folder: Path) -> Path:
    return Path(shutil.copy(module, folder / module.name))


def _large(folder: str, names: Sequence[str]) -> list[str]:
    wanted = {"ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"}
    return [name for name in names if name not in wanted]
