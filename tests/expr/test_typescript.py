"""TypeScript gives the bits of Python: golden vectors and 10,000 hard rows, in Node and in a browser."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gapless.expr import OPERATIONS
from gapless.expr.typescript import runtime_files, typescript_module
from tests import chromium, node
from tests.expr.adversarial import ROWS, Case, cases, different_rows, digests, expected, unpacked
from tests.expr.typescript_package import golden, mixed, mixed_answers, package, runtime_in
from tests.parity import record

RUNTIMES: Mapping[str, Callable[[Path, str], Any]] = {"node": node.evaluate, "chromium": chromium.evaluate}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node.compiled(package(tmp_path_factory.mktemp("typescript") / "package"))


@pytest.fixture(scope="module", params=RUNTIMES)
def report(request: pytest.FixtureRequest, folder: Path) -> Any:
    return {"runtime": request.param, **RUNTIMES[request.param](folder, "vectors.js")}


def found(report: Any, case: Case) -> Any:
    """The answers of a runtime that differ from what is expected, as bits."""
    return unpacked(base64.b64decode(report["wrong"][case.name]), case.expr.type)


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_operation_gives_the_bits_of_python(op: str, report: Any) -> None:
    of_op = [case for case in cases() if case.op == op]
    wrong = {
        case.name: different_rows(expected(case), found(report, case)) for case in of_op if case.name in report["wrong"]
    }
    checked = {name: report["golden"][name] for name, vector in golden().items() if vector.op == op}
    compared = ROWS * len(of_op) + sum(one["compared"] for one in checked.values())
    different = sum(wrong.values()) + sum(one["different"] for one in checked.values())
    record("operations", op, report["runtime"], compared=compared, different=different)
    assert report["rows"] == ROWS
    assert len(checked) == len(of_op)
    assert {case.name: report["digests"][case.name] for case in of_op} == {c.name: digests()[c.name] for c in of_op}
    assert wrong == {}
    assert [one["first"] for one in checked.values() if one["different"]] == []


def test_expressions_of_expressions_give_the_bits_of_python(report: Any) -> None:
    wrong = {
        repr(case.expr): different_rows(right, found(report, case))
        for case, right in mixed_answers().items()
        if case.name in report["wrong"]
    }
    assert wrong == {}
    assert {case.name for case in mixed()} <= set(report["digests"])


def test_a_runtime_that_is_wrong_is_seen(tmp_path: Path) -> None:
    """Rounding as floor(x + 0.5), and lengths in UTF-16: each row that this breaks is counted."""
    broken = runtime_files()
    broken["numbers.ts"] = broken["numbers.ts"].replace("x - f >= 0.5 ? f + 1 : f", "Math.floor(x + 0.5) + 0 * f")
    broken["text.ts"] = broken["text.ts"].replace("isLow(s.charCodeAt(at))", "isLow(at & 255)")
    folder = node.compiled(package(tmp_path / "package", ops=["round", "length", "floor"], runtime=broken))
    report = node.evaluate(folder, "vectors.js")
    by_name = {case.name: case for case in cases()}
    assert {name for name in report["wrong"] if not name.startswith("mixed")} == {"round_0", "round_1", "length_0"}
    astral = sum(any(ord(letter) > 0xFFFF for letter in text) for text in expected(by_name["column_2"]).texts or ())
    assert different_rows(expected(by_name["length_0"]), found(report, by_name["length_0"])) == astral > 100
    assert different_rows(expected(by_name["round_0"]), found(report, by_name["round_0"])) > 10


def test_every_expression_alone_is_a_strict_module(tmp_path: Path) -> None:
    runtime_in(tmp_path, runtime_files())
    for case in cases():
        (tmp_path / f"{case.name}.ts").write_text(typescript_module({case.name: case.expr}), "utf-8")
    assert node.typescript_errors(tmp_path) == []
    assert len(list(tmp_path.glob("*.js"))) == len(cases())
