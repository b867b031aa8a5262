"""Writes src/gapless/expr/golden/*.json. Run: python -m tests.expr.make_golden"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gapless.expr import OPERATIONS, OPSET_VERSION, Expr, compile_row, to_json
from gapless.expr.golden import encode
from tests.expr.cases import CASES, COLUMNS, columns_in, pool_rows

FOLDER = Path(__file__).parents[2] / "src" / "gapless" / "expr" / "golden"
_ROWS = 100


def case(op: str, expr: Expr) -> dict[str, Any]:
    names = columns_in(expr)
    program = compile_row({"out": expr})
    kinds = [COLUMNS[name] for name in names]
    rows = []
    for values in pool_rows(names, _ROWS):
        result = program(dict(zip(names, values, strict=True)))["out"]
        rows.append([*(encode(v, k) for v, k in zip(values, kinds, strict=True)), encode(result, expr.type)])
    return {
        "op": op,
        "expr": to_json(expr),
        "columns": {n: COLUMNS[n].value for n in names},
        "type": expr.type.value,
        "rows": rows,
    }


def files() -> dict[str, str]:
    """File name → text."""
    groups: dict[str, list[str]] = {}
    for op, operation in OPERATIONS.items():
        groups.setdefault(operation.group.lower(), []).extend(
            json.dumps(case(op, expr), ensure_ascii=True, separators=(",", ":")) for expr in CASES[op]
        )
    return {
        f"{group}.json": f'{{"opset":{OPSET_VERSION},"cases":[\n' + ",\n".join(cases) + "\n]}\n"
        for group, cases in groups.items()
    }


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, "utf-8")
        print(name, len(text))
