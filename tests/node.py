"""JavaScript in Node, and TypeScript compiled for it; a browser runs the same modules, see `chromium`.

    compiled(folder)                        # every .ts file becomes a .js file beside it, or errors are raised
    evaluate(folder, "vectors.js")          # what its default export gives

A module that both run exports one function by default, `(read) => value` or a promise of one: `read(path)` promises the
bytes of a file below the folder as an ArrayBuffer, and the value is what JSON can hold.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from scripts.servers import TYPESCRIPT, TYPESCRIPT_PINS, ensure

__all__ = ["compiled", "evaluate", "typescript_errors"]

_RUN = """
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
const [folder, module] = process.argv.slice(1);
const read = async (path) => {
  const found = await readFile(resolve(folder, path));
  return found.buffer.slice(found.byteOffset, found.byteOffset + found.byteLength);
};
const { default: run } = await import(pathToFileURL(resolve(folder, module)));
const text = JSON.stringify(await run(read));
await new Promise((done) => process.stdout.write(`\\n${text}\\n`, done));
process.exit(0);
"""


def evaluate(folder: Path, module: str, *, timeout_s: float = 120.0) -> Any:
    """What a module's default export gives in Node.

    Raises: RuntimeError with what Node wrote, where it fails or takes longer.
    """
    (node,) = ensure("node")
    command = [node, "--input-type=module", "-e", _RUN, str(folder.resolve()), module]
    try:
        out = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout_s)
    except subprocess.TimeoutExpired as slow:
        raise RuntimeError(f"{module} did not end within {timeout_s:g} s in node: {slow.stderr!r}") from None
    if out.returncode:
        raise RuntimeError(f"{module} failed in node: {out.stderr.strip()}")
    return json.loads(out.stdout.splitlines()[-1])


def typescript_errors(folder: Path) -> list[str]:
    """What the strict compiler says of the .ts files below a folder; it writes .js files beside them."""
    (tsc,) = ensure(TYPESCRIPT)
    shutil.copy(TYPESCRIPT_PINS / "tsconfig.json", folder / "tsconfig.json")
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    out = subprocess.run([tsc, "-p", str(folder)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return out.stdout.splitlines() or ([out.stderr] if out.returncode else [])


def compiled(folder: Path) -> Path:
    """The folder, once its .ts files are compiled. Raises: RuntimeError with the compiler's errors."""
    errors = typescript_errors(folder)
    if errors:
        raise RuntimeError("\n".join(errors[:20]))
    return folder
