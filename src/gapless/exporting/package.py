"""The files of an npm package, made from a bundle and the author's rules of trust."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gapless import __version__
from gapless.bundle import Bundle, as_json, feature_set
from gapless.bundle.profile import read_profile
from gapless.errors import InputError
from gapless.exporting.columns import types_module
from gapless.exporting.definition import definition_module
from gapless.exporting.expressions import expression_modules
from gapless.exporting.files import package_json, plain_files, tsconfig
from gapless.exporting.golden import golden_document
from gapless.exporting.readme import readme
from gapless.product import Trust

__all__ = ["FORMAT", "KIND", "MANIFEST", "package_files"]

MANIFEST = "manifest.json"
KIND = "gapless typescript package"
FORMAT = 1


def package_files(
    bundle: Bundle,
    *,
    product: str,
    version: str,
    trust: Trust | None = None,
    freshness: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, bytes]:
    """Contents by path: TypeScript, the model, golden vectors, a manifest with the hash of every other file.

    Parameters:
        product — a name; version — the registered version of the bundle.
        trust, freshness — the author's rules, which are in no bundle: see `definition_module`. None: the defaults.

    Raises: InputError for a version that no other runtime can score; CorruptData.

    Guarantees: the same bundle, names, rules and release of gapless give the same bytes.
    """
    _check_portable(bundle, version)
    features, manifest = feature_set(bundle), bundle.manifest
    npm = package_json(product, manifest.model, version)
    sources = {
        "types.ts": types_module(features),
        "definition.ts": definition_module(
            bundle, features, read_profile(bundle), version, trust or Trust(), freshness
        ),
        **expression_modules(features),
    }
    texts = {
        **plain_files(npm["name"]),
        **{f"src/{name}": text for name, text in sources.items()},
        "package.json": json.dumps(npm, indent=2) + "\n",
        "tsconfig.json": tsconfig("src", "dist"),
        "tsconfig.test.json": tsconfig("test", "build/test"),
        ".gitignore": "node_modules/\ndist/\nbuild/\n",
        "README.md": readme(npm["name"], bundle, features, version),
    }
    files = {path: text.encode() for path, text in texts.items()}
    files["model.onnx"] = bundle.read("model.onnx")
    files["golden.json"] = as_json(golden_document(bundle, features))
    return {**dict(sorted(files.items())), MANIFEST: as_json(_manifest(bundle, product, version, files))}


def _manifest(bundle: Bundle, product: str, version: str, files: dict[str, bytes]) -> dict[str, Any]:
    return {
        "kind": KIND,
        "format": FORMAT,
        "gapless": __version__,
        "product": product,
        "model": bundle.manifest.model,
        "version": version,
        "bundle_hash": bundle.hash,
        "definition_hash": bundle.manifest.definition_hash,
        "features_hash": bundle.manifest.features_hash,
        "data_hash": bundle.manifest.data_hash,
        "files": {path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())},
    }


def _check_portable(bundle: Bundle, version: str) -> None:
    if bundle.manifest.runtime == "onnx":
        return
    raise InputError(
        f"version {version} of {bundle.manifest.model!r} is scored by a pickled estimator, which only Python reads",
        seen=f'runtime="{bundle.manifest.runtime}"',
        allowed='a version with runtime="onnx"',
        next_step='train the model with runtime="onnx", or ask it over HTTP',
    )
