"""The generated pages are what the code gives now, and every page can be found."""

from __future__ import annotations

from pathlib import Path

import gapless
from scripts.docs import PAGES, REFERENCE, outdated

ROOT = Path(__file__).resolve().parent.parent


def test_generated_pages_are_current():
    assert outdated() == [], "run `make docs` and commit what it wrote"


def test_nothing_else_lies_among_the_generated_pages():
    assert sorted(path.name for path in REFERENCE.iterdir()) == sorted(PAGES)


def test_every_public_name_has_its_place():
    page = PAGES["python.md"]()
    assert [name for name in gapless.__all__ if f"\n## gl.{name}\n" not in page] == []


def test_the_index_leads_to_every_page():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")} - {"README.md"}
    assert sorted(page for page in pages if f"]({page})" not in index) == []
