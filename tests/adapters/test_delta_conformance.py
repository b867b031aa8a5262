"""The Delta adapter keeps every promise of the port."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless.adapters.delta import DeltaStore
from gapless.adapters.delta.files import Sizes
from gapless.testing.offline import OFFLINE_STORE_CHECKS
from gapless.testing.offline_shared import SHARED_STORE_CHECKS


@pytest.mark.parametrize("check", [*OFFLINE_STORE_CHECKS, *SHARED_STORE_CHECKS], ids=lambda check: check.__name__)
@pytest.mark.parametrize("sizes", [Sizes(), Sizes(rows_per_file=16, rows_per_group=4)], ids=["default", "tiny"])
def test_conformance(check, sizes: Sizes, tmp_path: Path) -> None:
    check(lambda name: DeltaStore(tmp_path / name, sizes=sizes))
