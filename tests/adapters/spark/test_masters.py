"""What a setting may say of a Spark cluster."""

from __future__ import annotations

import pytest

from gapless.adapters.spark import spark_master
from gapless.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "url", "local", "loopback"),
    [
        ("spark", "local[*,4]", True, True),
        ("spark:local", "local[1,4]", True, True),
        ("spark:local[2]", "local[2,4]", True, True),
        ("local[*,3]", "local[*,3]", True, True),
        ("spark://127.0.0.1:7077", "spark://127.0.0.1:7077", False, True),
        ("spark://localhost:7077,[::1]:7078", "spark://localhost:7077,[::1]:7078", False, True),
        ("spark://localhost:7077,10.0.0.5:7077", "spark://localhost:7077,10.0.0.5:7077", False, False),
        ("spark://host.example:1", "spark://host.example:1", False, False),
    ],
)
def test_a_master_is_read(text, url, local, loopback):
    master = spark_master(text)
    assert (str(master), master.is_local, master.is_loopback) == (url, local, loopback)


@pytest.mark.parametrize(
    "text",
    [
        *("", "spark:", "spark://", "spark://host", "spark://host:0", "spark://host:70000", "spark://host:7077,"),
        *("local[0]", "local[]", "local[2", "spark:local[-1]", "http://host:8080", "duckdb", "spark:spark://host:1"),
        "spark://user@host:7077",
    ],
)
def test_anything_else_is_refused_with_the_forms_that_there_are(text):
    with pytest.raises(SettingsError, match=r"spark:local\[2\]") as refused:
        spark_master(text)
    assert refused.value.seen == text
