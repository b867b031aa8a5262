"""Commit, changes and versions."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from gapless.bundle import CodeVersion
from gapless.training.provenance import code_version, environment


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(
        ["git", "-C", folder, *who, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "product.py").write_text("x = 1\n")
    git(tmp_path, "add", "product.py")
    git(tmp_path, "commit", "-q", "-m", "one")
    return tmp_path


def test_a_clean_commit(repository):
    assert code_version(repository) == CodeVersion(git(repository, "rev-parse", "HEAD"), dirty=False)


@pytest.mark.parametrize("name", ["product.py", "new.py"])
def test_changes_and_new_files_are_dirty(repository, name):
    (repository / name).write_text("x = 2\n")
    assert code_version(repository).dirty


def test_changes_elsewhere_in_the_repository_are_not_ours(repository):
    (repository / "ours").mkdir()
    (repository / "product.py").write_text("x = 2\n")
    assert not code_version(repository / "ours").dirty


def test_unknown_without_repository_commit_or_git(tmp_path, repository):
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    assert code_version(empty) == CodeVersion("unknown", dirty=False)
    assert code_version(repository, git="no-such-git") == CodeVersion("unknown", dirty=False)
    assert code_version(tmp_path / "nowhere") == CodeVersion("unknown", dirty=False)


def test_the_environment_names_what_numbers_depend_on():
    assert environment()["numpy"] == np.__version__
    assert {"python", "platform", "scikit-learn", "onnxruntime", "skl2onnx"} <= environment().keys()
