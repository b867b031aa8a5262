"""A package answers like Python: in Node and in Chromium, for requests that nobody chose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gapless.adapters.onnx import OnnxRuntime
from gapless.bundle import Bundle
from gapless.bundle.opening import open_scorer
from gapless.exporting import package_files, write_package
from gapless.exporting.golden import vector_hex
from gapless.product import Trust
from scripts.servers import NPM_PINS
from tests.exporting.packages import built, in_chromium, in_node, npm
from tests.exporting.predictor import asked, differences, on_demand_bits, python_answers, written
from tests.exporting.rentals import KINDS, make

ROWS, ALONE = 400, 40
LARGEST = {("chromium", "linear"): 2e-7}
"""By so much an answer may differ from that of onnxruntime in Python, else by nothing: WebAssembly adds up the products
of a matrix in another order."""
RUNTIMES = {"node": in_node, "chromium": in_chromium}
LEVELS, IGNORED = {"entity_unseen": "ok", "asked_in_past": "unreliable"}, ["place", "shape__hour"]
POLICY = Trust(levels=LEVELS, ignore=IGNORED, max_model_age=None, missing_limit=0.25, range_margin=0.5)
RULES = {"levels": LEVELS, "ignore": IGNORED, "maxModelAgeUs": None, "missingLimit": 0.25, "rangeMargin": 0.5}


@pytest.fixture(scope="module", params=KINDS)
def rentals(request: Any, tmp_path_factory: Any) -> tuple[str, Bundle, Path]:
    """An estimator, a bundle, and the package that was made of it, ready to run."""
    folder = tmp_path_factory.mktemp(request.param)
    bundle = make(folder / "bundle", request.param)
    write_package(folder / "package", package_files(bundle, product="rentals", version="7"))
    return request.param, bundle, built(folder / "package")


def test_a_package_proves_itself(rentals: tuple[str, Bundle, Path]) -> None:
    ran = npm(rentals[2], "test")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "# fail 0" in ran.stdout
    assert "# pass 19" in ran.stdout


def test_what_the_readme_shows_compiles(rentals: tuple[str, Bundle, Path]) -> None:
    package = rentals[2]
    shown = re.findall(r"```ts\n(.*?)```", (package / "README.md").read_text(), re.DOTALL)
    assert len(shown) == 2
    shown_to_compile = package / "test" / "readme.ts"
    shown_to_compile.write_text("".join(shown))
    ran = npm(package, "exec", "--", "tsc", "-p", "tsconfig.test.json", "--noEmit")
    shown_to_compile.unlink()
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_answer_is_that_of_python(rentals: tuple[str, Bundle, Path], runtime: str) -> None:
    estimator, bundle, package = rentals
    rows = asked(bundle, ROWS, seed=1)
    told = RUNTIMES[runtime](
        package, NPM_PINS / "answers.mjs", {"rows": written(bundle, rows), "trust": {}, "alone": ALONE}
    )
    expected = python_answers(bundle, rows, "7", Trust())
    assert told["on_demand"] == on_demand_bits(bundle, rows)
    assert [without_numbers(row) for row in told["answers"]] == [without_numbers(row) for row in expected]
    assert max(differences(told["answers"], expected).values()) <= LARGEST.get((runtime, estimator), 0.0)
    assert told["alone"] == told["answers"][:ALONE], "alone and among others the bits are the same"
    assert len({row["trust"] for row in expected}) > 1


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_score_is_that_of_python(rentals: tuple[str, Bundle, Path], runtime: str) -> None:
    """Of vectors as the model learned from, which saturate nothing."""
    estimator, bundle, package = rentals
    vectors = (np.random.default_rng(3).normal(size=(ROWS, len(bundle.manifest.names))) * 10).astype(np.float32)
    told = RUNTIMES[runtime](package, NPM_PINS / "scores.mjs", vector_hex(vectors))
    expected = open_scorer(bundle, OnnxRuntime()).score(vectors)
    for name, values in (("prediction", expected.prediction), ("probability", expected.probability)):
        assert (told[name] is None) == (values is None)
        if values is not None:
            found = np.frombuffer(bytes.fromhex(told[name]), "<f4")
            assert np.abs(found - values).max() <= LARGEST.get((runtime, estimator), 0.0)
            assert len(set(values.tolist())) > 1


def test_other_rules_of_trust(rentals: tuple[str, Bundle, Path]) -> None:
    _, bundle, package = rentals
    rows = asked(bundle, ROWS, seed=2)
    told = in_node(package, NPM_PINS / "answers.mjs", {"rows": written(bundle, rows), "trust": RULES, "alone": 0})
    expected = python_answers(bundle, rows, "7", POLICY)
    assert [without_numbers(row) for row in told["answers"]] == [without_numbers(row) for row in expected]
    usual = python_answers(bundle, rows, "7", Trust())
    assert [row["reasons"] for row in expected] != [row["reasons"] for row in usual]


def test_the_authors_rules_of_trust_are_in_the_package(tmp_path: Path) -> None:
    """Where `loadModel` is told nothing."""
    bundle = make(tmp_path / "bundle", KINDS[0])
    files = package_files(bundle, product="rentals", version="7", trust=POLICY, freshness={"place": 5_000_000})
    write_package(tmp_path / "package", files)
    assert '["place", 5000000n]' in files["src/definition.ts"].decode()
    package = built(tmp_path / "package")
    rows = asked(bundle, ROWS, seed=2)
    told = in_node(package, NPM_PINS / "answers.mjs", {"rows": written(bundle, rows), "trust": {}, "alone": 0})
    expected = python_answers(bundle, rows, "7", POLICY)
    assert [without_numbers(row) for row in told["answers"]] == [without_numbers(row) for row in expected]
    ran = npm(package, "test")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def without_numbers(row: dict[str, Any]) -> dict[str, Any]:
    """All but the model's two numbers, kept is whether they are there; whole numbers as floats, as in JS."""
    there = {name: row[name] is not None for name in ("prediction", "probability")}
    reasons = [
        {name: float(fact) if type(fact) is int else fact for name, fact in why.items()} for why in row["reasons"]
    ]
    return row | there | {"reasons": reasons}
