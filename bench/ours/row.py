"""The 35 expressions for one row after the other, by the generated Python."""

from __future__ import annotations

from typing import Any

from bench.child import serve
from bench.ours.on_demand import expressions, rows
from gapless.expr import compile_row
from gapless.expr.row_program import RowProgram


def prepare(options: dict[str, Any]) -> tuple[RowProgram, list[dict[str, Any]], int]:
    program = compile_row(expressions())
    table = rows(options["rows"])
    for row in table[:1000]:
        program(row)
    return program, table, options["passes"]


def work(state: tuple[RowProgram, list[dict[str, Any]], int]) -> None:
    program, table, passes = state
    for _ in range(passes):
        for row in table:
            program(row)


if __name__ == "__main__":
    serve(prepare, work, lambda options, result: None)
