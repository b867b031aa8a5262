"""A package as its user gets it: packed, installed from the archive, imported by name, with no runtime and with one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from gapless.exporting import package_files, write_package
from scripts.servers import NPM_PACKAGES, ensure
from tests.exporting.packages import install, npm
from tests.exporting.rentals import make

USE = """
import { CannotLoad, loadModel, onDemand } from "rentals-returns-late";
import { GaplessClient } from "rentals-returns-late/client";
import { readFile } from "node:fs/promises";
const found = { client: typeof GaplessClient, onDemand: typeof onDemand };
found.manifest = JSON.parse(await readFile(new URL(import.meta.resolve("rentals-returns-late/manifest.json")))).version;
try {
  found.answer = (await (await loadModel()).predict({ number: 1, km: 3.5 }, {})).model;
} catch (error) {
  found.error = [error instanceof CannotLoad, error.code, error.next_step];
}
console.log(JSON.stringify(found));
process.exit(0);
"""


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that installed the archive."""
    home = tmp_path_factory.mktemp("user")
    write_package(home / "package", package_files(make(home / "bundle", "request"), product="rentals", version="7"))
    packed = npm(install(home / "package"), "pack")
    assert packed.returncode == 0, packed.stderr
    project = home / "project"
    project.mkdir()
    (project / "package.json").write_text('{"name": "project", "private": true, "type": "module"}')
    (project / "use.mjs").write_text(USE)
    archive = home / "package" / "rentals-returns-late-7.0.0.tgz"
    ran = npm(project, "install", "--offline", "--no-audit", "--no-fund", str(archive))
    assert ran.returncode == 0, ran.stderr
    return project


def used(project: Path) -> dict[str, object]:
    (node,) = ensure("node")
    ran = subprocess.run([node, "use.mjs"], cwd=project, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, object] = json.loads(ran.stdout)
    return found


def test_the_archive_holds_what_is_needed_and_no_tests(user: Path) -> None:
    installed = user / "node_modules" / "rentals-returns-late"
    assert {path.name for path in installed.iterdir()} == {
        *("README.md", "dist", "golden.json", "manifest.json", "model.onnx", "package.json", "src")
    }
    assert [path.name for path in (user / "node_modules").iterdir() if not path.name.startswith(".")] == [
        installed.name
    ]


def test_without_a_runtime_the_client_works_and_the_model_says_what_to_install(user: Path) -> None:
    error = [True, "no_runtime", "npm install onnxruntime-node"]
    assert used(user) == {"client": "function", "onDemand": "function", "manifest": "7", "error": error}


def test_with_a_runtime_it_answers(user: Path) -> None:
    (modules,) = ensure(NPM_PACKAGES)
    for name in ("onnxruntime-node", "onnxruntime-common"):
        (user / "node_modules" / name).symlink_to(Path(modules) / name)
    assert used(user) == {"client": "function", "onDemand": "function", "manifest": "7", "answer": "returns_late"}
