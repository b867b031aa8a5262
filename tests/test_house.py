"""What holds for every tracked file, and that the documents say what is there."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import gapless

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve()

# Each is written so that it does not match itself.
HOSTS = (
    r"py[p]i\.org|python[h]osted|npm[j]s\.(org|com)|\.mav[e]n\.|mav[e]n\.org|deb\.[d]ebian|crates\.[i]o|proxy\.[g]olang"
)
MACHINE_PATHS = r"(?<![\w.])/(?:w[o]rk|r[o]ot|U[s]ers/\w+|h[o]me/\w+)/"
UNFINISHED = (
    r"\b(?:T[O]DO|F[I]XME|X[X]X)\b|raise Not[I]mplementedError|assert [T]rue\b"
    r"|pytest\.s[k]ip|mark\.s[k]ip|mark\.x[f]ail|pytest\.x[f]ail"
)


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="ignore")


def lines_with(pattern: str, paths: list[Path]) -> list[str]:
    found = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in paths
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if found.search(line)
    ]


def test_no_file_names_a_package_registry():
    assert lines_with(HOSTS, tracked()) == []


def test_no_file_names_a_place_on_somebodys_machine():
    assert lines_with(MACHINE_PATHS, tracked()) == []


def test_nothing_is_left_unfinished_or_switched_off():
    assert lines_with(UNFINISHED, tracked("*.py")) == []


def test_no_tracked_file_is_large():
    assert [str(path) for path in tracked() if path.stat().st_size > 500_000] == []


# ---- documents -----------------------------------------------------------------------------------

LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
DOCUMENTS = tracked("*.md")


def links() -> Iterator[tuple[Path, str]]:
    for path in DOCUMENTS:
        for target in LINK.findall(without_code(text_of(path))):
            if not re.match(r"[a-z]+:", target):
                yield path, target


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """The names that headings get, as code hosts form them."""
    titles = re.findall(r"^#+ +(.+?)\s*$", without_code(text_of(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_lead_somewhere():
    broken = []
    for path, target in links():
        file, _, anchor = target.partition("#")
        led = (path.parent / file).resolve() if file else path
        if not led.exists() or (anchor and led.suffix == ".md" and anchor not in anchors(led)):
            broken.append(f"{path.relative_to(ROOT)} -> {target}")
    assert broken == []


def test_files_that_documents_name_are_there():
    """Words in backticks that look like a path of this repository."""
    named = re.compile(r"`((?:src|tests|bench|docs|examples|scripts|\.ci)/[\w./-]+)`")
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in DOCUMENTS
        for name in named.findall(text_of(path))
        if not (ROOT / name).exists()
    ]
    assert missing == []


def test_make_targets_that_documents_name_are_there():
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = re.compile(r"(?:^|`)make ([a-z]+)", re.MULTILINE)
    asked = {(path.name, target) for path in DOCUMENTS for target in named.findall(text_of(path))}
    assert {(name, target) for name, target in asked if target not in targets} == set()


def test_commands_that_documents_name_are_there():
    from gapless.cli.app import COMMANDS

    named = re.compile(r"(?:^\$? ?|`)gapless ([a-z]+)\b", re.MULTILINE)
    asked = {(path.name, word) for path in DOCUMENTS for word in named.findall(text_of(path))}
    assert {(name, word) for name, word in asked if word not in COMMANDS} == set()


def test_the_changelog_has_a_place_for_what_comes_next():
    assert re.search(r"^## Unreleased$", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE)


def test_every_decision_is_numbered_once():
    numbers = [path.name[:4] for path in tracked("docs/decisions/*.md")]
    assert len(set(numbers)) == len(numbers)


# ---- public names --------------------------------------------------------------------------------


def rooms() -> list[str]:
    return ["gapless", *(f"gapless.{info.name}" for info in pkgutil.iter_modules(gapless.__path__))]


@pytest.mark.parametrize("name", [name for name in rooms() if not name.endswith("__main__")])
def test_public_names_exist_and_say_what_they_are(name):
    module = importlib.import_module(name)
    assert module.__doc__, "a module says what it holds"
    for public in getattr(module, "__all__", []):
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert inspect.getdoc(value), f"{name}.{public} has no docstring"


def test_the_root_offers_what_it_lists():
    assert sorted(gapless.__all__) == gapless.__all__
    assert set(gapless.__all__) <= set(dir(gapless))
