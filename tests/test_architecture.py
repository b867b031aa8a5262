"""The layer table in ARCHITECTURE.md, held against every import: lazy, typing-only and by-name imports count too."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

ANYWHERE = "anywhere"
# Which rooms may import which library. A client library belongs to its adapter; what is not listed here is refused.
LIBRARIES: Mapping[str, tuple[str, ...] | str] = {
    "alembic": ("adapters/mlflow", "adapters/sql"),
    "click": ("cli",),
    "cloudpickle": ("testing",),
    "confluent_kafka": ("adapters/kafka",),
    "deltalake": ("adapters/delta",),
    "joblib": ("adopting",),
    "lmdb": ("adapters/lmdb",),
    "mlflow": ("adapters/mlflow",),
    "msgspec": ANYWHERE,
    "numba": ("expr", "ingest", "windows"),  # loops over columns
    "numpy": ANYWHERE,
    "onnx": ("bundle",),
    "onnxruntime": ("adapters/onnx",),
    "pandas": ("adopting", "features"),
    "prometheus_client": ("serving", "streaming"),
    "py4j": ("adapters/spark",),
    "pyarrow": ANYWHERE,
    "pyspark": ("adapters/spark",),
    "redis": ("adapters/redis",),
    "rich": ("cli", "drawing"),
    "skl2onnx": ("bundle",),
    "sklearn": ("bundle", "training"),
    "sqlalchemy": ("adapters/mlflow", "adapters/sql"),
    "starlette": ("serving",),
    "uvicorn": ("serving",),
}
# A value that the root holds itself: reading it imports nothing more.
VERSION = "gapless.__version__"
EDGES = ("cli", "console", "testing")


@dataclass(frozen=True)
class Import:
    """One import: from which module, of what, on which line."""

    module: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def layers(text: str) -> dict[str, int]:
    """Room to layer, from the Markdown table."""
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.MULTILINE)
    return {room: int(layer) for layer, room in rows}


def module_name(path: Path, src: Path) -> str:
    parts = path.relative_to(src).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(src: Path) -> dict[str, Path]:
    return {module_name(path, src): path for path in sorted(src.rglob("*.py"))}


def imports(module: str, path: Path, known: Mapping[str, Path]) -> Iterator[Import]:
    """Every import that the file holds, at any depth, resolved to the deepest module that it names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for target in targets(node, module, path.name == "__init__.py", known):
            yield Import(module, target, node.lineno)


def targets(node: ast.AST, module: str, is_package: bool, known: Mapping[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = absolute(node, module, is_package)
        for name in node.names:
            deeper = f"{base}.{name.name}"
            yield deeper if deeper in {*known, VERSION} else base
    elif (
        isinstance(node, ast.Constant) and "." in str(node.value) and node.value in known
    ):  # import_module("gapless.x")
        yield node.value


def absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join([*kept, node.module] if node.module else kept)


def room(module: str) -> str:
    """The room of a module of gapless; the root itself is the room `__init__`."""
    return [*module.split("."), "__init__"][1]


def place(module: str) -> str:
    """The room, and for an adapter its folder."""
    parts = module.split(".")[1:]
    return "/".join(parts[:2]) if parts[:1] == ["adapters"] else room(module)


def wrong_layers(found: list[Import], table: Mapping[str, int]) -> list[str]:
    return [str(one) for one in found if room(one.target) != room(one.module) and not is_below(one, table)]


def is_below(one: Import, table: Mapping[str, int]) -> bool:
    return one.target == VERSION or table.get(room(one.target), sys.maxsize) < table[room(one.module)]


def cycles(found: list[Import], known: Mapping[str, Path]) -> list[list[str]]:
    """Groups of modules that import each other (Tarjan's strongly connected components)."""
    graph = {name: sorted({one.target for one in found if one.module == name} & set(known)) for name in known}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in graph[name]:
            if target not in index:
                visit(target)
            if target in stack:
                low[name] = min(low[name], low[target])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1 or name in graph[name]:
                groups.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return groups


def wrong_libraries(found: list[Import]) -> list[str]:
    outside = [one for one in found if one.target.split(".")[0] not in {"gapless", *sys.stdlib_module_names}]
    return [str(one) for one in outside if not allowed(one)]


def allowed(one: Import) -> bool:
    rooms = LIBRARIES.get(one.target.split(".")[0], ())
    return rooms == ANYWHERE or place(one.module) in rooms or room(one.module) in rooms


TABLE = layers((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
MODULES = modules(SRC)
IMPORTS = [one for name, path in MODULES.items() for one in imports(name, path, MODULES)]
INSIDE = [one for one in IMPORTS if one.target.split(".")[0] == "gapless"]


def test_every_room_is_in_the_table_and_every_row_has_its_files():
    assert {room(name) for name in MODULES} == set(TABLE)


def test_imports_point_to_smaller_layers():
    assert wrong_layers(INSIDE, TABLE) == []


def test_no_module_imports_itself_by_a_detour():
    assert cycles(INSIDE, MODULES) == []


def test_only_the_entry_point_imports_an_edge():
    inward = [one for one in INSIDE if room(one.target) in EDGES and room(one.module) != room(one.target)]
    assert [str(one) for one in inward if one.module != "gapless.__main__"] == []


def test_an_adapter_does_not_know_another_technology():
    between = [one for one in INSIDE if place(one.module).startswith("adapters/") and room(one.target) == "adapters"]
    assert [str(one) for one in between if place(one.target) != place(one.module)] == []


def test_a_client_library_is_imported_in_its_own_place_only():
    assert wrong_libraries(IMPORTS) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import gapless.cli", ["gapless.cli"]),
        ("from gapless.windows import tiles, Window", ["gapless.windows.tiles", "gapless.windows"]),
        ("from gapless import expr", ["gapless.expr"]),
        ("from . import tiles", ["gapless.windows.tiles"]),
        ("from .tiles import Tile", ["gapless.windows.tiles"]),
        ("def f():\n    import numpy.linalg", ["numpy.linalg"]),
        ("if TYPE_CHECKING:\n    from gapless.cli import main", ["gapless.cli"]),
        ('module = importlib.import_module("gapless.cli")', ["gapless.cli"]),
        ("from gapless import Product", ["gapless"]),
        ("from gapless import __version__", ["gapless.__version__"]),
    ],
)
def test_every_way_to_import_is_seen(source, expected, tmp_path):
    file = tmp_path / "kernel.py"
    file.write_text(source)
    known = dict.fromkeys(("gapless.windows", "gapless.windows.tiles", "gapless.expr", "gapless.cli"), file)
    assert [one.target for one in imports("gapless.windows.kernel", file, known)] == expected


def test_the_checks_bite():
    """Each check is shown an import that it must refuse."""
    upward = Import("gapless.schema", "gapless.windows", 1)
    sideways = Import("gapless.windows.tiles", "gapless.expr.nodes", 1)
    rootward = Import("gapless.schema", "gapless", 1)
    table = {"schema": 1, "windows": 3, "expr": 3, "__init__": 10}
    assert len(wrong_layers([upward, sideways, rootward], table)) == 3
    circle = [Import("gapless.a", "gapless.b", 1), Import("gapless.b", "gapless.a", 1)]
    assert cycles(circle, dict.fromkeys(("gapless.a", "gapless.b"), Path())) == [["gapless.a", "gapless.b"]]
    assert wrong_libraries(
        [Import("gapless.serving.batch", "mlflow.tracking", 1), Import("gapless.expr", "nowhere", 1)]
    )
