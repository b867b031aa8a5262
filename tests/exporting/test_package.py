"""What is written into a package, when it is refused, and that it is whole."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from gapless.bundle import Bundle
from gapless.errors import InputError, StorageError
from gapless.exporting import check_target, package_files, package_version, write_package
from gapless.exporting.files import DEPENDENCIES
from scripts.servers import NPM_PINS
from tests.exporting.rentals import MODEL, make


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make(tmp_path_factory.mktemp("made") / "bundle")


@pytest.fixture(scope="module")
def files(bundle: Bundle) -> dict[str, bytes]:
    return package_files(bundle, product="Bike Rentals", version="7")


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_bundle_gives_the_same_bytes(bundle: Bundle, files: dict[str, bytes], tmp_path: Path) -> None:
    assert package_files(bundle, product="Bike Rentals", version="7") == files
    again = make(tmp_path / "again")
    assert again.hash == bundle.hash
    assert package_files(again, product="Bike Rentals", version="7") == files


def test_the_manifest_names_every_file_and_what_it_was_made_from(bundle: Bundle, files: dict[str, bytes]) -> None:
    manifest = json.loads(files["manifest.json"])
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in files.items() if path != "manifest.json"}
    assert manifest["files"] == hashes
    assert manifest["bundle_hash"] == bundle.hash
    assert manifest["definition_hash"] == bundle.manifest.definition_hash
    assert manifest["features_hash"] == MODEL.features_hash
    assert files["model.onnx"] == bundle.read("model.onnx")
    assert json.loads(files["golden.json"])["model"] == bundle.document("golden")


def test_what_npm_reads(files: dict[str, bytes]) -> None:
    npm = json.loads(files["package.json"])
    assert (npm["name"], npm["version"]) == ("bike-rentals-returns-late", "7.0.0")
    assert "dependencies" not in npm
    assert npm["devDependencies"] == DEPENDENCIES
    assert npm["peerDependenciesMeta"] == {name: {"optional": True} for name in npm["peerDependencies"]}
    pins = json.loads((NPM_PINS / "package.json").read_text())
    assert pins["devDependencies"] == DEPENDENCIES, "what tests install is what packages are built with"
    assert package_version("12") == "12.0.0"


def test_a_version_that_only_python_reads_is_refused(tmp_path: Path) -> None:
    pickled = make(tmp_path / "bundle", runtime="python")
    with pytest.raises(InputError, match="pickled"):
        package_files(pickled, product="rentals", version="7")


def test_an_earlier_export_is_replaced_and_nothing_else(files: dict[str, bytes], tmp_path: Path) -> None:
    target = tmp_path / "package"
    target.mkdir()
    write_package(target, files)
    assert tree(target) == files
    (target / "node_modules").mkdir()
    (target / "src" / "left.ts").write_text("over")
    fewer = {path: data for path, data in files.items() if not path.startswith("test/")}
    write_package(target, fewer)
    assert tree(target) == fewer
    assert not (target / "node_modules").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["package"]


@pytest.mark.parametrize("content", ["notes.txt", "manifest.json", "package.json"])
def test_what_is_no_export_is_left_alone(files: dict[str, bytes], content: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / content).write_text("{}")
    before = tree(tmp_path)
    for act in (check_target, lambda folder: write_package(folder, files)):
        with pytest.raises(InputError, match="no earlier export"):
            act(tmp_path / "mine")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="no earlier export"):
        write_package(tmp_path / "file", files)
    (tmp_path / "file").unlink()
    assert tree(tmp_path) == before


def test_a_write_that_fails_leaves_what_was_there(files: dict[str, bytes], tmp_path: Path) -> None:
    target = tmp_path / "package"
    write_package(target, files)
    # a file that is a folder of another one cannot be written
    with pytest.raises(StorageError):
        write_package(target, {**files, "README.md/inside": b"x"})
    assert tree(target) == files
    assert [path.name for path in tmp_path.iterdir()] == ["package"]


def test_a_link_is_followed(files: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "link")
    for _ in range(2):
        write_package(tmp_path / "link", files)
        assert (tmp_path / "link").is_symlink()
        assert tree(tmp_path / "real") == files
