"""The pages about deploying and access name everything that there is."""

from __future__ import annotations

import re
from pathlib import Path

import gapless.deploying.access
from gapless.deploying import GATES
from gapless.deploying.gates import Gate
from gapless.ports.metadata import ROLES

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_gate_is_in_the_table_and_says_whether_it_can_be_forced():
    rows = re.findall(r"^\| `(\w+)` \|.*\| (yes|no) \|$", (DOCS / "deploying.md").read_text(), re.MULTILINE)
    gates = [Gate(name, "1", True, "", "") for name in GATES]
    assert rows == [(gate.name, "no" if gate.can_be_forced else "yes") for gate in gates]


def test_every_role_and_every_denial_is_explained():
    page = (DOCS / "security.md").read_text()
    source = Path(gapless.deploying.access.__file__).read_text()
    codes = set(re.findall(r'Denial\(\d+, "(\w+)"', source))
    assert len(codes) == 7
    assert {code for code in codes if f"`{code}`" not in page} == set()
    assert [role for role in ROLES if f"| `{role}` |" not in page] == []
