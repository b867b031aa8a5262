"""A shop with two versions, one of them live, and the packages of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gapless.cli import main
from tests.cli.shop import ingest_all, make_shop


@pytest.fixture(scope="package")
def shop(tmp_path_factory: Any) -> Path:
    """The folder of the workspace; tests leave it as it is."""
    folder = make_shop(tmp_path_factory.mktemp("shop"))
    ingest_all(folder)
    for words in (
        ("train", "will_return", "--until", "2024-01-28"),
        ("train", "will_return", "--until", "2024-01-20"),
        ("materialize",),
        ("promote", "will_return", "1"),
    ):
        assert main([*words, "--workspace", str(folder), "--json"]) == 0
    return folder
