"""The embedded online store keeps the port's promises, and says what is wrong with its disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless.testing.online import ONLINE_STORE_CHECKS
from tests.adapters.online import Lmdb


@pytest.mark.parametrize("check", ONLINE_STORE_CHECKS, ids=lambda check: check.__name__)
def test_conformance(check, tmp_path: Path):
    check(Lmdb(tmp_path))
