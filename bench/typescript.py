"""The same 35 on-demand expressions as `row`, generated as TypeScript, in Node and in headless Chromium.

The fastest of some passes over the rows counts, since compilers and other processes only add; every value is compared
with Python's.
`far` is the same flights 400 years later, when calendars are the same and microseconds need a bigint.
Sizes are of the text as it is written and of the JavaScript that the compiler makes of it, not minified.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.measure import Options, say
from bench.ours.on_demand import COUNT, expressions, rows
from bench.report import Findings
from gapless.expr import compile_row
from gapless.expr.typescript import runtime_files, typescript_module

ROWS, PASSES = 10_000, 30
TIMER = """
import { row } from "./row.js";
const ERA = 146097n * 86400000000n;
const far = (us) => us === null ? null : BigInt(us) + ERA;
export default async (read) => {
  const { rows, passes } = JSON.parse(new TextDecoder().decode(await read("rows.json")));
  const begin = performance.now();
  row(rows[0]);
  const firstMs = performance.now() - begin;
  const once = (rows) => {
    const begin = performance.now();
    let kept = 0;
    for (const one of rows) if (row(one).late === true) kept++;
    return { ms: performance.now() - begin, kept };
  };
  const later = rows.map((one) => ({ ...one, scheduled_at: far(one.scheduled_at), asked_at: far(one.asked_at) }));
  const took = Array.from({ length: passes }, () => [once(rows).ms, once(later).ms]);
  const [us, farUs] = [0, 1].map((which) => Math.min(...took.map((one) => one[which])) / rows.length * 1000);
  return { first_us: firstMs * 1000, us, far_us: farUs, values: rows.map(row), far: later.map(row) };
};
"""


def run(options: Options) -> Findings:
    from tests import chromium, node

    count = options.rows(ROWS)
    folder = options.scratch / "package"
    found = Findings(figures={"expressions": COUNT, "rows": count, **_write(folder, count)})
    node.compiled(folder)
    found.figures |= {
        "module_js_bytes": (folder / "row.js").stat().st_size,
        "runtime_js_bytes": sum(file.stat().st_size for file in (folder / "runtime").glob("*.js")),
    }
    engines: dict[str, Callable[[Path, str], Any]] = {"node": node.evaluate, "chromium": chromium.evaluate}
    for name, evaluate in engines.items():
        say(name)
        _record(found, name, [evaluate(folder, "timer.js") for _ in range(options.repeat)], count)
    return found


def _write(folder: Path, count: int) -> dict[str, int]:
    """The package; how long its texts are."""
    (folder / "runtime").mkdir(parents=True)
    files, module = runtime_files(), typescript_module(expressions())
    for name, text in files.items():
        (folder / "runtime" / name).write_text(text, "utf-8")
    (folder / "row.ts").write_text(module, "utf-8")
    (folder / "timer.js").write_text(TIMER, "utf-8")
    (folder / "rows.json").write_text(json.dumps({"rows": rows(count), "passes": PASSES}), "utf-8")
    return {
        "module_bytes": len(module.encode()),
        "runtime_bytes": sum(len(text.encode()) for text in files.values()),
    }


def _record(found: Findings, name: str, told: list[Any], count: int) -> None:
    program = compile_row(expressions())
    right = [value for row in rows(count) for value in program(row).values()]
    values = [value for part in ("values", "far") for one in told[-1][part] for value in one.values()]
    wrong = sum(a != b for a, b in zip(values, right * 2, strict=True))
    for figure in ("us", "first_us", "far_us"):
        found.figures[f"{name}_{figure}"] = statistics.median(one[figure] for one in told)
    found.figures |= {f"{name}_values": len(values), f"{name}_values_different": wrong}
