"""Numbers about the code that may only improve.

A test that fails with "got worse" is answered by changing the code; raising a number by hand is a decision whose
reason belongs into the commit message. `python tests/test_ratchet.py` writes the better numbers into ratchet.json, with
`--accept` the worse ones too.
"""

from __future__ import annotations

import ast
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "gapless"
NUMBERS = Path(__file__).with_name("ratchet.json")

# Where the machine is read: these rooms are the edge, and pass on what they read.
EDGES = ("clock.py", "cli", "workspace", "workspace.py", "testing")
MACHINE_READS = {
    *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns"),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "os.environ", "os.getenv", "os.urandom"),
    *("uuid.uuid1", "uuid.uuid4", "socket.gethostname", "platform.node", "getpass.getuser", "secrets.token_hex"),
    *("random.random", "random.randint", "random.choice", "random.shuffle", "np.random.rand", "np.random.seed"),
}
SEEDED = {"np.random.default_rng", "numpy.random.default_rng", "random.Random"}
MOCKS = ("unittest.mock", "MagicMock", "mocker", "monkeypatch.setattr")


@cache
def trees(folder: Path) -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))}


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path, tree in trees(SRC).items():
        for node in ast.walk(tree):
            yield path, node


def file_lines() -> list[int]:
    return sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in trees(SRC))


def function_lines() -> list[int]:
    """Lines of each function from `def` to its end; a docstring is a contract and is not counted."""
    return sorted(_length(node) for _, node in nodes() if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    is_docstring = ast.get_docstring(function) is not None
    return lines - ((first.end_lineno or 0) - first.lineno + 1) * is_docstring


def catch_alls() -> int:
    """`except:`, `except Exception` and `except BaseException`."""
    handlers = [node for _, node in nodes() if isinstance(node, ast.ExceptHandler)]
    return sum(node.type is None or _dotted(node.type) in ("Exception", "BaseException") for node in handlers)


def machine_reads() -> int:
    """Reads of clock, environment and randomness outside the edge."""
    inside = [node for path, node in nodes() if path.relative_to(SRC).parts[0] not in EDGES]
    plain = sum(isinstance(node, ast.Attribute) and _dotted(node) in MACHINE_READS for node in inside)
    unseeded = sum(
        isinstance(node, ast.Call) and _dotted(node.func) in SEEDED and not node.args and not node.keywords
        for node in inside
    )
    return plain + unseeded


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def mocks() -> int:
    texts = [path.read_text(encoding="utf-8") for path in trees(ROOT / "tests") if path != Path(__file__)]
    return sum(text.count(word) for text in texts for word in MOCKS)


def public_names_without_docstring() -> int:
    return sum(ast.get_docstring(node) is None for tree in trees(SRC).values() for node in _public(tree))


def public_methods_without_docstring() -> int:
    classes = [node for tree in trees(SRC).values() for node in _public(tree) if isinstance(node, ast.ClassDef)]
    methods = [n for one in classes for n in one.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]
    return sum(ast.get_docstring(method) is None for method in methods)


def _public(module: ast.Module) -> list[ast.FunctionDef | ast.ClassDef]:
    """What the module defines and lists in `__all__`."""
    lists = [n.value for n in module.body if isinstance(n, ast.Assign) and _dotted(n.targets[0]) == "__all__"]
    names = {item.value for one in lists for item in ast.walk(one) if isinstance(item, ast.Constant)}
    return [n for n in module.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name in names]


@cache
def loaded_by(*arguments: str) -> frozenset[str]:
    """Modules that are loaded at the end of `python ARGUMENTS`, over those of an empty program."""
    code = "import atexit, sys; atexit.register(lambda: print('\\n' + ' '.join(sys.modules)));"
    run = f"import runpy; sys.argv = ['gapless', *{list(arguments[1:])!r}]; runpy.run_module('gapless')"
    body = (
        "import gapless" if arguments == ("import",) else run.replace("'gapless')", "'gapless', run_name='__main__')")
    )
    out = subprocess.run([sys.executable, "-c", code + body], capture_output=True, text=True, check=True).stdout
    return frozenset(out.splitlines()[-1].split())


def foreign(modules: frozenset[str]) -> set[str]:
    """Top-level packages among them that are neither Python's own nor gapless."""
    tops = {name.split(".")[0] for name in modules} - set(sys.stdlib_module_names) - {"gapless", "__main__"}
    bare = subprocess.run([sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True)
    return tops - {name.split(".")[0] for name in bare.stdout.split()}


MEASURES: dict[str, Callable[[], float]] = {
    "longest_file_lines": lambda: max(file_lines()),
    "file_lines_90th_percentile": lambda: file_lines()[int(len(file_lines()) * 0.9)],
    "longest_function_lines": lambda: max(function_lines()),
    "median_function_lines": lambda: statistics.median(function_lines()),
    "catch_alls": catch_alls,
    "machine_reads_outside_the_edge": machine_reads,
    "mocks_in_tests": mocks,
    "public_names_without_docstring": public_names_without_docstring,
    "public_methods_without_docstring": public_methods_without_docstring,
    "foreign_packages_loaded_by_import": lambda: len(foreign(loaded_by("import"))),
    "modules_loaded_by_import": lambda: sum(name.startswith("gapless") for name in loaded_by("import")),
    "foreign_packages_loaded_by_help": lambda: len(foreign(loaded_by("help", "--help"))),
    "modules_loaded_by_help": lambda: sum(name.startswith("gapless") for name in loaded_by("help", "--help")),
}


def recorded() -> dict[str, float]:
    numbers: dict[str, float] = json.loads(NUMBERS.read_text(encoding="utf-8"))
    return numbers


@pytest.mark.parametrize("name", MEASURES)
def test_a_number_only_improves(name):
    now, then = MEASURES[name](), recorded()[name]
    assert now <= then, f"{name} got worse: {now}, recorded {then}"
    assert now > then - max(1, 0.1 * then), f"{name} is better now: run `python tests/test_ratchet.py` to keep it so"


def test_the_root_and_the_help_load_no_heavy_library():
    heavy = {"numpy", "pyarrow", "numba", "pandas", "scipy", "sklearn", "onnx", "onnxruntime", "mlflow", "deltalake"}
    assert heavy & foreign(loaded_by("import")) == set()
    assert heavy & foreign(loaded_by("help", "--help")) == set()


def test_the_recorded_numbers_are_those_measured():
    assert sorted(recorded()) == sorted(MEASURES)


if __name__ == "__main__":
    before = {} if "--accept" in sys.argv[1:] else recorded()
    better = {name: min(measure(), before.get(name, float("inf"))) for name, measure in MEASURES.items()}
    NUMBERS.write_text(json.dumps(better, indent=2) + "\n", encoding="utf-8")
    print(NUMBERS.read_text(encoding="utf-8"))
