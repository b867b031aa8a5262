"""What a generated module takes, refuses and promises to the compiler; zones as text are those of Python."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gapless.clock import SECOND
from gapless.errors import DefinitionError
from gapless.expr import Expr, column, literal
from gapless.expr.elementary_tables import EXP, LOG
from gapless.expr.typescript import runtime_files, typescript_module
from gapless.expr.typescript_zones import zone_call
from gapless.expr.zones import load_zone, zone_names
from gapless.schema import Type
from tests import node
from tests.expr.typescript_package import runtime_in

TYPES = {"x": Type.FLOAT, "p": Type.BOOL, "s": Type.STRING, "t": Type.TIMESTAMP}
COLUMNS = {name: column(name, kind) for name, kind in TYPES.items()}
# Calls the function of ./row.js with each argument in ARGUMENTS; a bigint is told as text with an n behind.
CALLS = """
import { row } from "./row.js";
import { InputError } from "./runtime/index.js";
const told = (value) => typeof value === "bigint" ? `${value}n` : Object.is(value, -0) ? "-0" : value;
const call = (argument) => {
  try {
    return Object.entries(row(argument())).map(([name, value]) => [name, told(value)]);
  } catch (error) {
    if (!(error instanceof InputError)) return `${error}`;
    const { name, field, seen, allowed } = error;
    return { name, field, seen: `${typeof seen} ${String(seen)}`, allowed };
  }
};
export default () => [ARGUMENTS].map(call);
"""


def calls(folder: Path, exprs: dict[str, Expr], arguments: list[str]) -> list[Any]:
    """What the function says to each argument, written in JavaScript: its members, or the error."""
    runtime_in(folder, runtime_files())
    (folder / "row.ts").write_text(typescript_module(exprs), "utf-8")
    node.compiled(folder)
    made = ", ".join(f"() => ({argument})" for argument in arguments)
    (folder / "calls.js").write_text(CALLS.replace("ARGUMENTS", made), "utf-8")
    return node.evaluate(folder, "calls.js")


def test_what_is_missing_is_null_and_instants_have_one_form(tmp_path):
    arguments = [
        "{}",
        "{ x: undefined, p: null, s: undefined, t: null }",
        "{ x: NaN }",
        "{ x: -Infinity, p: false, s: '', t: 5n }",
        "{ x: -0, t: -0 }",
        "{ t: 9007199254740992n }",
        "{ t: -(2n ** 63n) }",
    ]
    found = [dict(members) for members in calls(tmp_path, COLUMNS, arguments)]
    nothing = dict.fromkeys("xpst")
    assert found[:3] == [nothing] * 3
    assert found[3] == {"x": None, "p": False, "s": "", "t": 5}
    assert found[4] == {**nothing, "x": "-0", "t": 0}
    assert [one["t"] for one in found[5:]] == ["9007199254740992n", "-9223372036854775808n"]


@pytest.mark.parametrize(
    ("argument", "field", "seen", "allowed"),
    [
        ("{ x: '1' }", "x", "string 1", "a number or null"),
        ("{ x: 1n }", "x", "bigint 1", "a number or null"),
        ("{ x: true }", "x", "boolean true", "a number or null"),
        ("{ p: 1 }", "p", "number 1", "true, false or null"),
        ("{ s: 7 }", "s", "number 7", "a text or null"),
        ("{ s: ['a'] }", "s", "object a", "a text or null"),
        ("{ s: 'a\\ud800' }", "s", "string a\ud800", "Unicode text without lone surrogates"),
        ("{ t: 0.5 }", "t", "number 0.5", "whole microseconds"),
        ("{ t: 2 ** 53 }", "t", "number 9007199254740992", "whole microseconds"),
        ("{ t: NaN }", "t", "number NaN", "whole microseconds"),
        ("{ t: 2n ** 63n }", "t", "bigint 9223372036854775808", "whole microseconds"),
        ("{ t: new Date(0).toISOString() }", "t", "string 1970-01-01T00:00:00.000Z", "whole microseconds"),
        ("{ y: 1 }", "y", "string y", "p, s, t, x"),
        ("null", "(row)", "object null", "p, s, t, x"),
    ],
)
def test_what_is_no_row_is_an_input_error(argument, field, seen, allowed, tmp_path):
    (told,) = calls(tmp_path, COLUMNS, [argument])
    assert (told["name"], told["field"], told["seen"]) == ("InputError", field, seen)
    assert told["allowed"].startswith(allowed)


def test_names_that_objects_have_already(tmp_path):
    names = ["constructor", "__proto__", "toString", "two words", "é", "x-y", "class", '"\\']
    exprs = {name: column(name, Type.FLOAT) + index for index, name in enumerate(names)}
    empty, full = calls(tmp_path, exprs, ["{}", "{ constructor: 1, ['__proto__']: 2, 'two words': 3, class: 4 }"])
    assert dict(empty) == dict.fromkeys(names)
    assert dict(full) == {**dict.fromkeys(names), "constructor": 1, "__proto__": 3, "two words": 6, "class": 10}


def test_expressions_without_columns_and_no_expressions(tmp_path):
    half = {"half": literal(1.0) / 2, "none": literal(1.0) / 0}
    assert calls(tmp_path / "constant", half, ["{}"]) == [[["half", 0.5], ["none", None]]]
    assert calls(tmp_path / "empty", {}, ["{}"]) == [[]]


@pytest.mark.parametrize(
    "line",
    [
        'row({ x: "1" });',
        "row({ y: 1 });",
        "row({ t: new Date() });",
        "const found: number = row({}).x;",
        "row({}).x = 1;",
    ],
)
def test_the_compiler_refuses_what_the_function_would(line, tmp_path):
    runtime_in(tmp_path, runtime_files())
    (tmp_path / "row.ts").write_text(typescript_module(COLUMNS), "utf-8")
    right = 'import { row } from "./row.js";\nrow({ x: 1, s: undefined, t: 5n });\nexport const kept = row({}).t;\n'
    (tmp_path / "use.ts").write_text(right, "utf-8")
    assert node.typescript_errors(tmp_path) == []
    (tmp_path / "use.ts").write_text(f"{right}{line}\n", "utf-8")
    assert any("use.ts(4," in error for error in node.typescript_errors(tmp_path))


@pytest.mark.parametrize("name", ["", "two words", "class", "1st", "floor", "InputError", "Timestamp", "a_b", "$"])
def test_a_function_has_a_name_that_is_free(name):
    with pytest.raises(DefinitionError, match="cannot have"):
        typescript_module(COLUMNS, function=name)


def test_a_function_names_its_types():
    text = typescript_module(COLUMNS, function="onDemand")
    assert "export function onDemand(input: OnDemandInput): OnDemandOutput {" in text
    assert text == typescript_module(dict(COLUMNS), function="onDemand")


def test_the_runtime_has_the_tables_of_python_and_no_mathematics_of_the_engine():
    files = runtime_files()
    numbers = [float(word) for word in files["tables.ts"].replace(",", " ").split() if word[:1] in "-0123456789"]
    assert numbers == [*LOG, *EXP]
    inexact = ["exp", "expm1", "log", "log1p", "log2", "log10", "pow", "sin", "cos", "hypot", "cbrt", "fround"]
    everything = "".join(files.values())
    assert [name for name in inexact if f"Math.{name}(" in everything] == []
    assert "**" not in everything.replace("/**", "").replace("2n ** 63n", "").replace("2 ** 62", "")
    assert [
        word for word in ("Intl", "toLocale", "new Date", "Date.") if word in everything.replace("nor Intl", "")
    ] == []


def test_zones_written_as_text_are_those_of_python():
    for name in sorted(zone_names()):
        assert read_zone(zone_call(name)) == steps(name), name


def steps(name: str) -> tuple[int, list[tuple[int, int]], bool]:
    zone = load_zone(name)
    starts = [0, *(at // SECOND for at in zone.starts[1:])]
    assert [at * SECOND for at in starts[1:]] == list(zone.starts[1:])
    offsets = [offset // SECOND for offset in zone.offsets]
    assert [offset * SECOND for offset in offsets] == list(zone.offsets)
    assert zone.ends in (None, zone.starts[-1])
    gaps = [later - before for before, later in pairwise(starts)]
    return offsets[0], list(zip(gaps, offsets[1:], strict=True)), zone.ends is not None


def read_zone(call: str) -> tuple[int, list[tuple[int, int]], bool]:
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
    first, history, pairs, tail, ends = eval(call, {"zone": lambda *parts: parts, "true": True, "false": False})
    kinds = list(zip(pairs[::2], pairs[1::2], strict=True))
    return first, [*zip(history[::2], history[1::2], strict=True), *(kinds[digits.index(d)] for d in tail)], ends
