"""pyproject.toml and constraints.txt agree, name no server, and cover what the code imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")
EXTRAS: Mapping[str, list[str]] = PROJECT["project"]["optional-dependencies"]
REQUIREMENTS = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"], *chain(*EXTRAS.values())]

# Packages whose modules have another name.
PACKAGE_OF = {"sklearn": "scikit-learn", "mlflow": "mlflow-skinny"}


def pins() -> list[tuple[str, str]]:
    """(name, version); a name that has other versions for other Pythons is there more than once."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", CONSTRAINTS, re.MULTILINE)
    return [(canonicalize_name(name), version) for name, version in found]


@pytest.mark.parametrize("text", REQUIREMENTS)
def test_a_requirement_has_a_floor_and_pins_that_meet_it(text):
    requirement = Requirement(text)
    versions = [version for name, version in pins() if name == canonicalize_name(requirement.name)]
    assert any(one.operator in (">=", "==", "~=") for one in requirement.specifier)
    assert versions
    assert all(version in requirement.specifier for version in versions)


def test_constraints_name_no_server():
    assert not re.search(r"://|^\s*-{1,2}(?!-?hash)\w", CONSTRAINTS, re.MULTILINE)


def test_every_pin_has_hashes():
    blocks = re.split(r"^(?=[A-Za-z0-9])", CONSTRAINTS, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins())
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks)


def test_setup_finds_the_pin_of_the_installer():
    pattern = re.search(r're\.search\(r"(.+?)", file', (ROOT / "scripts" / "setup.py").read_text(encoding="utf-8"))
    found = re.search(pattern[1], CONSTRAINTS, re.MULTILINE)
    lines = found.group().splitlines()
    assert lines[0].startswith("uv==")
    assert all(line.strip().startswith("--hash=") for line in lines[1:])
    assert len(lines) > 1


def imported() -> set[str]:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "src").rglob("*.py")]
    plain = {a.name for t in trees for n in ast.walk(t) if isinstance(n, ast.Import) for a in n.names}
    partial = {n.module or "" for t in trees for n in ast.walk(t) if isinstance(n, ast.ImportFrom)}
    tops = {name.split(".")[0] for name in plain | partial}
    return tops - {"", "gapless"} - set(sys.stdlib_module_names)


def test_what_the_code_imports_is_declared():
    """Among what everybody installs, or in an extra: test_architecture.py keeps such a library to its adapter."""
    extras = chain.from_iterable(EXTRAS[name] for name in EXTRAS.keys() - {"dev", "examples"})
    declared = {canonicalize_name(Requirement(text).name) for text in [*PROJECT["project"]["dependencies"], *extras]}
    assert {canonicalize_name(PACKAGE_OF.get(name, name)) for name in imported()} <= declared


def test_extras_that_an_error_names_exist():
    named = set()
    for path in (ROOT / "src").rglob("*.py"):
        named |= set(re.findall(r'MissingExtra\([^)]*"(\w+)"\s*\)', path.read_text(encoding="utf-8")))
    assert named <= set(EXTRAS)
