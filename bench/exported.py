"""Answers of an exported package in Node and headless Chromium: the flights model, 103 features, 100 trees.

The model learns from rows that were drawn, so its sizes are those of the example and its answers mean nothing. A row is
a request with what was looked up: checked, computed, scored and judged; alone means one call for each, together one
call for all. The fastest of some passes counts. Every answer is compared with Python's, whose time for computing and
scoring one row after the other is beside it.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import Options, say
from bench.report import Findings
from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle import Bundle, CodeVersion, feature_set
from gapless.bundle.opening import open_scorer
from gapless.bundle.profile import profile_of
from gapless.clock import parse_instant
from gapless.exporting import package_files, write_package
from gapless.product import Trust
from gapless.serving.vectors import Vectors
from gapless.training.fit import fit
from gapless.training.making import make_bundle

ROWS, PASSES = 2_000, 5
TIMER = Path(__file__).with_name("exported.mjs")


def run(options: Options) -> Findings:
    from tests.exporting.packages import built, in_chromium, in_node
    from tests.exporting.predictor import asked, python_answers, written

    bundle = _bundle(options.scratch / "bundle")
    files = package_files(bundle, product="flights", version="1")
    package = options.scratch / "package"
    write_package(package, files)
    built(package)
    rows = [{"request": row["request"], "features": row["features"]} for row in asked(bundle, options.rows(ROWS), 1)]
    found = Findings(figures={"rows": len(rows), **_sizes(package, files), "python_us": _python_us(bundle, rows)})
    expected = python_answers(bundle, rows, "1", Trust())
    told = {"rows": written(bundle, rows), "passes": PASSES}
    for name, evaluate in {"node": in_node, "chromium": in_chromium}.items():
        say(name)
        _record(found, name, [evaluate(package, TIMER, told) for _ in range(options.repeat)], expected)
    return found


def _bundle(folder: Path) -> Bundle:
    from tests.examples.load import module

    model = module("flights", "product").late_arrival
    draw = np.random.default_rng(0)
    rows = (draw.normal(size=(20_000, len(model.vector))) * 30).astype(np.float32)
    late = rows[:, 0] + rows[:, 1] + draw.normal(size=len(rows)) * 30 > 0
    rows[draw.random(rows.shape) < 0.05] = np.nan
    fitted = fit(model.estimator, rows[:18_000], late[:18_000], kind="classification")
    made = make_bundle(
        folder,
        model,
        fitted,
        rows[18_000:],
        profile=profile_of(rows[:18_000], model.vector, trained_until_us=parse_instant("2013-10-01")),
        runtime=OnnxRuntime(),
        data_hash="0" * 64,
        code=CodeVersion(),
        environment={},
        created_us=0,
    )
    return made.bundle


def _sizes(package: Path, files: dict[str, bytes]) -> dict[str, int]:
    """The model, what was written without tests, and the JavaScript that the compiler makes of it, not minified."""
    written = sum(len(data) for path, data in files.items() if not path.startswith("test/"))
    js = sum(path.stat().st_size for path in (package / "dist").rglob("*.js"))
    return {"model_bytes": len(files["model.onnx"]), "package_bytes": written, "js_bytes": js}


def _python_us(bundle: Bundle, rows: list[dict[str, Any]]) -> float:
    """One row after the other: on-demand features, vector, score."""
    vectors, scorer = Vectors(feature_set(bundle)), open_scorer(bundle, OnnxRuntime())
    took = []
    for _ in range(PASSES):
        began = time.perf_counter()
        for row in rows:
            scorer.score(vectors.row(row["request"], row["features"])[1])
        took.append(time.perf_counter() - began)
    return min(took) / len(rows) * 1e6


def _record(found: Findings, name: str, told: list[Any], expected: list[dict[str, Any]]) -> None:
    for figure in ("load_ms", "check_ms", "alone_us", "together_us"):
        found.figures[f"{name}_{figure}"] = statistics.median(one[figure] for one in told)
    pairs = [
        (a[key], b[key]) for a, b in zip(told[-1]["answers"], expected, strict=True) for key in ("probability", "trust")
    ]
    found.figures[f"{name}_values"] = len(pairs)
    found.figures[f"{name}_values_different"] = sum(a != b for a, b in pairs)
