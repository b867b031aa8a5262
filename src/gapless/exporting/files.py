"""The parts of a package that are the same for every version: kept beside this module as they are written."""

from __future__ import annotations

import json
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from gapless.exporting.names import package_name, package_version

__all__ = ["DEPENDENCIES", "package_json", "plain_files", "tsconfig"]

DEPENDENCIES = {
    "@types/node": "26.6.7",
    "onnxruntime-node": "1.30.0",
    "onnxruntime-web": "1.30.0",
    "typescript": "7.0.2",
}
"""What a package is built and tested with. Of these its users need one runtime, and none for the client alone."""
_RUNTIMES = ("onnxruntime-node", "onnxruntime-web")
_TESTS = ("build/test/model.test.js", "build/test/client.test.js")


def plain_files(name: str) -> dict[str, str]:
    """src/*.ts and test/*.ts by path; `name` is the package's own, by which its tests import it."""
    root = resources.files(__package__) / "package"
    return {path: text.replace("gapless-exported", name) for path, text in _texts(root, "")}


def _texts(folder: Traversable, path: str) -> list[tuple[str, str]]:
    found = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            found += _texts(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(".ts"):
            found.append((f"{path}{entry.name}", entry.read_text(encoding="utf-8")))
    return found


def package_json(product: str, model: str, version: str) -> dict[str, Any]:
    """The manifest that npm reads."""
    return {
        "name": package_name(product, model),
        "version": package_version(version),
        "description": f"The model {model}, version {version}, of the product {product}",
        "private": True,
        "type": "module",
        "sideEffects": False,
        "engines": {"node": ">=20.3"},
        "files": ["dist", "src", "model.onnx", "golden.json", "manifest.json"],
        "exports": {
            ".": {"browser": _entry("browser"), "node": _entry("node"), "default": _entry("browser")},
            "./client": _entry("client-only"),
            **{f"./{file}": f"./{file}" for file in ("model.onnx", "golden.json", "manifest.json", "package.json")},
        },
        "scripts": {
            "build": "tsc -p tsconfig.json",
            "test": "npm run build && tsc -p tsconfig.test.json && node --test " + " ".join(_TESTS),
            "prepack": "npm run build",
        },
        "peerDependencies": {name: f"^{DEPENDENCIES[name]}" for name in _RUNTIMES},
        "peerDependenciesMeta": {name: {"optional": True} for name in _RUNTIMES},
        "devDependencies": DEPENDENCIES,
    }


def _entry(module: str) -> dict[str, str]:
    return {"types": f"./dist/{module}.d.ts", "default": f"./dist/{module}.js"}


def tsconfig(folder: str, out: str) -> str:
    """How the TypeScript below `folder` is checked and compiled into `out`."""
    document = {
        "compilerOptions": {
            "target": "ES2022",
            "lib": ["ES2022", "DOM", "DOM.Iterable"],
            "module": "NodeNext",
            "moduleResolution": "NodeNext",
            "types": ["node"],
            "strict": True,
            "noUncheckedIndexedAccess": True,
            "exactOptionalPropertyTypes": True,
            "noImplicitOverride": True,
            "noFallthroughCasesInSwitch": True,
            "verbatimModuleSyntax": True,
            "isolatedModules": True,
            "skipLibCheck": True,
            "declaration": True,
            "sourceMap": True,
            "rootDir": folder,
            "outDir": out,
        },
        "include": [folder],
    }
    return json.dumps(document, indent=2) + "\n"
