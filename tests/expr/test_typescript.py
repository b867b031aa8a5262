"""TypeScript gives the bits of Python: golden vectors and 10,000 hard rows, in Node and in a browser."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gapless.expr import OPERATIONS
from gapless.expr.golden import Vector, encode, vectors
from gapless.expr.typescript import runtime_files, typescript_module
from tests import chromium, node
from tests.expr.adversarial import ROWS, cases, differences, digests, exchange, unpacked
from tests.parity import record

RUNTIMES: Mapping[str, Callable[[Path, str], Any]] = {"node": node.evaluate, "chromium": chromium.evaluate}
HARNESS = Path(__file__).parents[1] / "typescript" / "vectors.ts"


def written(folder: Path, modules: Mapping[str, str]) -> Path:
    """The runtime and modules, as an application would hold them."""
    (folder / "runtime").mkdir(parents=True)
    for name, text in runtime_files().items():
        (folder / "runtime" / name).write_text(text, "utf-8")
    for name, text in modules.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@cache
def golden() -> Mapping[str, Vector]:
    """The golden vectors by the name of their expression."""
    found: dict[str, Vector] = {}
    for vector in vectors():
        found[f"{vector.op}_{sum(one.op == vector.op for one in found.values())}"] = vector
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    modules = {
        "all.ts": typescript_module({case.name: case.expr for case in cases()}, function="all"),
        "golden.ts": typescript_module({name: vector.expr for name, vector in golden().items()}, function="golden"),
        "vectors.ts": HARNESS.read_text("utf-8"),
    }
    found = written(tmp_path_factory.mktemp("typescript") / "package", modules)
    wanted = {case.name: {"type": case.expr.type.value, "digest": digests()[case.name]} for case in cases()}
    (found / "wanted.json").write_text(json.dumps(wanted), "utf-8")
    (found / "vectors.json").write_text(json.dumps([as_json(*one) for one in golden().items()]), "utf-8")
    (found / "table.bin").write_bytes(exchange())
    return node.compiled(found)


def as_json(name: str, vector: Vector) -> dict[str, Any]:
    kinds = [*vector.columns.values(), vector.expr.type]
    rows = [[encode(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in vector.rows]
    columns = {column: kind.value for column, kind in vector.columns.items()}
    return {"name": name, "columns": columns, "type": vector.expr.type.value, "rows": rows}


@pytest.fixture(scope="module", params=RUNTIMES)
def report(request: pytest.FixtureRequest, folder: Path) -> Any:
    return {"runtime": request.param, **RUNTIMES[request.param](folder, "vectors.js")}


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_operation_gives_the_bits_of_python(op: str, report: Any) -> None:
    assert report["rows"] == ROWS
    of_op = [case for case in cases() if case.op == op]
    wrong = {
        case.name: differences(case, unpacked(base64.b64decode(report["wrong"][case.name]), case.expr.type))
        for case in of_op
        if report["digests"][case.name] != digests()[case.name]
    }
    checked = {name: report["golden"][name] for name, vector in golden().items() if vector.op == op}
    compared = ROWS * len(of_op) + sum(one["compared"] for one in checked.values())
    different = sum(wrong.values()) + sum(one["different"] for one in checked.values())
    record("operations", op, report["runtime"], compared=compared, different=different)
    assert len(checked) == len(of_op)
    assert compared > ROWS
    assert wrong == {}
    assert [one["first"] for one in checked.values() if one["different"]] == []
