"""A folder of generated TypeScript with the harness and the tables that it runs, as `vectors.ts` reads them.

op_add.ts …  one module for each operation, small enough that an engine compiles it to machine code
mixed.ts     expressions of expressions, which share parts
golden.ts    the golden vectors
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from gapless.expr import OPERATIONS, Expr, columns_of
from gapless.expr.golden import Vector, encode, vectors
from gapless.expr.nodes import build
from gapless.expr.typescript import runtime_files, typescript_module
from gapless.schema import Type
from tests.expr.adversarial import Answers, Case, cases, digest, digests, exchange, expected_of

__all__ = ["golden", "mixed", "mixed_answers", "package", "runtime_in"]

HARNESS = Path(__file__).parents[1] / "typescript" / "vectors.ts"
_MIXED = 150
_SEED = 20261129


def package(folder: Path, *, ops: Iterable[str] = OPERATIONS, runtime: Mapping[str, str] | None = None) -> Path:
    """Modules of these operations, everything that they need, and what is expected of them."""
    groups = {f"op_{op}": [case for case in cases() if case.op == op] for op in ops}
    wanted = {case.name: digests()[case.name] for group in groups.values() for case in group}
    groups["mixed"] = list(mixed())
    wanted |= {case.name: digest(answers) for case, answers in mixed_answers().items()}
    runtime_in(folder, runtime_files() if runtime is None else runtime)
    for name, group in groups.items():
        (folder / f"{name}.ts").write_text(typescript_module({case.name: case.expr for case in group}), "utf-8")
    found = typescript_module({name: vector.expr for name, vector in golden().items()})
    (folder / "golden.ts").write_text(found, "utf-8")
    (folder / "vectors.ts").write_text(HARNESS.read_text("utf-8"), "utf-8")
    modules = {name: _module(group, wanted) for name, group in groups.items()}
    (folder / "modules.json").write_text(json.dumps(modules), "utf-8")
    (folder / "vectors.json").write_text(json.dumps([_vector(*one) for one in golden().items()]), "utf-8")
    (folder / "table.bin").write_bytes(exchange())
    return folder


def runtime_in(folder: Path, files: Mapping[str, str]) -> None:
    """The runtime, where generated modules look for it."""
    (folder / "runtime").mkdir(parents=True)
    for name, text in files.items():
        (folder / "runtime" / name).write_text(text, "utf-8")


@cache
def golden() -> Mapping[str, Vector]:
    """The golden vectors by the name of their expression."""
    found: dict[str, Vector] = {}
    for vector in vectors():
        found[f"{vector.op}_{sum(one.op == vector.op for one in found.values())}"] = vector
    return found


@cache
def mixed() -> tuple[Case, ...]:
    """Expressions of `cases` whose columns are other expressions of these, two levels down; the same in every run."""
    choose = random.Random(_SEED)
    roots = [case.expr for case in cases() if case.expr.args]
    found = (_grown(choose.choice(roots), 2, choose) for _ in range(_MIXED))
    return tuple(Case("mixed", number, expr) for number, expr in enumerate(found))


@cache
def mixed_answers() -> Mapping[Case, Answers]:
    """What is expected of `mixed`."""
    return dict(zip(mixed(), expected_of(mixed()), strict=True))


def _grown(expr: Expr, levels: int, choose: random.Random) -> Expr:
    if not expr.args:
        others = _of_type(expr.type) if expr.op == "column" and levels else []
        return _grown(choose.choice(others), levels - 1, choose) if others and choose.random() < 0.8 else expr
    return build(Expr, expr.op, [_grown(arg, levels, choose) for arg in expr.args], dict(expr.params))


@cache
def _of_type(kind: Type) -> tuple[Expr, ...]:
    return tuple(case.expr for case in cases() if case.expr.type is kind)


def _module(group: Iterable[Case], wanted: Mapping[str, str]) -> dict[str, Any]:
    columns = sorted({name for case in group for name in columns_of(case.expr)})
    exprs = {case.name: {"type": case.expr.type.value, "digest": wanted[case.name]} for case in group}
    return {"columns": columns, "exprs": exprs}


def _vector(name: str, vector: Vector) -> dict[str, Any]:
    kinds = [*vector.columns.values(), vector.expr.type]
    rows = [[encode(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in vector.rows]
    columns = {column: kind.value for column, kind in vector.columns.items()}
    return {"name": name, "columns": columns, "type": vector.expr.type.value, "rows": rows}
