"""The on-demand features as TypeScript: a module for each on_demand, and one that names them in their order."""

from __future__ import annotations

from collections.abc import Sequence

from gapless.exporting.names import quoted
from gapless.expr import columns_of
from gapless.expr.typescript import runtime_files, typescript_module
from gapless.product import BoundOnDemand, FeatureSet

__all__ = ["expression_modules"]

_HEAD = """\
/** Generated: the on-demand features, each after what it reads. */
import type { Step } from "./steps.js";
"""


def expression_modules(features: FeatureSet) -> dict[str, str]:
    """Texts by path below src/."""
    parts = features.on_demands
    return {
        **({f"runtime/{name}": text for name, text in runtime_files().items()} if parts else {}),
        **{f"part{i}.ts": typescript_module(part.expressions, function=f"part{i}") for i, part in enumerate(parts)},
        "expressions.ts": _steps(parts),
    }


def _steps(parts: Sequence[BoundOnDemand]) -> str:
    imports = "".join(f'import {{ part{i} }} from "./part{i}.js";\n' for i in range(len(parts)))
    steps = "".join(f"  {_step(i, part)},\n" for i, part in enumerate(parts))
    return f"{_HEAD}{imports}\nexport const STEPS: readonly Step[] = [\n{steps}];\n"


def _step(i: int, part: BoundOnDemand) -> str:
    reads = ", ".join(quoted(name) for name in sorted(columns_of(*part.expressions.values())))
    return f'{{ name: {quoted(part.name)}, reads: [{reads}], run: part{i} as unknown as Step["run"] }}'
