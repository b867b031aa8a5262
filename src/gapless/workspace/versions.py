"""Registered versions on a workspace: their bundles, and all there is to know of one."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from gapless.bundle import Bundle, feature_set, read_bundle
from gapless.clock import format_instant
from gapless.errors import NotFound
from gapless.ports.tracker import BUNDLE, VersionRecord
from gapless.workspace.functions import functions_of
from gapless.workspace.parts import Parts

__all__ = ["bundle_name", "describe", "fetch_bundle"]


def fetch_bundle(parts: Parts, version: VersionRecord) -> Bundle:
    """The version's bundle, fetched once and kept below the workspace; checked against its hashes every time.

    Raises: CorruptData; NotFound; Transient where it is not here yet and the tracker does not answer.
    """
    mark = version.tags.get("bundle_hash", version.run_key)
    kept = parts.home("bundles") / bundle_name(version.model, version.version, mark)
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=kept.parent) as folder:
            found = parts.tracker.fetch(version, BUNDLE, Path(folder))
            try:
                found.rename(kept)
            except OSError:  # another process was first, with the same bytes
                shutil.rmtree(found)
    return read_bundle(kept)


def bundle_name(model: str, version: str, mark: str) -> str:
    """What the folder of a kept bundle is called; `mark` is its hash."""
    return f"{model}-{version}-{mark[:16]}"


def describe(parts: Parts, version: VersionRecord) -> dict[str, Any]:
    """Everything about a version as plain values."""
    bundle = fetch_bundle(parts, version)
    return {
        "model": version.model,
        "version": version.version,
        "registered": format_instant(version.created_us // 1_000_000 * 1_000_000),
        "run": version.run_id,
        "bundle": version.bundle,
        "metrics": dict(sorted(version.metrics.items())),
        "lineage": dict(sorted(version.tags.items())),
        "params": dict(sorted(version.params.items())),
        "certificate": bundle.document("certificate") if "certificate.json" in bundle.manifest.files else None,
        "importance": _artifact(parts, version, "importance.json"),
        "evaluation": _artifact(parts, version, "evaluation.json"),
        "training set": _artifact(parts, version, "training_set.json"),
        "environment": dict(bundle.manifest.environment),
        "features": list(bundle.manifest.names),
        "pandas functions": _functions(parts, bundle),
    }


def _functions(parts: Parts, bundle: Bundle) -> list[dict[str, Any]]:
    """Those that the version was trained with; whether the product still has them decides if their views stay fresh."""
    there = {made.hash for made in parts.product.pandas_functions.values()}
    return [{**each, "in_product": each["hash"] in there} for each in functions_of(feature_set(bundle))]


def _artifact(parts: Parts, version: VersionRecord, name: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return json.loads(parts.tracker.fetch(version, name, Path(folder)).read_bytes())
        except NotFound:
            return None
