"""The engine in memory keeps the promises of the port, whatever it makes go wrong."""

import pytest

from gapless.testing.engine import BATCH_ENGINE_CHECKS
from gapless.testing.engines import MemoryEngine


@pytest.mark.parametrize("check", BATCH_ENGINE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("trouble", [0.0, 0.5])
def test_conformance(check, trouble):
    check(MemoryEngine(seed=1, again=trouble, broken=trouble))
