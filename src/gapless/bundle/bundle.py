"""A bundle on disk: the files that any runtime needs to score a version, and how they are checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gapless.bundle.folder import write_folder
from gapless.bundle.manifest import FORMAT, BundleManifest
from gapless.errors import CorruptData, NotFound

__all__ = ["Bundle", "as_json", "read_bundle", "write_bundle"]

MANIFEST = "manifest.json"
_FILES = {"model.onnx", "estimator.pkl", "expressions.json", "golden.json", "certificate.json", "profile.json"}
_NEEDED = {
    "onnx": {"model.onnx", "expressions.json", "golden.json", "certificate.json"},
    "python": {"estimator.pkl", "expressions.json", "golden.json"},
}


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files had their hashes when it was opened.

    Parameters:
        hash — sha256 of the manifest's bytes, hence of everything.
    """

    path: Path
    manifest: BundleManifest
    hash: str

    def read(self, name: str) -> bytes:
        """The bytes of one file, checked again against the manifest: what is checked is what is used.

        Raises: CorruptData; NotFound for a file that the manifest does not name.
        """
        expected = self.manifest.files.get(name)
        if expected is None:
            known = ", ".join(sorted(self.manifest.files))
            raise NotFound("the bundle has no such file", seen=name, allowed=known, where=str(self.path))
        data = _read(self.path / name)
        if _sha256(data) != expected:
            raise _corrupt(self.path / name, f"sha256 {_sha256(data)}", f"sha256 {expected}")
        return data

    def document(self, name: str) -> Any:
        """One of its JSON files ("expressions", "golden", "certificate", "profile"), parsed."""
        return json.loads(self.read(f"{name}.json"))


def as_json(document: Any) -> bytes:
    """JSON for people and hashes: sorted, indented, one line end."""
    text = json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def write_bundle(target: Path, manifest: BundleManifest, files: Mapping[str, bytes]) -> Bundle:
    """The bundle is on stable storage at `target`, whole, and is returned.

    Parameters:
        files — contents by name: model.onnx (or estimator.pkl), expressions.json, golden.json, certificate.json,
            profile.json.

    Guarantees: atomic; the same manifest and files give the same bytes and the same hash.

    Raises: StorageError where the target exists already or cannot be written.
    """
    complete = _with_hashes(manifest, files)
    text = as_json(complete.to_dict())
    write_folder(target, {**files, MANIFEST: text})
    return Bundle(target, complete, _sha256(text))


def _with_hashes(manifest: BundleManifest, files: Mapping[str, bytes]) -> BundleManifest:
    return replace(manifest, files={name: _sha256(data) for name, data in sorted(files.items())})


def read_bundle(path: Path) -> Bundle:
    """The bundle at `path`, every file of it checked against its hash. Nothing is unpickled.

    Raises: NotFound where there is none; CorruptData naming the file whose bytes differ or that is missing.
    """
    if not (path / MANIFEST).is_file():
        raise NotFound("no bundle there", seen=str(path), allowed=f"a folder with {MANIFEST}")
    text = _read(path / MANIFEST)
    bundle = Bundle(path, _manifest(path / MANIFEST, text), _sha256(text))
    for name in bundle.manifest.files:
        bundle.read(name)
    return bundle


def _manifest(path: Path, text: bytes) -> BundleManifest:
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise _corrupt(path, f"format {document['format']}", f"format {FORMAT}")
        manifest = BundleManifest.from_dict(document)
        # The names come from the file: only these are ever joined to a path.
        if not _NEEDED[manifest.runtime] <= set(manifest.files) <= _FILES:
            raise _corrupt(path, ", ".join(sorted(manifest.files)), ", ".join(sorted(_NEEDED[manifest.runtime])))
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, CorruptData):
            raise
        raise _corrupt(path, f"{type(error).__name__}: {error}", "a manifest of a bundle") from error
    return manifest


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _corrupt(path, error.strerror or str(error), "a readable file") from error


def _corrupt(path: Path, seen: str, allowed: str) -> CorruptData:
    return CorruptData(
        f"{path.name} of a bundle is not what was written",
        seen=seen,
        allowed=allowed,
        next_step="fetch the version from the tracker again, or train again",
        where=str(path),
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
